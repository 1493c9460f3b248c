"""A line of the menu, as a value."""

from dataclasses import dataclass

from tray.commands import Command


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the menu: a command that a click posts, a submenu of `items`, or, with neither, a line of text.

    `checked`: None for a line without a mark. `radio`: at most one of its siblings is checked.
    """

    text: str
    command: Command | None = None
    checked: bool | None = None
    radio: bool = False
    enabled: bool = True
    items: tuple["Item", ...] = ()


SEPARATOR = Item("", enabled=False)
