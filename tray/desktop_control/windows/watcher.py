"""Observes the person on Windows: the hot key is registered, the pointer is asked for."""

import ctypes
from ctypes import wintypes

from server.desktop_tools.actions import Point
from tray.desktop_control.camera import layout
from tray.desktop_control.devices import Box
from tray.desktop_control.windows.calls import Calls

_ESCAPE = 0x1B
_ALT, _CONTROL, _SHIFT, _NO_REPEAT = 0x1, 0x2, 0x4, 0x4000
# The first that no other program has.
_HOT_KEYS = (("Ctrl+Alt+Esc", _CONTROL | _ALT), ("Ctrl+Alt+Shift+Esc", _CONTROL | _ALT | _SHIFT))
_ID = 1
_WM_HOTKEY = 0x0312
_ANY_INPUT = 0x04FF
_REMOVE = 1


class WindowsWatcher:
    """A `Watcher`. Windows sends the hot key to the thread that registered it, whichever window is in front."""

    def __init__(self, calls: Calls) -> None:
        self._user32 = calls.user32
        self._whole, self._monitors = layout()
        self.hot_key = next(
            (
                words
                for words, modifiers in _HOT_KEYS
                if self._user32.RegisterHotKey(None, _ID, modifiers | _NO_REPEAT, _ESCAPE)
            ),
            "",
        )

    def wait(self, seconds: float) -> bool:
        """Waits for the hot key; returns whether it was pressed."""
        self._user32.MsgWaitForMultipleObjects(0, None, False, int(1000 * seconds), _ANY_INPUT)  # noqa: FBT003
        message = wintypes.MSG()
        was_pressed = False
        while self._user32.PeekMessageW(ctypes.byref(message), None, 0, 0, _REMOVE):
            was_pressed |= message.message == _WM_HOTKEY
        return was_pressed

    def pointer(self) -> Point:
        """Where the pointer is."""
        return pointer(self._user32, self._whole)

    def monitors(self) -> tuple[Box, ...]:
        """Where the monitors are on the screen."""
        return self._monitors

    def close(self) -> None:
        """Gives the hot key free."""
        if self.hot_key:
            self._user32.UnregisterHotKey(None, _ID)


def pointer(user32: ctypes.CDLL, whole: Box) -> Point:
    """Where the pointer is, from the top left corner of the whole screen."""
    found = wintypes.POINT()
    user32.GetCursorPos(ctypes.byref(found))
    return Point(found.x - whole.left, found.y - whole.top)
