"""The launch of an agent: which tools Claude Code has in a project, and what it and its commands may reach.

Claude Code's settings refuse each file tool that leaves the folder, in every mode; the sandbox confines commands.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from server.claude.protocol.frames import SERVER
from server.claude.worker.launch import KEEPS_TOOL_NAMES, launch_for
from server.conversation.request import Launch
from server.projects.project import DESKTOP_ONLY, Permission, Project

# The name of the MCP server with the tools for the desktop.
DESKTOP = "desktop"
# Edits run without a question inside the folder; `dontAsk` refuses whatever would need one. `plan` would read the
# whole disk, and `bypassPermissions` everything.
MODES: Mapping[Permission, str] = MappingProxyType(
    {"read-only": "dontAsk", "edit": "acceptEdits", "full": "acceptEdits"}
)
# What leads to an account or to another process of Claude Code. No command sees these.
SECRET_VARIABLES = (
    "ANTHROPIC_API_KEY",
    "ANTHROPIC_AUTH_TOKEN",
    "ANTHROPIC_CUSTOM_HEADERS",
    "AWS_ACCESS_KEY_ID",
    "AWS_BEARER_TOKEN_BEDROCK",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "CLAUDE_CODE_MESSAGING_SOCKET",
    "CLAUDE_CODE_MESSAGING_TOKEN",
    "CLAUDE_CODE_OAUTH_TOKEN",
    "CLAUDE_CONFIG_DIR",
    "CLAUDE_SECURESTORAGE_CONFIG_DIR",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "OPENAI_API_KEY",
    "SSH_AUTH_SOCK",
)
# CLAUDE_CODE_SUBPROCESS_ENV_SCRUB would hide them, too, but it also switches `acceptEdits` and the sandbox's own
# permission off (seen with 2.1.329).
# A job that ends after the answer would make Claude Code send a request that no client asked for.
_FIXED: Mapping[str, str] = MappingProxyType({"CLAUDE_CODE_DISABLE_BACKGROUND_TASKS": "1", **KEEPS_TOOL_NAMES})


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A working sandbox for commands. `hidden`: folders and files that a command in it cannot read."""

    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where a conversation is kept: Claude Code's `session` in the folder `config`. `is_known`: it is there already."""

    session: str
    config: Path
    is_known: bool = False


def agent_launch(
    cli: Path,
    environment: Mapping[str, str],
    project: Project,
    *,
    sandbox: Sandbox | None = None,
    resumption: Resumption | None = None,
    is_private: bool = True,
) -> Launch:
    """The launch of a process for `project`. Without a `sandbox`, every command has to be allowed by the user.

    Without a `resumption` nothing of the conversation is kept.
    """
    own = dict(_FIXED)
    if project.reads_claude_md:
        own["CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD"] = "1"
    launch = launch_for(cli, environment, is_private=is_private)
    child = dict(launch.environment) | own
    return Launch(
        cli=launch.cli,
        environment=tuple(sorted(child.items())),
        is_private=is_private or resumption is not None,
        arguments=tuple(_arguments(project, sandbox, resumption)),
        folder="" if project == DESKTOP_ONLY else str(project.folder),
        config=str(resumption.config) if resumption else "",
    )


def _arguments(project: Project, sandbox: Sandbox | None, resumption: Resumption | None) -> Iterable[str]:
    yield from ("--output-format", "stream-json", "--verbose", "--input-format", "stream-json")
    yield from ("--include-partial-messages", "--strict-mcp-config", "--disable-slash-commands")
    # Neither the user's nor the project's settings: their hooks would run.
    yield "--setting-sources="
    yield from ("--tools", ",".join(project.tools))
    servers = servers_of(project)
    # The user who names a server in a project's settings allows its tools.
    yield from ("--allowedTools", ",".join(f"mcp__{name}" for name in (SERVER, DESKTOP, *servers)))
    if servers:
        yield from ("--mcp-config", json.dumps({"mcpServers": servers}))
    yield from ("--permission-mode", MODES[project.permission], "--permission-prompt-tool", "stdio")
    yield from ("--settings", json.dumps(settings(project, sandbox)))
    if project.reads_claude_md:
        yield from ("--add-dir", str(project.folder))
    if resumption is None:
        yield "--no-session-persistence"
    elif resumption.is_known:
        # Otherwise the system prompt of the first answer would be sent again.
        yield from ("--resume", resumption.session, "--system-prompt-snapshot", "off")
    else:
        yield from ("--session-id", resumption.session)


def servers_of(project: Project) -> dict[str, dict[str, object]]:
    """The project's MCP servers by name. Their programs do not get the variables that lead to an account."""
    given = json.loads(project.mcp_servers) if project.mcp_servers else {}
    found = {}
    for name, server in given.items():
        hidden = dict.fromkeys(SECRET_VARIABLES, "") if "command" in server else {}
        found[name] = server | ({"env": hidden | dict(server.get("env") or {})} if hidden else {})
    return found


def settings(project: Project, sandbox: Sandbox | None) -> dict[str, object]:
    """Claude Code's settings: always the rules for paths, the sandbox where commands may run, and no text about git."""
    found: dict[str, object] = {
        "permissions": {
            "blockReadsOutsideWorkingDirectories": True,
            "blockWritesOutsideWorkingDirectories": True,
            "allow": [tool for tool in project.tools if tool in {"WebFetch", "WebSearch"}],
        },
        "includeCoAuthoredBy": False,
        "attribution": {"commit": "", "pr": ""},
    }
    if sandbox is not None and "Bash" in project.tools:
        found["sandbox"] = {
            "enabled": True,
            "failIfUnavailable": True,
            "autoAllowBashIfSandboxed": True,
            "allowUnsandboxedCommands": False,
            "filesystem": {"denyRead": list(sandbox.hidden), "allowRead": [str(project.folder)]},
            "network": {"allowedDomains": [], "strictAllowlist": True},
            "credentials": {"envVars": [{"name": name, "mode": "deny"} for name in SECRET_VARIABLES]},
        }
    return found
