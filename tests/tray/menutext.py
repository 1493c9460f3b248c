"""A menu as text for golden files, made from `menu_for`'s items or from a menu read from the bus."""

from collections.abc import Iterable
from typing import Literal

from tray.menu.item import SEPARATOR, Item

Mark = Literal["check", "radio"] | None


def menu_text(items: Iterable[Item]) -> str:
    """The whole menu, one item on each line."""
    return "\n".join(_lines(items, 0)) + "\n"


def menu_line(
    text: str, *, level: int, enabled: bool = True, mark: Mark = None, checked: bool = False, separator: bool = False
) -> str:
    """One line: two spaces for each level, `~` if disabled, `[x]` `[ ]` `(o)` `( )`, `---` for a separator."""
    if separator:
        return f"{'  ' * level}---"
    marks = {None: "", "check": "[x] " if checked else "[ ] ", "radio": "(o) " if checked else "( ) "}
    return f"{'  ' * level}{'' if enabled else '~'}{marks[mark]}{text}"


def _lines(items: Iterable[Item], level: int) -> Iterable[str]:
    for item in items:
        if item == SEPARATOR:
            yield menu_line("", level=level, separator=True)
            continue
        mark: Mark = None if item.checked is None else "radio" if item.radio else "check"
        yield menu_line(item.text, level=level, enabled=item.enabled, mark=mark, checked=bool(item.checked))
        yield from _lines(item.items, level + 1)
