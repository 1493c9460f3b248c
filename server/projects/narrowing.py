"""A project with fewer tools, for one request. Nothing here gives a project more than it has."""

import json
from collections.abc import Collection
from dataclasses import replace

from server.projects.project import PERMISSIONS, TOOLS, WEB_TOOLS, Permission, Project

# In `allowed_tools`, where an empty list means all of them.
_NO_TOOL = ("none",)


def has_level(project: Project, level: Permission) -> bool:
    """Whether the project's permission is `level` or more."""
    return PERMISSIONS.index(level) <= PERMISSIONS.index(project.permission)


def narrowed(
    project: Project, *, level: Permission, allowed: Collection[str], refused: Collection[str], only_reads: bool
) -> Project:
    """The project with at most `level`, the tools in `allowed` (empty: all), and without those in `refused`.

    A pattern such as Bash(git:*) allows nothing and refuses the whole tool, and so does the name of one tool of an MCP
    server, which is allowed as mcp__name. `*` at the end of a refused name is any text, and its case does not matter.
    `only_reads` excludes these servers: they may do anything.
    """
    level = level if has_level(project, level) else project.permission
    patterns = [one.partition("(")[0].casefold() for one in refused]
    names = {name for name in (*TOOLS[level], *WEB_TOOLS) if not _is_refused(name, patterns)}
    tools = tuple(tool for tool in project.tools if tool in names and (not allowed or tool in allowed))
    if (tools, level) != (project.tools, project.permission):
        project = replace(project, permission=level, allowed_tools=tools or _NO_TOOL)
    servers = json.loads(project.mcp_servers) if project.mcp_servers else {}
    kept = {
        name: server
        for name, server in servers.items()
        if not only_reads and (not allowed or f"mcp__{name}" in allowed) and not _is_refused(f"mcp__{name}", patterns)
    }
    if kept == servers:
        return project
    return replace(project, mcp_servers=json.dumps(kept, ensure_ascii=False) if kept else "")


def _is_refused(name: str, patterns: Collection[str]) -> bool:
    """Whether one of the patterns means the tool or the server, or a tool of the server."""
    whole = name.casefold()
    return any(
        whole == one or one.startswith(f"{whole}__") or (one.endswith("*") and f"{whole}__".startswith(one[:-1]))
        for one in patterns
    )
