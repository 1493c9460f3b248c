"""The devices on Windows: pictures by mss, pointer and keys by pynput, windows by Windows' own functions."""

import ctypes
from ctypes import wintypes
from typing import TYPE_CHECKING, Any

from server.desktop_tools.actions import Point, Window
from tray.desktop_control.camera import Camera, layout
from tray.desktop_control.devices import Box, NotOnThisDesktop, Pause
from tray.desktop_control.pynput_input import Keys, Pointer, PointerButtons
from tray.desktop_control.windows.calls import Calls, load
from tray.desktop_control.windows.watcher import WindowsWatcher, pointer
from tray.desktop_control.windows.windows import Windows

if TYPE_CHECKING:
    from PIL.Image import Image

_KEY_S = 0.005
_CONTROLS = {"\n": "enter", "\t": "tab"}
# OpenInputDesktop may read objects; UOI_NAME.
_READ_OBJECTS, _NAME = 0x1, 2
_DESKTOP = "Default"


def open_windows() -> "WindowsDevices":
    """Opens the devices. Raises `NotOnThisDesktop` in a session without a screen, such as a service's."""
    calls = load()
    whole, monitors = layout()
    if not monitors or whole.right <= whole.left:
        raise NotOnThisDesktop("This session of Windows has no screen.")
    return WindowsDevices(calls)


class WindowsDevices(PointerButtons):
    """`Devices` on Windows. Its points count from the top left corner of the whole screen, over all monitors."""

    def __init__(self, calls: Calls) -> None:
        # Imported here: other systems do not have it.
        from pynput import keyboard, mouse

        self._calls = calls
        self._camera = Camera()
        self._windows = Windows(calls)
        self._pointer = Pointer(mouse.Controller(), mouse.Button)
        self._codes = keyboard.KeyCode
        self._keys = Keys(keyboard.Controller(), keyboard.Key, self._split)

    def size(self) -> tuple[int, int]:
        """The screen's width and height."""
        whole = self._whole()
        return whole.right - whole.left, whole.bottom - whole.top

    def is_locked(self) -> bool:
        """Whether another desktop than the person's has the input: the lock screen, or a question of Windows' own."""
        desktop = self._calls.user32.OpenInputDesktop(0, False, _READ_OBJECTS)  # noqa: FBT003
        if not desktop:
            return True
        name, needed = ctypes.create_unicode_buffer(64), wintypes.DWORD()
        self._calls.user32.GetUserObjectInformationW(desktop, _NAME, name, ctypes.sizeof(name), ctypes.byref(needed))
        self._calls.user32.CloseDesktop(desktop)
        return name.value != _DESKTOP

    def picture(self, part: Box) -> "Image":
        """A picture of a part of the screen."""
        whole = self._whole()
        return self._camera.picture(part, Point(whole.left, whole.top))

    def pointer(self) -> Point:
        """Where the pointer is."""
        return pointer(self._calls.user32, self._whole())

    def move(self, to: Point) -> None:
        """Moves the pointer."""
        self._pointer.move(self._to_system(to))

    def type_text(self, text: str, pause: Pause) -> None:
        """Types a text, until it is cancelled."""
        for letter in text:
            if pause(_KEY_S):
                return
            if letter in _CONTROLS:
                self._keys.tap(_CONTROLS[letter])
            else:
                type_letter(letter)

    def press_keys(self, keys: tuple[str, ...], pause: Pause) -> None:
        """Presses keys together and releases them."""
        self._keys.press_keys(keys, pause)

    def release_all(self) -> None:
        """Releases all that this object pressed."""
        self._pointer.release_all()
        self._keys.release_all()

    def window_at(self, point: Point) -> Window | None:
        """The window under a point."""
        return self._windows.at(self._to_system(point))

    def window_with_focus(self) -> Window | None:
        """The window that has the keyboard's focus."""
        return self._windows.with_focus()

    def windows_in(self, part: Box) -> tuple[Window, ...]:
        """All windows of which a picture of that part shows something."""
        whole = self._whole()
        return self._windows.within(
            Box(part.left + whole.left, part.top + whole.top, part.right + whole.left, part.bottom + whole.top)
        )

    def watcher(self) -> WindowsWatcher:
        """A new watcher, for the calling thread."""
        return WindowsWatcher(self._calls)

    def close(self) -> None:
        """Disconnects."""
        self._camera.close()

    def _whole(self) -> Box:
        return layout()[0]

    def _to_system(self, point: Point) -> Point:
        whole = self._whole()
        return Point(point.x + whole.left, point.y + whole.top)

    def _split(self, letter: str) -> tuple[Any, bool]:
        """The key that has this character in the layout, and whether with Shift: pynput knows only those without."""
        found = self._calls.user32.VkKeyScanW(letter) if len(letter.encode("utf-16-le")) == 2 else -1
        # The second byte has a bit for Shift, and others for Ctrl and Alt.
        if found == -1 or found >> 8 & 0xFE:
            return letter, False
        return self._codes.from_vk(found & 0xFF), bool(found >> 8 & 1)


def type_letter(letter: str) -> None:
    """Sends the character itself, whatever the layout and Caps Lock are; pynput would look for its key first."""
    from pynput._util import win32

    data = letter.encode("utf-16-le")
    units = [int.from_bytes(data[place : place + 2], "little") for place in range(0, len(data), 2)]
    flags = win32.KEYBDINPUT.UNICODE
    events = [
        win32.INPUT(win32.INPUT.KEYBOARD, win32.INPUT_union(ki=win32.KEYBDINPUT(dwFlags=flag, wScan=unit)))
        for flag in (flags, flags | win32.KEYBDINPUT.KEYUP)
        for unit in units
    ]
    block = (win32.INPUT * len(events))(*events)
    win32.SendInput(len(events), ctypes.byref(block), ctypes.sizeof(win32.INPUT))
