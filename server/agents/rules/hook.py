"""Decides about each call before Claude Code runs it: the project's tools, its folder, and the limits of an answer."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from server.agents.rules.paths import place_outside
from server.projects.project import Project

Verdict = Literal["", "allow", "ask", "deny"]
"""What the hook answers. Empty: nothing, so that Claude Code's own rules decide."""


@dataclass(frozen=True, slots=True)
class OtherTools:
    """Tools besides Claude Code's own, which need no question: by name, and those of the project's MCP servers."""

    names: frozenset[str] = frozenset()
    servers: tuple[str, ...] = ()

    def __contains__(self, tool: str) -> bool:
        return tool in self.names or tool.startswith(tuple(f"mcp__{server}__" for server in self.servers))


NO_OTHERS = OtherTools()


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict about one call, and the sentence for Claude."""

    verdict: Verdict = ""
    reason: str = ""


def judged(
    project: Project,
    tool: str,
    given: Mapping[str, object],
    *,
    is_sandboxed: bool,
    others: OtherTools = NO_OTHERS,
) -> Judgement:
    """The judgement about a call of `tool`. Blocks for a moment."""
    if tool in others:
        return Judgement()
    if tool not in project.tools:
        return Judgement("deny", f"{tool} is not among the tools of this project ({', '.join(project.tools)}).")
    outside = place_outside(tool, given, project.folder)
    if outside is not None:
        return Judgement("deny", f"{outside} is outside the folder of this project.")
    if tool == "Bash" and not is_sandboxed:
        return Judgement("ask", "This computer has no sandbox for commands, so the user decides about each one.")
    return Judgement()
