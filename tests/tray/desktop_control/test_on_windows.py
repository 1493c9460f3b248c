"""Computer use on Windows, with Windows' functions and pynput played by recorders."""

# ruff: noqa: N802 # the names are Windows' own

import ctypes
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.desktop_tools.actions import Click, Drag, Point, PressKeys, Screenshot, Scroll, ToolError, TypeText, Window
from tests.tray.desktop_control.fakepynput import Input, KeyCode, pynput
from tray.desktop_control import LocalDesktop
from tray.desktop_control.devices import Box
from tray.desktop_control.windows import devices, watcher
from tray.desktop_control.windows.calls import Calls
from tray.desktop_control.windows.devices import WindowsDevices
from tray.desktop_control.windows.watcher import WindowsWatcher

__all__ = ["pynput"]

# A second monitor at the left: the screen starts at -100.
WHOLE = Box(-100, 0, 200, 80)
MONITORS = (Box(0, 0, 100, 80), Box(100, 0, 300, 80))


@dataclass
class Fake:
    """One window of the fake system."""

    title: str
    pid: int
    box: tuple[int, int, int, int]
    style: int = 0
    is_visible: bool = True
    is_minimized: bool = False
    is_cloaked: bool = False
    children: list["Fake"] = field(default_factory=list)


@dataclass
class FakeSystem:
    """user32, kernel32 and dwmapi. A window's handle is its place in `windows` plus 1; the highest comes first."""

    windows: list[Fake]
    programs: dict[int, str]
    desktop: str | None = "Default"
    at: tuple[int, int] = (0, 0)
    taken: set[int] = field(default_factory=set)
    registered: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)

    def window(self, handle: int) -> Fake:
        every = [*self.windows, *(child for one in self.windows for child in one.children)]
        return every[handle - 1]

    def handle(self, window: Fake) -> int:
        every = [*self.windows, *(child for one in self.windows for child in one.children)]
        return next(number for number, one in enumerate(every, 1) if one is window)

    def WindowFromPoint(self, point: Any) -> int:
        for handle, one in enumerate(self.windows, 1):
            left, top, right, bottom = one.box
            if one.is_visible and left <= point.x < right and top <= point.y < bottom:
                return handle
        return 0

    def GetAncestor(self, handle: int, kind: int) -> int:
        assert kind == 2
        return handle

    def GetForegroundWindow(self) -> int:
        return 1 if self.windows else 0

    def GetWindowTextW(self, handle: int, text: Any, length: int) -> None:
        text.value = self.window(handle).title[: length - 1]

    def GetWindowThreadProcessId(self, handle: int, place: Any) -> None:
        place._obj.value = self.window(handle).pid

    def EnumWindows(self, callback: Callable[[int, int], int], value: int) -> None:
        for handle in range(1, len(self.windows) + 1):
            assert callback(handle, value)

    def EnumChildWindows(self, handle: int, callback: Callable[[int, int], int], value: int) -> None:
        for child in self.window(handle).children:
            assert callback(self.handle(child), value)

    def IsWindowVisible(self, handle: int) -> bool:
        return self.window(handle).is_visible

    def IsIconic(self, handle: int) -> bool:
        return self.window(handle).is_minimized

    def GetWindowLongW(self, handle: int, which: int) -> int:
        assert which == -20
        return self.window(handle).style

    def GetWindowRect(self, handle: int, place: Any) -> int:
        raise AssertionError("the box without the border is there")

    def DwmGetWindowAttribute(self, handle: int, which: int, place: Any, size: int) -> int:
        assert size == ctypes.sizeof(place._obj)
        if which == 14:
            place._obj.value = int(self.window(handle).is_cloaked)
        else:
            assert which == 9
            place._obj.left, place._obj.top, place._obj.right, place._obj.bottom = self.window(handle).box
        return 0

    def OpenProcess(self, access: int, inherit: bool, pid: int) -> int:
        return 1000 + pid if pid in self.programs else 0

    def QueryFullProcessImageNameW(self, handle: int, flags: int, path: Any, length: Any) -> int:
        path.value = self.programs[handle - 1000]
        return 1

    def CloseHandle(self, handle: int) -> int:
        return 1

    def OpenInputDesktop(self, flags: int, inherit: bool, access: int) -> int:
        return 0 if self.desktop is None else 5

    def GetUserObjectInformationW(self, desktop: int, which: int, name: Any, size: int, needed: Any) -> int:
        assert (desktop, which) == (5, 2)
        name.value = self.desktop
        return 1

    def CloseDesktop(self, desktop: int) -> int:
        return 1

    def GetCursorPos(self, place: Any) -> int:
        place._obj.x, place._obj.y = self.at
        return 1

    def VkKeyScanW(self, letter: str) -> int:
        # On a German keyboard: plus has a key, the star is Shift and that key, the brace needs AltGr.
        return {"s": 0x53, "+": 0xBB, "*": 0x1BB, "{": 0x637}.get(letter, -1)

    def RegisterHotKey(self, window: None, number: int, modifiers: int, key: int) -> int:
        assert key == 0x1B
        if modifiers in self.taken:
            return 0
        self.registered.append(modifiers)
        return 1

    def UnregisterHotKey(self, window: None, number: int) -> int:
        self.registered.clear()
        return 1

    def MsgWaitForMultipleObjects(self, *_: Any) -> int:
        return 0

    def PeekMessageW(self, place: Any, *_: Any) -> int:
        if not self.messages:
            return 0
        place._obj.message = self.messages.pop(0)
        return 1


PROGRAMS = {
    7: r"C:\Windows\notepad.exe",
    8: r"C:\Program Files\KeePassXC\KeePassXC.exe",
    9: r"C:\Windows\ApplicationFrameHost.exe",
    10: r"C:\Program Files\WindowsApps\Calculator.exe",
}


def calls_of(system: FakeSystem) -> Calls:
    return Calls(system, system, system, lambda function: function)


@pytest.fixture(autouse=True)
def screen(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (devices, watcher):
        monkeypatch.setattr(module, "layout", lambda: (WHOLE, MONITORS))
    monkeypatch.setattr(devices, "Camera", lambda: types.SimpleNamespace(close=lambda: None))


def opened(system: FakeSystem) -> Iterator[LocalDesktop]:
    with closing(LocalDesktop(lambda: WindowsDevices(calls_of(system)))) as local_desktop:
        yield local_desktop


@pytest.fixture
def system() -> FakeSystem:
    return FakeSystem([], PROGRAMS)


@pytest.fixture
def local_desktop(pynput: Input, system: FakeSystem) -> Iterator[LocalDesktop]:
    yield from opened(system)


async def test_points_count_from_the_first_monitor_at_the_left(local_desktop: LocalDesktop, pynput: Input) -> None:
    assert local_desktop.screen == (300, 80)
    await local_desktop.perform(Click(Point(110, 20), count=2))
    click = [("down", "left"), ("up", "left")]
    # One count for both clicks: else they are no double click.
    assert pynput.done == [("move", 10, 20), ("count",), *click, *click, ("counted",)]
    pynput.done.clear()
    await local_desktop.perform(Scroll(Point(0, 0), "down", 2))
    assert pynput.done == [("move", -100, 0), ("scroll", 0, -1), ("scroll", 0, -1)]
    pynput.done.clear()
    await local_desktop.perform(Drag(Point(100, 0), Point(150, 10)))
    assert [pynput.done[2], pynput.done[-3], pynput.done[-2]] == [("down", "left"), ("move", 50, 10), ("up", "left")]


async def test_characters_are_sent_as_they_are(local_desktop: LocalDesktop, pynput: Input) -> None:
    await local_desktop.perform(TypeText("aü\U0001f309\n"))
    down, up = 4, 6
    high, low = 0xD83C, 0xDF09
    assert pynput.units == [
        (0x61, down),
        (0x61, up),
        (0xFC, down),
        (0xFC, up),
        *[(high, down), (low, down), (high, up), (low, up)],
    ]
    assert pynput.done == [("press", "enter"), ("release", "enter")]


@pytest.mark.parametrize(
    ("keys", "pressed"),
    [
        (("ctrl", "s"), ["ctrl", KeyCode(0x53)]),
        (("cmd", "Page_Down"), ["cmd", "page_down"]),
        (("ctrl", "plus"), ["ctrl", KeyCode(0xBB)]),
        (("ctrl", "*"), ["ctrl", "shift", KeyCode(0xBB)]),
        (("ctrl", "shift", "*"), ["ctrl", "shift", KeyCode(0xBB)]),
        (("ctrl", "{"), ["ctrl", "{"]),
        (("f5",), ["f5"]),
    ],
)
async def test_keys_are_those_of_the_layout(
    local_desktop: LocalDesktop, pynput: Input, keys: tuple[str, ...], pressed: list[Any]
) -> None:
    await local_desktop.perform(PressKeys(keys))
    assert pynput.done == [("press", key) for key in pressed] + [("release", key) for key in reversed(pressed)]


@pytest.mark.parametrize("name", ["hyperdrive", "F21", "Insert"])
async def test_a_key_that_is_not_there_is_refused(local_desktop: LocalDesktop, pynput: Input, name: str) -> None:
    with pytest.raises(ToolError, match=f"There is no key '{name}'"):
        await local_desktop.perform(PressKeys(("ctrl", name)))
    assert pynput.done == []


async def test_the_windows_are_named_by_their_programs(local_desktop: LocalDesktop, system: FakeSystem) -> None:
    inside = Fake("Calculator", 10, (20, 0, 60, 40))
    system.windows[:] = [
        Fake("a letter", 7, (0, 0, 50, 50)),
        Fake("hidden", 8, (0, 0, 50, 50), is_visible=False),
        Fake("minimized", 8, (0, 0, 50, 50), is_minimized=True),
        Fake("on another desktop", 8, (0, 0, 50, 50), is_cloaked=True),
        Fake("below", 8, (0, 0, 40, 40)),
        Fake("Calculator", 9, (20, 0, 60, 40), children=[Fake("title", 9, (20, 0, 60, 10)), inside]),
        Fake("gone", 99, (-90, 0, -80, 80)),
    ]
    letter, calculator = Window("a letter", "notepad.exe", 7), Window("Calculator", "Calculator.exe", 10)
    assert await local_desktop.windows_of(Click(Point(110, 10))) == (letter,)
    assert await local_desktop.windows_of(Drag(Point(110, 10), Point(155, 10))) == (letter, calculator)
    assert await local_desktop.windows_of(TypeText("a")) == (letter,)
    assert await local_desktop.windows_of(Screenshot()) == (letter, calculator, Window("gone", "", 99))
    system.windows[0].style = 0x80000
    assert Window("below", "KeePassXC.exe", 8) in await local_desktop.windows_of(Screenshot())


@pytest.mark.parametrize(("desktop", "is_locked"), [("Default", False), ("Winlogon", True), (None, True)])
async def test_another_desktop_with_the_input_is_a_lock(
    local_desktop: LocalDesktop, system: FakeSystem, desktop: str | None, is_locked: bool
) -> None:
    system.desktop = desktop
    assert await local_desktop.is_locked() is is_locked


def test_the_hot_key_is_registered_or_another_one(system: FakeSystem) -> None:
    alt, control, shift, once = 1, 2, 4, 0x4000
    with closing(WindowsWatcher(calls_of(system))) as first:
        assert [first.hot_key, system.registered] == ["Ctrl+Alt+Esc", [alt | control | once]]
        system.messages[:] = [0x0113]
        assert not first.wait(0)
        system.messages[:] = [0x0113, 0x0312]
        assert first.wait(0)
        system.at = (-100, 7)
        assert [first.pointer(), first.monitors()] == [Point(0, 7), MONITORS]
    assert system.registered == []
    system.taken = {alt | control | once}
    assert WindowsWatcher(calls_of(system)).hot_key == "Ctrl+Alt+Shift+Esc"
    system.taken.add(alt | control | shift | once)
    with closing(WindowsWatcher(calls_of(system))) as last:
        assert last.hot_key == ""
