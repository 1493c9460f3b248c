"""A project: a folder of the user's, and what Claude Code's own tools may do there."""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

Permission = Literal["read-only", "edit", "full"]
"""`read-only` reads and searches files, `edit` also writes them, `full` also runs commands."""
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
TOOLS: dict[Permission, tuple[str, ...]] = {
    "read-only": ("Read", "Glob", "Grep"),
    "edit": ("Read", "Glob", "Grep", "Write", "Edit"),
    "full": ("Read", "Glob", "Grep", "Write", "Edit", "Bash"),
}
"""Claude Code's tools of each level."""
WEB_TOOLS = ("WebFetch", "WebSearch")


@dataclass(frozen=True, slots=True)
class Project:
    """A folder and its rules.

    `folder` is a real path. `allowed_tools`: fewer tools than the level has; empty: all of them. `web`: Claude may
    also fetch and search the web. `reads_claude_md`: the folder's CLAUDE.md counts. `mcp_servers`: the JSON text of
    Claude Code's `mcpServers` for this project; empty: none. `computer_use`: the tools for screen, pointer and
    keyboard. `is_ours`: Drawbridge made the folder, so it may delete it. `remote_keys`: ids of the named keys that may
    use the project through a tunnel or from other devices, as the user decided by hand. `identity` tells a folder that
    Drawbridge made from a later one at the same place.
    """

    id: str
    name: str
    folder: Path
    permission: Permission = "read-only"
    allowed_tools: tuple[str, ...] = ()
    web: bool = False
    reads_claude_md: bool = False
    mcp_servers: str = ""
    computer_use: bool = False
    is_ours: bool = False
    remote_keys: tuple[str, ...] = ()
    created_at: float = 0.0
    description: str = ""
    identity: str = ""
    changed_at: float = 0.0

    @property
    def tools(self) -> tuple[str, ...]:
        """The names of Claude Code's tools that the project has."""
        level = TOOLS[self.permission] + (WEB_TOOLS if self.web else ())
        return tuple(tool for tool in level if not self.allowed_tools or tool in self.allowed_tools)


DESKTOP_ONLY = Project("computer", "computer", Path(), allowed_tools=("none",), computer_use=True)
"""No folder: Claude has only the tools for the desktop. A project of the user's with this name goes first."""

_ID = re.compile(r"proj-[0-9a-f]{12}")


def new_id() -> str:
    """An id that no other project has or had."""
    return f"proj-{secrets.token_hex(6)}"


def is_id(text: str) -> bool:
    """Whether `text` looks like an id, which no name may."""
    return _ID.fullmatch(text.casefold()) is not None
