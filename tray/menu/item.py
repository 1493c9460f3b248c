"""A line of the menu, as a value."""

from dataclasses import dataclass

from tray.model import Command


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the menu; with `items` it is a submenu, with a `command` a click posts it.

    `checked` is None for a line without a mark; `radio`: of its checked siblings one at most is on. `default` is what
    a click on the icon itself does, where the system has such a click.
    """

    text: str
    command: Command | None = None
    checked: bool | None = None
    radio: bool = False
    enabled: bool = True
    items: tuple["Item", ...] = ()
    default: bool = False


SEPARATOR = Item("", enabled=False)
