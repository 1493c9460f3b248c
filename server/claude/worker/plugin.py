"""A private plugin of Claude Code: system prompts as agents, in files that exist only while Claude Code reads them."""

import json
from collections.abc import Mapping
from pathlib import Path

from server.conversation.text import is_blank

DESCRIPTION = "A conversation."
_NAME = "drawbridge"


def is_readable(system: str) -> bool:
    """Whether an agent's file gives Claude this system prompt unchanged: white space at its ends would be lost."""
    return not system or not (is_blank(system[0]) or is_blank(system[-1]))


class Plugin:
    """The plugin in the new folder `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._agents = folder / "agents"
        manifest = folder / ".claude-plugin" / "plugin.json"
        for new in (folder, self._agents, manifest.parent):
            new.mkdir(mode=0o700)
        manifest.write_text(json.dumps({"name": _NAME, "version": "1.0.0", "description": DESCRIPTION}))

    def agent(self, name: str) -> str:
        """The name by which Claude Code knows an agent of the plugin."""
        return f"{_NAME}:{name}"

    def write(self, agents: Mapping[str, str]) -> None:
        """Writes a file for each agent, by their prompts."""
        for prompt, name in agents.items():
            head = f"---\nname: {name}\ndescription: {DESCRIPTION}\n---\n\n"
            (self._agents / f"{name}.md").write_bytes(f"{head}{prompt}\n".encode())

    def clear(self) -> None:
        """Removes the files."""
        for path in self._agents.iterdir():
            path.unlink(missing_ok=True)
