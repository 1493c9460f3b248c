"""The windows of Windows: which one is under a point, has the keyboard, or is seen in a picture."""

import ctypes
from collections.abc import Callable, Iterator
from ctypes import wintypes
from pathlib import PureWindowsPath

from server.desktop_tools.actions import Point, Window
from tray.desktop_control.devices import Box
from tray.desktop_control.stacking import Shown, visible
from tray.desktop_control.windows.calls import Calls

_ROOT = 2
_EXTENDED_STYLE = -20
# Layered windows may be translucent; through transparent ones the pointer reaches what is below.
_NOT_OPAQUE = 0x00080000 | 0x00000020
_FRAME_BOUNDS, _CLOAKED = 9, 14
_MAY_ASK_ITS_NAME = 0x1000
_LONGEST = 1024
# The windows of apps from the store belong to this program; the app's own window is inside.
_HOST = "ApplicationFrameHost.exe"


class Windows:
    """Asks Windows. Points and boxes are in the system's coordinates."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._user32 = calls.user32

    def at(self, point: Point) -> Window | None:
        """The window under a point."""
        found = self._user32.WindowFromPoint(wintypes.POINT(point.x, point.y))
        return self._named(self._user32.GetAncestor(found, _ROOT) or found) if found else None

    def with_focus(self) -> Window | None:
        """The window in front, which has the keyboard."""
        found = self._user32.GetForegroundWindow()
        return self._named(found) if found else None

    def within(self, part: Box) -> tuple[Window, ...]:
        """The windows of which the part shows something, the highest first."""
        return tuple(dict.fromkeys(self._named(handle) for handle in visible(self._shown(), part)))

    def _shown(self) -> Iterator[Shown[int]]:
        for handle in self._all(lambda callback: self._user32.EnumWindows(callback, 0)):
            if not self._user32.IsWindowVisible(handle) or self._user32.IsIconic(handle) or self._is_cloaked(handle):
                continue
            style = self._user32.GetWindowLongW(handle, _EXTENDED_STYLE)
            yield Shown(handle, self._box(handle), is_opaque=not style & _NOT_OPAQUE)

    def _all(self, enumerate_them: Callable[[object], object]) -> list[int]:
        found: list[int] = []

        def note(handle: int, _: int) -> int:
            found.append(handle)
            return 1

        # The highest window comes first.
        enumerate_them(self._calls.callback(note))
        return found

    def _is_cloaked(self, handle: int) -> bool:
        """Whether it is on another desktop, or an app that sleeps: such windows count as visible."""
        cloaked = wintypes.DWORD()
        self._calls.dwmapi.DwmGetWindowAttribute(handle, _CLOAKED, ctypes.byref(cloaked), ctypes.sizeof(cloaked))
        return bool(cloaked.value)

    def _box(self, handle: int) -> Box:
        rect = wintypes.RECT()
        # Without the invisible border, which GetWindowRect counts.
        if self._calls.dwmapi.DwmGetWindowAttribute(handle, _FRAME_BOUNDS, ctypes.byref(rect), ctypes.sizeof(rect)):
            self._user32.GetWindowRect(handle, ctypes.byref(rect))
        return Box(rect.left, rect.top, rect.right, rect.bottom)

    def _named(self, handle: int) -> Window:
        title = ctypes.create_unicode_buffer(_LONGEST)
        self._user32.GetWindowTextW(handle, title, _LONGEST)
        pid = self._pid(handle)
        program = self._program(pid)
        if program == _HOST:
            inside = self._all(lambda callback: self._user32.EnumChildWindows(handle, callback, 0))
            pid = next((other for child in inside if (other := self._pid(child)) != pid), pid)
            program = self._program(pid)
        return Window(title.value, program, pid or None)

    def _pid(self, handle: int) -> int:
        pid = wintypes.DWORD()
        self._user32.GetWindowThreadProcessId(handle, ctypes.byref(pid))
        return int(pid.value)

    def _program(self, pid: int) -> str:
        """The name of the program's file; empty if Windows does not tell."""
        process = self._calls.kernel32.OpenProcess(_MAY_ASK_ITS_NAME, False, pid)  # noqa: FBT003
        if not process:
            return ""
        path, length = ctypes.create_unicode_buffer(_LONGEST), wintypes.DWORD(_LONGEST)
        self._calls.kernel32.QueryFullProcessImageNameW(process, 0, path, ctypes.byref(length))
        self._calls.kernel32.CloseHandle(process)
        return PureWindowsPath(path.value).name
