"""The menu's keys of apps: a new one for an app that is known, and the existing ones to revoke."""

from server.connect.clients import TITLES, ClientName
from tray.commands import AppKey
from tray.menu.item import SEPARATOR, Item, text_line
from tray.model import Snapshot

# The apps that people give keys to; the page takes any name.
_APPS: tuple[ClientName, ...] = (
    *("cursor", "talon", "cline", "continue", "open-webui", "codex", "claude-code", "opencode", "jetbrains", "raycast"),
)
_MOST = 12


def app_keys_item(snapshot: Snapshot) -> Item:
    """The submenu with the keys of apps."""
    names = snapshot.app_keys
    new = Item("New key for an app (copied once)", items=tuple(_new(TITLES[app]) for app in _APPS))
    return Item(
        f"Keys for apps: {len(names) or 'none'}",
        items=(
            new,
            *((SEPARATOR,) if names else ()),
            *(Item(name, items=(Item("Revoke", AppKey("revoke", name)),)) for name in names[:_MOST]),
            *((text_line("The other keys are on the dashboard"),) if len(names) > _MOST else ()),
        ),
    )


def _new(title: str) -> Item:
    return Item(title, AppKey("create", title))
