"""Which of the windows that lie on each other can be seen."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from tray.desktop_control.devices import Box

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """A window on the screen. One that is not opaque may show what is below."""

    window: T
    box: Box
    is_opaque: bool


def visible(windows: Iterable[Shown[T]], part: Box) -> Iterator[T]:
    """Those of which `part` shows something, of windows from the highest to the lowest.

    One counts as hidden if a single opaque window covers it; what several cover together counts as seen.
    """
    cover: list[Box] = []
    for shown in windows:
        seen = shown.box.clipped(part)
        if not shown.box.meets(part) or any(seen == seen.clipped(box) for box in cover):
            continue
        yield shown.window
        if shown.is_opaque:
            cover.append(shown.box)
