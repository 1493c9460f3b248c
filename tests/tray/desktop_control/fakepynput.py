"""pynput as far as `tray.desktop_control` uses it: notes what is moved, pressed and released, and on which thread."""

import ctypes
import enum
import sys
import threading
import types
from ctypes import wintypes
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from server.desktop_tools.actions import Point


@dataclass
class Input:
    """What was done, in order; `units` are the UTF-16 units that Windows was sent, each with its flags."""

    done: list[tuple[Any, ...]] = field(default_factory=list)
    threads: set[str] = field(default_factory=set)
    units: list[tuple[int, int]] = field(default_factory=list)
    at: tuple[int, int] = (0, 0)

    @property
    def pointer(self) -> Point:
        return Point(*self.at)


class Key(enum.Enum):
    ctrl = "ctrl"
    shift = "shift"
    cmd = "cmd"
    enter = "enter"
    tab = "tab"
    page_down = "page_down"
    f5 = "f5"


class Button(enum.Enum):
    left = "left"
    right = "right"


@dataclass(frozen=True)
class KeyCode:
    vk: int

    @classmethod
    def from_vk(cls, vk: int) -> Self:
        return cls(vk)


def _name(key: Any) -> Any:
    return key.value if isinstance(key, Key) else key


class KeyInput(ctypes.Structure):
    """KEYBDINPUT."""

    KEYUP, UNICODE = 2, 4
    _fields_ = (
        ("wVk", wintypes.WORD),
        ("wScan", wintypes.WORD),
        ("dwFlags", wintypes.DWORD),
        ("time", wintypes.DWORD),
        ("dwExtraInfo", ctypes.c_void_p),
    )


class InputUnion(ctypes.Union):
    _fields_ = (("ki", KeyInput),)


class InputStructure(ctypes.Structure):
    """INPUT."""

    KEYBOARD = 1
    _fields_ = (("type", wintypes.DWORD), ("value", InputUnion))


def keyboard_of(fake: Input) -> type:
    class Keyboard:
        def __init__(self) -> None:
            fake.threads.add(threading.current_thread().name)

        def press(self, key: Any) -> None:
            fake.threads.add(threading.current_thread().name)
            fake.done.append(("press", _name(key)))

        def release(self, key: Any) -> None:
            fake.threads.add(threading.current_thread().name)
            fake.done.append(("release", _name(key)))

    return Keyboard


def mouse_of(fake: Input) -> type:
    class Mouse:
        def __enter__(self) -> Self:
            fake.done.append(("count",))
            return self

        def __exit__(self, *_: object) -> None:
            fake.done.append(("counted",))

        @property
        def position(self) -> tuple[int, int]:
            return fake.at

        @position.setter
        def position(self, at: tuple[int, int]) -> None:
            fake.at = at
            fake.done.append(("move", *at))

        def press(self, button: Button) -> None:
            fake.done.append(("down", button.value))

        def release(self, button: Button) -> None:
            fake.done.append(("up", button.value))

        def scroll(self, across: int, up: int) -> None:
            fake.done.append(("scroll", across, up))

    return Mouse


@pytest.fixture
def pynput(monkeypatch: pytest.MonkeyPatch) -> Input:
    fake = Input()

    def send_input(count: int, block: Any, size: int) -> int:
        assert size == ctypes.sizeof(InputStructure)
        fake.units += [(block._obj[place].value.ki.wScan, block._obj[place].value.ki.dwFlags) for place in range(count)]
        return count

    modules: dict[str, dict[str, object]] = {
        "pynput": {},
        "pynput.keyboard": {"Controller": keyboard_of(fake), "Key": Key, "KeyCode": KeyCode},
        "pynput.mouse": {"Controller": mouse_of(fake), "Button": Button},
        "pynput._util": {},
        "pynput._util.win32": {
            "INPUT": InputStructure,
            "INPUT_union": InputUnion,
            "KEYBDINPUT": KeyInput,
            "SendInput": send_input,
        },
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
        above, _, last = name.rpartition(".")
        if above:
            setattr(sys.modules[above], last, module)
    return fake
