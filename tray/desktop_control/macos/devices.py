"""The devices on macOS: pictures by mss, pointer and keys by pynput, text and windows by Quartz."""

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from server.desktop_tools.actions import Point, Window
from tray.desktop_control.camera import Camera, layout
from tray.desktop_control.devices import Box, NotOnThisDesktop, Pause
from tray.desktop_control.macos import windows
from tray.desktop_control.macos.main_thread import on_main
from tray.desktop_control.macos.watcher import MacWatcher, pointer
from tray.desktop_control.pynput_input import Keys, Pointer, PointerButtons

if TYPE_CHECKING:
    from PIL.Image import Image

    HIServices: Any
    Quartz: Any
else:
    import HIServices
    import Quartz

_KEY_S = 0.01
_CONTROLS = {"\n": "enter", "\t": "tab"}
# pynput scrolls ten pixels at a time.
_SCROLL = 5
# The system moves the pointer a moment after it was asked to.
_ARRIVAL_S = 0.5
# Of the American layout; pynput knows the other keys of any layout.
_SHIFTED = dict(zip('~!@#$%^&*()_+{}|:"<>?', "`1234567890-=[]\\;',./", strict=True))
_SETTINGS = "Open System Settings > Privacy & Security > {}, turn Drawbridge on, and start Drawbridge again."


def open_macos() -> "MacDevices":
    """Opens the devices. Raises `NotOnThisDesktop` where there is no screen, or while a permission is missing."""
    if Quartz.CGSessionCopyCurrentDictionary() is None:
        raise NotOnThisDesktop("There is no desktop session.", hint="Start Drawbridge on the Mac's own desktop.")
    # With the question of the system, which leads to the settings.
    if not HIServices.AXIsProcessTrustedWithOptions({HIServices.kAXTrustedCheckOptionPrompt: True}):
        raise NotOnThisDesktop(
            "macOS does not let Drawbridge use the pointer and the keyboard.", hint=_SETTINGS.format("Accessibility")
        )
    if not Quartz.CGPreflightScreenCaptureAccess():
        Quartz.CGRequestScreenCaptureAccess()
        raise NotOnThisDesktop(
            "macOS does not let Drawbridge see the screen.",
            hint=_SETTINGS.format("Screen Recording (named Screen & System Audio Recording in newer versions)"),
        )
    return MacDevices()


class MacDevices(PointerButtons):
    """`Devices` on macOS. Its points count from the top left corner of the whole screen, over all monitors."""

    def __init__(self) -> None:
        # Imported here, after the permissions were checked.
        from pynput import keyboard, mouse

        self._camera = Camera()
        self._pointer = Pointer(mouse.Controller(), mouse.Button, scroll=_SCROLL)
        self._keys = Keys(on_main(keyboard.Controller), keyboard.Key, _split)

    def size(self) -> tuple[int, int]:
        """The screen's width and height."""
        whole, _ = layout()
        return whole.right - whole.left, whole.bottom - whole.top

    def is_locked(self) -> bool:
        """Whether the screen is locked, or belongs to another user now."""
        session = Quartz.CGSessionCopyCurrentDictionary()
        if session is None:
            return True
        return bool(session.get("CGSSessionScreenIsLocked")) or not session.get("kCGSSessionOnConsoleKey", True)

    def picture(self, part: Box) -> "Image":
        """A picture of a part of the screen."""
        whole, _ = layout()
        return self._camera.picture(part, Point(whole.left, whole.top))

    def pointer(self) -> Point:
        """Where the pointer is."""
        return pointer(layout()[0])

    def move(self, to: Point) -> None:
        """Moves the pointer, and waits until it has arrived."""
        whole, _ = layout()
        self._pointer.move(Point(to.x + whole.left, to.y + whole.top))
        deadline = time.monotonic() + _ARRIVAL_S
        while pointer(whole) != to and time.monotonic() < deadline:
            time.sleep(0.002)

    def type_text(self, text: str, pause: Pause) -> None:
        """Types a text, until it is cancelled."""
        for letter in text:
            if pause(_KEY_S):
                return
            if letter in _CONTROLS:
                on_main(partial(self._keys.tap, _CONTROLS[letter]))
            else:
                on_main(partial(_type_letter, letter))

    def press_keys(self, keys: tuple[str, ...], pause: Pause) -> None:
        """Presses keys together and releases them."""
        on_main(lambda: self._keys.press_keys(keys, pause))

    def release_all(self) -> None:
        """Releases all that this object pressed."""
        self._pointer.release_all()
        on_main(self._keys.release_all)

    def window_at(self, point: Point) -> Window | None:
        """The window under a point."""
        whole, _ = layout()
        return windows.at(Point(point.x + whole.left, point.y + whole.top))

    def window_with_focus(self) -> Window | None:
        """The window that has the keyboard's focus."""
        return windows.with_focus()

    def windows_in(self, part: Box) -> tuple[Window, ...]:
        """All windows of which a picture of that part shows something."""
        whole, _ = layout()
        return windows.within(
            Box(part.left + whole.left, part.top + whole.top, part.right + whole.left, part.bottom + whole.top)
        )

    def watcher(self) -> MacWatcher:
        """A new watcher."""
        return MacWatcher()

    def close(self) -> None:
        """Disconnects."""
        self._camera.close()


def _split(letter: str) -> tuple[str, bool]:
    return _SHIFTED.get(letter, letter), letter in _SHIFTED


def _type_letter(letter: str) -> None:
    """Sends the character itself; pynput would send half of those that are longer than 16 bits."""
    length = len(letter.encode("utf-16-le")) // 2
    for is_down in (True, False):
        event = Quartz.CGEventCreateKeyboardEvent(None, 0, is_down)
        # Else the event has the modifiers that the person holds down.
        Quartz.CGEventSetFlags(event, 0)
        Quartz.CGEventKeyboardSetUnicodeString(event, length, letter)
        Quartz.CGEventPost(Quartz.kCGHIDEventTap, event)
