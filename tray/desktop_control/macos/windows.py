"""The windows of macOS, by Quartz: which one is under a point, has the keyboard, or is seen in a picture."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from server.desktop_tools.actions import Point, Window
from tray.desktop_control.devices import Box
from tray.desktop_control.stacking import Shown, visible

if TYPE_CHECKING:
    AppKit: Any
    Quartz: Any
else:
    import AppKit
    import Quartz

# The pointer is a window on a layer above all others.
_POINTER_LAYER = 2_000_000_000


def at(point: Point) -> Window | None:
    """The highest window under a point."""
    return next((_named(shown.window) for shown in _shown() if shown.box.has(point)), None)


def with_focus() -> Window | None:
    """The highest window of the program in front, which has the keyboard."""
    program = AppKit.NSWorkspace.sharedWorkspace().frontmostApplication()
    if program is None:
        return None
    pid = int(program.processIdentifier())
    for shown in _shown():
        if shown.window.get("kCGWindowLayer") == 0 and shown.window.get("kCGWindowOwnerPID") == pid:
            return _named(shown.window)
    return Window("", str(program.localizedName() or ""), pid)


def within(part: Box) -> tuple[Window, ...]:
    """The windows of which the part shows something, the highest first."""
    return tuple(dict.fromkeys(_named(window) for window in visible(_shown(), part)))


def _shown() -> Iterator[Shown[Any]]:
    found = Quartz.CGWindowListCopyWindowInfo(Quartz.kCGWindowListOptionOnScreenOnly, Quartz.kCGNullWindowID)
    # The highest window comes first.
    for window in found or ():
        alpha = window.get("kCGWindowAlpha", 1.0)
        if window.get("kCGWindowLayer", 0) >= _POINTER_LAYER or not alpha:
            continue
        bounds = window["kCGWindowBounds"]
        left, top = int(bounds["X"]), int(bounds["Y"])
        # Windows may have translucent parts; only those of the lowest layer are programs' usual ones.
        is_opaque = alpha == 1.0 and window.get("kCGWindowLayer") == 0
        yield Shown(window, Box(left, top, left + int(bounds["Width"]), top + int(bounds["Height"])), is_opaque)


def _named(window: Any) -> Window:
    pid = window.get("kCGWindowOwnerPID")
    return Window(
        # Without the right to record the screen, there is no name.
        str(window.get("kCGWindowName") or ""),
        str(window.get("kCGWindowOwnerName") or ""),
        None if pid is None else int(pid),
    )
