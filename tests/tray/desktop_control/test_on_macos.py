"""Computer use on macOS, with its frameworks and pynput played by recorders."""

import importlib
import queue
import sys
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.desktop_tools.actions import Click, Move, Point, PressKeys, Screenshot, Scroll, ToolError, TypeText, Window
from tests.tray.desktop_control.fakepynput import Input, pynput
from tray.desktop_control import LocalDesktop, NotOnThisDesktop
from tray.desktop_control.devices import Box

__all__ = ["pynput"]

TIMEOUT_S = 20.0
WHOLE = Box(0, -50, 300, 100)
_FRESH = ("main_thread", "windows", "watcher", "devices")


@dataclass
class FakeMac:
    """The frameworks, and a main thread that runs jobs."""

    pynput: Input
    windows: list[dict[str, object]] = field(default_factory=list)
    session: dict[str, object] | None = field(default_factory=dict)
    is_trusted: bool = True
    can_record: bool = True
    asked: list[str] = field(default_factory=list)
    front: int = 7
    typed: list[tuple[str, int]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    on_key: Callable[[Any], None] | None = None
    jobs: "queue.SimpleQueue[Callable[[], object] | None]" = field(default_factory=queue.SimpleQueue)

    def run(self) -> None:
        while (job := self.jobs.get(timeout=TIMEOUT_S)) is not None:
            job()

    def post(self, _: object, event: types.SimpleNamespace) -> None:
        self.threads.add(threading.current_thread().name)
        if event.is_down:
            self.typed.append((event.text, event.length))

    def add_monitor(self, mask: int, handler: Callable[[Any], None]) -> int:
        assert mask == 1 << 10
        self.threads.add(threading.current_thread().name)
        self.on_key = handler
        return 1

    def check_trust(self, options: dict[str, bool]) -> bool:
        if not self.is_trusted:
            self.asked.append(str(options))
        return self.is_trusted

    def press(self, code: int, flags: int) -> None:
        assert self.on_key is not None
        self.on_key(types.SimpleNamespace(keyCode=lambda: code, modifierFlags=lambda: flags))


def event_of(_: object, __: int, is_down: bool) -> types.SimpleNamespace:
    return types.SimpleNamespace(is_down=is_down, text="", length=0)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch, pynput: Input) -> Iterator[FakeMac]:
    fake = FakeMac(pynput)
    front = types.SimpleNamespace(processIdentifier=lambda: fake.front, localizedName=lambda: "Notes")
    space = types.SimpleNamespace(frontmostApplication=lambda: front)
    modules: dict[str, dict[str, object]] = {
        "AppKit": {
            "NSWorkspace": types.SimpleNamespace(sharedWorkspace=lambda: space),
            "NSEvent": types.SimpleNamespace(
                addGlobalMonitorForEventsMatchingMask_handler_=fake.add_monitor,
                removeMonitor_=lambda monitor: setattr(fake, "on_key", None),
            ),
        },
        "HIServices": {
            "kAXTrustedCheckOptionPrompt": "prompt",
            "AXIsProcessTrustedWithOptions": fake.check_trust,
        },
        "Quartz": {
            "kCGWindowListOptionOnScreenOnly": 1,
            "kCGNullWindowID": 0,
            "kCGHIDEventTap": 0,
            "CGSessionCopyCurrentDictionary": lambda: fake.session,
            "CGPreflightScreenCaptureAccess": lambda: fake.can_record,
            "CGRequestScreenCaptureAccess": lambda: fake.asked.append("screen"),
            "CGWindowListCopyWindowInfo": lambda option, below: fake.windows,
            "CGEventCreate": lambda source: None,
            "CGEventGetLocation": lambda event: types.SimpleNamespace(x=pynput.at[0] + 0.0, y=pynput.at[1] + 0.0),
            "CGEventCreateKeyboardEvent": event_of,
            "CGEventSetFlags": lambda event, flags: None,
            "CGEventKeyboardSetUnicodeString": lambda event, length, text: event.__dict__.update(
                text=text, length=length
            ),
            "CGEventPost": fake.post,
        },
        "PyObjCTools": {},
        "PyObjCTools.AppHelper": {"callAfter": lambda job, *given: fake.jobs.put(lambda: job(*given))},
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    sys.modules["PyObjCTools"].AppHelper = sys.modules["PyObjCTools.AppHelper"]  # type: ignore[attr-defined]
    package = importlib.import_module("tray.desktop_control.macos")
    for name in _FRESH:
        monkeypatch.delitem(sys.modules, f"tray.desktop_control.macos.{name}", raising=False)
        monkeypatch.delattr(package, name, raising=False)
    for name in _FRESH:
        module = importlib.import_module(f"tray.desktop_control.macos.{name}")
        # Through monkeypatch, so that no other test finds it.
        monkeypatch.setitem(sys.modules, module.__name__, module)
        if hasattr(module, "layout"):
            monkeypatch.setattr(module, "layout", lambda: (WHOLE, (Box(0, 0, 300, 150),)))
    monkeypatch.setattr(
        sys.modules["tray.desktop_control.macos.devices"], "Camera", lambda: types.SimpleNamespace(close=lambda: None)
    )
    thread = threading.Thread(target=fake.run, name="main")
    thread.start()
    yield fake
    fake.jobs.put(None)
    thread.join(TIMEOUT_S)


def open_desktop_control() -> LocalDesktop:
    return LocalDesktop(sys.modules["tray.desktop_control.macos.devices"].open_macos)


@pytest.fixture
def local_desktop(mac: FakeMac) -> Iterator[LocalDesktop]:
    with closing(open_desktop_control()) as local_desktop:
        yield local_desktop


def window(owner: str, pid: int, box: tuple[int, int, int, int], **more: object) -> dict[str, object]:
    bounds = dict(zip(("X", "Y", "Width", "Height"), box, strict=True))
    about: dict[str, object] = {"kCGWindowOwnerName": owner, "kCGWindowOwnerPID": pid, "kCGWindowLayer": 0}
    return {**about, "kCGWindowAlpha": 1.0, "kCGWindowBounds": bounds, **more}


def test_a_missing_permission_is_asked_for_and_named(mac: FakeMac) -> None:
    mac.is_trusted = False
    with pytest.raises(NotOnThisDesktop, match="System Settings > Privacy & Security > Accessibility"):
        open_desktop_control()
    mac.is_trusted, mac.can_record = True, False
    with pytest.raises(NotOnThisDesktop, match="System Settings > Privacy & Security > Screen Recording"):
        open_desktop_control()
    assert mac.asked == ["{'prompt': True}", "screen"]
    mac.session = None
    with pytest.raises(NotOnThisDesktop, match="no desktop session"):
        open_desktop_control()


async def test_the_keyboard_is_used_on_the_main_thread_only(local_desktop: LocalDesktop, mac: FakeMac) -> None:
    await local_desktop.perform(TypeText("ü\U0001f309\n"))
    assert mac.typed == [("ü", 1), ("\U0001f309", 2)]
    assert mac.pynput.done == [("press", "enter"), ("release", "enter")]
    mac.pynput.done.clear()
    await local_desktop.perform(PressKeys(("cmd", "plus")))
    pressed = ["cmd", "shift", "="]
    assert mac.pynput.done == [("press", key) for key in pressed] + [("release", key) for key in reversed(pressed)]
    with pytest.raises(ToolError, match="There is no key 'Insert'"):
        await local_desktop.perform(PressKeys(("Insert",)))
    assert [mac.threads, mac.pynput.threads] == [{"main"}, {"main"}]


async def test_points_count_from_the_highest_monitor(local_desktop: LocalDesktop, mac: FakeMac) -> None:
    assert local_desktop.screen == (300, 150)
    await local_desktop.perform(Click(Point(10, 20)))
    assert mac.pynput.done == [("move", 10, -30), ("count",), ("down", "left"), ("up", "left"), ("counted",)]
    mac.pynput.done.clear()
    await local_desktop.perform(Scroll(Point(10, 20), "up", 1))
    assert mac.pynput.done[-1] == ("scroll", 0, 5)


async def test_the_windows_are_those_of_quartz(local_desktop: LocalDesktop, mac: FakeMac) -> None:
    mac.windows = [
        window("Window Server", 1, (0, 0, 20, 20), kCGWindowLayer=2147483630),
        window("Overlay", 2, (0, -50, 300, 150), kCGWindowAlpha=0.0),
        window("Control Centre", 3, (200, -50, 50, 20), kCGWindowLayer=25),
        window("Notes", 7, (0, 0, 100, 50), kCGWindowName="a letter"),
        window("1Password", 8, (10, 10, 20, 20)),
        window("Safari", 9, (50, 0, 200, 50), kCGWindowName="News"),
    ]
    notes, safari = Window("a letter", "Notes", 7), Window("News", "Safari", 9)
    assert await local_desktop.windows_of(Click(Point(15, 65))) == (notes,)
    assert await local_desktop.windows_of(Click(Point(150, 60))) == (safari,)
    assert await local_desktop.windows_of(Move(Point(299, 149))) == ()
    assert await local_desktop.windows_of(TypeText("a")) == (notes,)
    assert await local_desktop.windows_of(Screenshot()) == (Window("", "Control Centre", 3), notes, safari)
    mac.front = 99
    assert await local_desktop.windows_of(TypeText("a")) == (Window("", "Notes", 99),)


@pytest.mark.parametrize(
    ("session", "is_locked"),
    [({}, False), ({"CGSSessionScreenIsLocked": True}, True), ({"kCGSSessionOnConsoleKey": False}, True), (None, True)],
)
async def test_the_session_tells_whether_it_is_locked(
    local_desktop: LocalDesktop, mac: FakeMac, session: dict[str, object] | None, is_locked: bool
) -> None:
    mac.session = session
    assert await local_desktop.is_locked() is is_locked


def test_the_hot_key_stops_and_the_monitor_is_removed(local_desktop: LocalDesktop, mac: FakeMac) -> None:
    ends: queue.SimpleQueue[str] = queue.SimpleQueue()
    mac.pynput.at = (50, 50)
    local_desktop.watch(ends.put)
    assert local_desktop.hot_key == "Control+Option+Esc"
    control, option, command = 1 << 18, 1 << 19, 1 << 20
    mac.press(53, control)
    mac.press(53, control | option | command)
    mac.press(12, control | option)
    assert ends.empty()
    mac.press(53, control | option | 0x100)
    assert ends.get(timeout=TIMEOUT_S) == "hot key"
    local_desktop.unwatch()
    assert [mac.on_key, mac.threads] == [None, {"main"}]
