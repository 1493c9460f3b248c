"""A private plugin of Claude Code, which gives system prompts to a running process as agents of the plugin.

A file of an agent names an option of the plugin, and the option's value is the prompt. Claude Code trims an agent's
text and replaces variables such as `${CLAUDE_PLUGIN_ROOT}` in it, but not in the value, which reaches it through stdin.
So prompts arrive unchanged, and none is in a file.
"""

import json
from collections.abc import Mapping
from pathlib import Path

DESCRIPTION = "A conversation."
_NAME = "drawbridge"
_MANIFEST = {
    "name": _NAME,
    "version": "1.0.0",
    "description": DESCRIPTION,
    # Without an option of some name here, Claude Code fills in none.
    "userConfig": {"prompt": {"type": "string", "title": "Prompt", "description": DESCRIPTION}},
}


class Plugin:
    """The plugin in the new folder `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._agents = folder / "agents"
        manifest = folder / ".claude-plugin" / "plugin.json"
        for new in (folder, self._agents, manifest.parent):
            new.mkdir(mode=0o700)
        manifest.write_text(json.dumps(_MANIFEST))

    def agent(self, name: str) -> str:
        """The name by which Claude Code knows an agent of the plugin."""
        return f"{_NAME}:{name}"

    def add(self, name: str) -> None:
        """Adds an agent. Claude Code reads it, and its prompt, at the next `reload_plugins`."""
        text = f"---\nname: {name}\ndescription: {DESCRIPTION}\n---\n\n${{user_config.{name}}}\n"
        (self._agents / f"{name}.md").write_text(text)

    def remove(self, name: str) -> None:
        """Removes an agent. Claude Code forgets it at the next `reload_plugins`."""
        (self._agents / f"{name}.md").unlink(missing_ok=True)

    def settings(self, prompts: Mapping[str, str]) -> dict[str, object]:
        """The setting with the prompts of all agents, by their names."""
        return {"pluginConfigs": {f"{_NAME}@inline": {"options": prompts}}}
