"""Observes the person on macOS: keys by a monitor of AppKit's, and the pointer is asked for."""

import math
import threading
from typing import TYPE_CHECKING, Any

from server.desktop_tools.actions import Point
from tray.desktop_control.camera import layout
from tray.desktop_control.devices import Box
from tray.desktop_control.macos.main_thread import on_main

if TYPE_CHECKING:
    AppKit: Any
    Quartz: Any
else:
    import AppKit
    import Quartz

_ESCAPE = 53
_KEY_DOWN_MASK = 1 << 10
_SHIFT, _CONTROL, _OPTION, _COMMAND = (1 << bit for bit in range(17, 21))
_MODIFIERS = _SHIFT | _CONTROL | _OPTION | _COMMAND


class MacWatcher:
    """A `Watcher`. pynput's own would ask for the keyboard's layout on another thread, which ends the program."""

    hot_key = "Control+Option+Esc"

    def __init__(self) -> None:
        self._pressed = threading.Event()
        self._whole, self._monitors = layout()
        self._monitor = on_main(
            lambda: AppKit.NSEvent.addGlobalMonitorForEventsMatchingMask_handler_(_KEY_DOWN_MASK, self._on_key)
        )

    def wait(self, seconds: float) -> bool:
        """Waits for the hot key; returns whether it was pressed."""
        return self._pressed.wait(seconds)

    def pointer(self) -> Point:
        """Where the pointer is."""
        return pointer(self._whole)

    def monitors(self) -> tuple[Box, ...]:
        """Where the monitors are on the screen."""
        return self._monitors

    def close(self) -> None:
        """Ends the observation."""
        monitor, self._monitor = self._monitor, None
        if monitor is not None:
            on_main(lambda: AppKit.NSEvent.removeMonitor_(monitor))

    def _on_key(self, event: Any) -> None:
        if event.keyCode() == _ESCAPE and event.modifierFlags() & _MODIFIERS == _CONTROL | _OPTION:
            self._pressed.set()


def pointer(whole: Box) -> Point:
    """Where the pointer is, from the top left corner of the whole screen."""
    found = Quartz.CGEventGetLocation(Quartz.CGEventCreate(None))
    return Point(math.floor(found.x) - whole.left, math.floor(found.y) - whole.top)
