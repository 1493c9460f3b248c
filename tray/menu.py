"""The menu, the tooltip and the notifications as words, made from one Snapshot and from nothing else."""

from dataclasses import dataclass

from tray.icons import Picture
from tray.model import Command, Snapshot


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


def menu_for(snapshot: Snapshot) -> tuple[Item, ...]:
    """The whole menu."""
    return (Item(tooltip_for(snapshot), enabled=False),)


def tooltip_for(snapshot: Snapshot) -> str:
    """One line for the icon."""
    return f"Drawbridge: {snapshot.status.state.value}"


def picture_for(snapshot: Snapshot) -> Picture:
    """What the icon shows."""
    del snapshot
    return Picture.RAISED
