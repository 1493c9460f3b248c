"""A line of the menu, as a value."""

from dataclasses import dataclass

from tray.commands import Command


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the menu: a command, a submenu, or a text. `checked` None: no mark; `radio`: one sibling is checked."""

    text: str
    command: Command | None = None
    checked: bool | None = None
    radio: bool = False
    enabled: bool = True
    items: tuple["Item", ...] = ()


SEPARATOR = Item("", enabled=False)


def text_line(text: str) -> Item:
    """A line of text. An empty one would be a separator."""
    return Item(text or "?", enabled=False)
