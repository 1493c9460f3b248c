"""Windows as far as pystray uses it, so that its real code for Windows runs here: one message queue, one taskbar.

Each call is noted with the thread that made it. Where Windows would crash, misbehave or refuse, this raises.
"""

import ctypes
import importlib
import queue
import sys
import threading
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from PIL import Image

TIMEOUT_S = 60.0
QUIT = -1
TASKBAR_CREATED = 0xC001
NIM_ADD, NIM_MODIFY, NIM_DELETE = 0, 1, 2
NIF_ICON, NIF_TIP, NIF_INFO = 2, 4, 16
WM_NOTIFY = 0x400 + 11
WM_LBUTTONUP, WM_RBUTTONUP = 0x0202, 0x0205


@dataclass
class MenuLine:
    number: int
    text: str
    state: int
    kind: int
    below: int | None


@dataclass
class FakeWindows:
    """The native functions, by their Windows names; and what a person and the system do."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    messages: "queue.SimpleQueue[tuple[int, int, int, int]]" = field(default_factory=queue.SimpleQueue)
    menus: dict[int, list[MenuLine]] = field(default_factory=dict)
    open_menu: int | None = None
    # What a person does with an open menu: gets its lines, and gives the number of the clicked one.
    choose: Callable[[list[MenuLine]], int] = lambda _: 0
    has_taskbar: bool = True
    shown: dict[str, Any] | None = None
    icon_size: int = 20
    # As at the start of a process without a manifest.
    dpi_awareness: int | None = None
    is_old: bool = False
    is_light: bool = False
    loaded: list[tuple[int, int, tuple[int, int, int, int]]] = field(default_factory=list)
    icons: set[int] = field(default_factory=set)
    _window: Any = None
    _last: int = 100

    def next(self) -> int:
        self._last += 1
        return self._last

    def click(self, button: int) -> None:
        """On the icon."""
        self.messages.put((self._hwnd, WM_NOTIFY, 0, button))

    def send(self, message: int, wparam: int = 0, lparam: int = 0) -> int:
        """A message that the system sends and whose answer it waits for, as if within the loop's thread."""
        return int(self._window(self._hwnd, message, wparam, lparam))

    def broadcast(self, message: int) -> None:
        self.messages.put((self._hwnd, message, 0, 0))

    def dispatch_waiting(self) -> None:
        """What the loop of an open menu does."""
        while True:
            try:
                message = self.messages.get_nowait()
            except queue.Empty:
                return
            if message[1] == QUIT:
                self.messages.put(message)
                return
            self._window(*message)

    # From here on: user32, shell32, kernel32.

    def RegisterWindowMessageW(self, name: str) -> int:  # noqa: N802
        return TASKBAR_CREATED

    def RegisterClassExW(self, window_class: Any) -> int:  # noqa: N802
        self._window = window_class.lpfnWndProc
        return 1

    def UnregisterClassW(self, *_: Any) -> int:  # noqa: N802
        return 1

    def GetModuleHandleW(self, _: Any) -> int:  # noqa: N802
        return 1

    def SetProcessDpiAwarenessContext(self, context: Any) -> int:  # noqa: N802
        assert not hasattr(self, "_hwnd"), "too late: there is a window"
        if self.is_old:
            raise AttributeError("function not found")
        if self.dpi_awareness is not None:
            return 0
        self.dpi_awareness = ctypes.c_ssize_t(context.value).value
        return 1

    def SetProcessDPIAware(self) -> int:  # noqa: N802
        self.dpi_awareness = self.dpi_awareness or 1
        return 1

    def GetSystemMetricsForDpi(self, which: int, dpi: int) -> int:  # noqa: N802
        assert which == 49
        return 16 * dpi // 96

    def CreateWindowExW(self, *_: Any) -> int:  # noqa: N802
        number = self.next()
        self._hwnd = getattr(self, "_hwnd", number)
        return number

    def DestroyWindow(self, _: int) -> int:  # noqa: N802
        return 1

    def ChangeWindowMessageFilterEx(self, *_: Any) -> int:  # noqa: N802
        return 1

    def PeekMessageW(self, *_: Any) -> int:  # noqa: N802
        return 0

    def GetMessageW(self, place: Any, *_: Any) -> int:  # noqa: N802
        hwnd, message, wparam, lparam = self.messages.get(timeout=TIMEOUT_S)
        if message == QUIT:
            return 0
        place._obj.hWnd, place._obj.message, place._obj.wParam, place._obj.lParam = hwnd, message, wparam, lparam
        return 1

    def TranslateMessage(self, _: Any) -> int:  # noqa: N802
        return 0

    def DispatchMessageW(self, place: Any) -> int:  # noqa: N802
        message = place._obj
        return int(self._window(message.hWnd, message.message, message.wParam, message.lParam))

    def DefWindowProcW(self, *_: Any) -> int:  # noqa: N802
        return 0

    def PostMessageW(self, hwnd: int, message: int, wparam: int, lparam: int) -> int:  # noqa: N802
        self.messages.put((hwnd, message, wparam, lparam))
        return 1

    def PostQuitMessage(self, _: int) -> None:  # noqa: N802
        self.messages.put((0, QUIT, 0, 0))

    def GetSystemMetrics(self, which: int) -> int:  # noqa: N802
        assert which == 49
        return self.icon_size

    def LoadImageW(self, _: Any, path: str, kind: int, width: int, height: int, flags: int) -> int:  # noqa: N802
        with Image.open(path) as icon:
            sizes = icon.info["sizes"]
            assert (width, height) in sizes, f"{(width, height)} would be scaled from {sizes}"
            icon.size = (width, height)  # type: ignore[misc] # how Pillow chooses one
            self.loaded.append((width, height, icon.convert("RGBA").getpixel((0, 0))))  # type: ignore[arg-type]
        number = self.next()
        self.icons.add(number)
        return number

    def DestroyIcon(self, number: int) -> int:  # noqa: N802
        self.icons.remove(number)
        return 1

    def Shell_NotifyIconW(self, code: int, notice: Any) -> int:  # noqa: N802
        if not self.has_taskbar:
            return 0
        if code == NIM_DELETE:
            was, self.shown = self.shown, None
            return int(was is not None)
        if (self.shown is None) != (code == NIM_ADD):
            return 0
        assert not notice.uFlags & NIF_ICON or notice.hIcon in self.icons, "an icon that is not there"
        names = {NIF_TIP: ("szTip",), NIF_ICON: ("hIcon",), NIF_INFO: ("szInfo", "szInfoTitle")}
        new = {name: getattr(notice, name) for flag in names if notice.uFlags & flag for name in names[flag]}
        self.shown = (self.shown or {}) | new
        return 1

    def CreatePopupMenu(self) -> int:  # noqa: N802
        number = self.next()
        self.menus[number] = []
        return number

    def InsertMenuItemW(self, menu: int, _: int, __: bool, place: Any) -> int:  # noqa: N802
        item = place._obj
        self.menus[menu].append(MenuLine(item.wID, item.dwTypeData, item.fState, item.fType, item.hSubMenu))
        return 1

    def DestroyMenu(self, menu: int) -> int:  # noqa: N802
        assert menu != self.open_menu, "this menu is open"
        for line in self.menus.pop(menu):
            if line.below is not None:
                self.DestroyMenu(line.below)
        return 1

    def SetForegroundWindow(self, _: int) -> int:  # noqa: N802
        return 1

    def GetCursorPos(self, _: Any) -> int:  # noqa: N802
        return 1

    def TrackPopupMenuEx(self, menu: int, *_: Any) -> int:  # noqa: N802
        assert self.open_menu is None, "two menus are open"
        self.open_menu = menu
        try:
            return self.choose(self.menus[menu])
        finally:
            self.open_menu = None


class _Function:
    """A native function as ctypes gives it: with types that can be set."""

    argtypes: Any = None
    restype: Any = None
    errcheck: Any = None

    def __init__(self, windows: FakeWindows, name: str) -> None:
        self._windows, self._name = windows, name

    def __call__(self, *arguments: Any) -> Any:
        self._windows.calls.append((self._name, threading.current_thread().name))
        return getattr(self._windows, self._name)(*arguments)


class _Library:
    def __init__(self, windows: FakeWindows) -> None:
        self._windows = windows

    def __getattr__(self, name: str) -> _Function:
        return _Function(self._windows, name)


_FRESH = ("pystray._util.win32", "pystray._win32", "tray.icon.windows")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> FakeWindows:
    """For one test, pystray and `tray.icon.windows` are imported anew and find this Windows."""
    fake = FakeWindows()
    monkeypatch.setattr(ctypes, "WinDLL", lambda name: _Library(fake), raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
    monkeypatch.setattr(ctypes, "HRESULT", ctypes.c_long, raising=False)
    registry = types.ModuleType("winreg")
    registry.__dict__.update(
        HKEY_CURRENT_USER=1,
        OpenKey=lambda root, path: _Key(),
        QueryValueEx=lambda key, name: (int(fake.is_light), 4),
    )
    monkeypatch.setitem(sys.modules, "winreg", registry)
    for name in _FRESH:
        monkeypatch.delitem(sys.modules, name, raising=False)
    # Its package remembers a module too. All of it is undone, so that nobody else finds them.
    monkeypatch.setattr(importlib.import_module("pystray._util"), "win32", None, raising=False)
    for name in _FRESH:
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    return fake


class _Key:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...
