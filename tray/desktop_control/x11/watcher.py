"""Observes the person on X11, over a connection of its own: the hot key is grabbed, the pointer is asked for."""

import select
from contextlib import suppress
from typing import Any

from Xlib import XK, X, error
from Xlib.display import Display

from server.desktop_tools.actions import Point
from tray.desktop_control.devices import Box

# The first that no other program has: KDE uses the first one itself, and GNOME the first two.
_HOT_KEYS = (
    ("Ctrl+Alt+Esc", X.ControlMask | X.Mod1Mask, XK.XK_Escape),
    ("Ctrl+Alt+Shift+Esc", X.ControlMask | X.Mod1Mask | X.ShiftMask, XK.XK_Escape),
    ("Ctrl+Alt+End", X.ControlMask | X.Mod1Mask, XK.XK_End),
)
# With Caps Lock, with Num Lock, with both, and without.
_LOCKS = (0, X.LockMask, X.Mod2Mask, X.LockMask | X.Mod2Mask)


class X11Watcher:
    """A `Watcher`."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        self._root = self._display.screen().root
        self.hot_key = next((words for words, modifiers, key in _HOT_KEYS if self._grab(modifiers, key)), "")

    def wait(self, seconds: float) -> bool:
        """Waits for the hot key; returns whether it was pressed."""
        if not self._display.pending_events():
            select.select([self._display.fileno()], [], [], seconds)
        was_pressed = False
        while self._display.pending_events():
            was_pressed |= self._display.next_event().type == X.KeyPress
        return was_pressed

    def pointer(self) -> Point:
        """Where the pointer is."""
        return pointer(self._root)

    def monitors(self) -> tuple[Box, ...]:
        """Where the monitors are on the screen."""
        if self._display.has_extension("XINERAMA"):
            screens = self._display.xinerama_query_screens().screens
            if screens:
                return tuple(Box(one.x, one.y, one.x + one.width, one.y + one.height) for one in screens)
        size = self._root.get_geometry()
        return (Box(0, 0, size.width, size.height),)

    def close(self) -> None:
        """Disconnects, which gives the hot key free."""
        with suppress(error.ConnectionClosedError, OSError):
            self._display.close()

    def _grab(self, modifiers: int, key: int) -> bool:
        """Takes the key for us; False if another program has it."""
        code = self._display.keysym_to_keycode(key)
        failed = error.CatchError(error.BadAccess)
        for locks in _LOCKS:
            mode = X.GrabModeAsync
            self._root.grab_key(code, modifiers | locks, False, mode, mode, onerror=failed)  # noqa: FBT003
        self._display.sync()
        if failed.get_error():
            for locks in _LOCKS:
                self._root.ungrab_key(code, modifiers | locks)
            return False
        return True


def pointer(root: Any) -> Point:
    """Where the pointer is."""
    found = root.query_pointer()
    return Point(found.root_x, found.root_y)
