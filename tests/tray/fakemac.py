"""macOS as far as pystray uses it, so that its real code for macOS runs here: a run loop, a status bar, menus.

Whatever is called on an object of AppKit is noted with the thread that called it. AppKit may be used on the main thread
only; what may come from others is PyObjC's `callAfter`.
"""

import importlib
import io
import queue
import sys
import threading
import types
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest
from PIL import Image

TIMEOUT_S = 60.0
_FRESH = ("pystray._darwin", "tray.icon.macos")


@dataclass
class FakeMac:
    """What is on the screen, and what a person does."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    events: "queue.SimpleQueue[Callable[[], object]]" = field(default_factory=queue.SimpleQueue)
    items: "list[StatusItem]" = field(default_factory=list)
    is_stopping: bool = False
    policy: int = 0
    delegate: Any = None

    def note(self, name: str) -> None:
        self.calls.append((name, threading.current_thread().name))

    def do(self, deed: Callable[[], object]) -> object:
        """Something that a person does: it happens on the main thread, between two events."""
        done: queue.SimpleQueue[object] = queue.SimpleQueue()

        def event() -> None:
            try:
                done.put(deed())
            except BaseException as error:  # noqa: BLE001 # raised again where it was asked for
                done.put(error)

        self.events.put(event)
        outcome = done.get(timeout=TIMEOUT_S)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def open_menu(self) -> "list[MenuItem]":
        """A click on the icon: the menu is asked to be up to date, and shown."""
        return self.do(self._open)  # type: ignore[return-value]

    def _open(self) -> "list[MenuItem]":
        (item,) = self.items
        menu = item.menu
        menu.delegate.menuNeedsUpdate_(menu)
        return list(menu.lines)

    def choose(self, line: "MenuItem") -> None:
        """A click on a line that is on the screen."""
        self.do(lambda: line.target.activate_menu_item(line))


class Native:
    """An object of AppKit or Foundation: made by alloc().init...(); methods without a meaning here are only noted."""

    mac: FakeMac

    @classmethod
    def alloc(cls) -> Self:
        return cls()

    def init(self) -> Self:
        return self

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not name.endswith("_"):
            raise AttributeError(name)
        return lambda *_: self.mac.note(name)


class MenuItem(Native):
    title = ""
    number = -1
    enabled = True
    state: int | None = None
    target: Any = None
    submenu: "NSMenu | None" = None

    @classmethod
    def separatorItem(cls) -> Self:  # noqa: N802
        return cls()

    def initWithTitle_action_keyEquivalent_(self, title: str, action: bytes, key: str) -> Self:  # noqa: N802
        self.mac.note("NSMenuItem")
        self.title = title
        return self

    def setTag_(self, number: int) -> None:  # noqa: N802
        self.number = number

    def tag(self) -> int:
        return self.number

    def setTarget_(self, target: Any) -> None:  # noqa: N802
        self.target = target

    def setState_(self, state: int) -> None:  # noqa: N802
        self.state = state

    def setEnabled_(self, enabled: bool) -> None:  # noqa: N802
        self.enabled = enabled

    def setSubmenu_(self, menu: "NSMenu") -> None:  # noqa: N802
        self.submenu = menu


class NSMenu(Native):
    delegate: Any = None

    def initWithTitle_(self, title: str) -> Self:  # noqa: N802
        self.mac.note("NSMenu")
        self.lines: list[MenuItem] = []
        return self

    def addItem_(self, item: MenuItem) -> None:  # noqa: N802
        self.mac.note("addItem_")
        self.lines.append(item)

    def removeAllItems(self) -> None:  # noqa: N802
        self.mac.note("removeAllItems")
        self.lines.clear()

    def setDelegate_(self, delegate: Any) -> None:  # noqa: N802
        self.delegate = delegate


class Button(Native):
    image: "NSImage | None" = None
    tooltip = ""
    hidden = True

    def setImage_(self, image: "NSImage") -> None:  # noqa: N802
        self.mac.note("setImage_")
        self.image = image

    def setToolTip_(self, text: str) -> None:  # noqa: N802
        self.mac.note("setToolTip_")
        self.tooltip = text

    def setHidden_(self, hidden: bool) -> None:  # noqa: N802
        self.mac.note("setHidden_")
        self.hidden = hidden


class StatusItem(Native):
    def __init__(self) -> None:
        self.shown = Button()
        self.menu: Any = None

    def button(self) -> Button:
        return self.shown

    def setMenu_(self, menu: NSMenu) -> None:  # noqa: N802
        self.mac.note("setMenu_")
        self.menu = menu


class NSStatusBar(Native):
    @classmethod
    def systemStatusBar(cls) -> Self:  # noqa: N802
        return cls()

    def statusItemWithLength_(self, _: int) -> StatusItem:  # noqa: N802
        self.mac.items.append(StatusItem())
        return self.mac.items[-1]

    def removeStatusItem_(self, item: StatusItem) -> None:  # noqa: N802
        self.mac.note("removeStatusItem_")
        self.mac.items.remove(item)

    def thickness(self) -> float:
        return 22.0


class NSImage(Native):
    def initWithSize_(self, size: tuple[int, int]) -> Self:  # noqa: N802
        self.mac.note("NSImage")
        self.points, self.pixels, self.is_template = size, list[NSBitmapImageRep](), False
        return self

    def addRepresentation_(self, pixels: "NSBitmapImageRep") -> None:  # noqa: N802
        self.pixels.append(pixels)

    def setTemplate_(self, is_template: bool) -> None:  # noqa: N802
        self.is_template = is_template


class NSBitmapImageRep(Native):
    image: Image.Image
    points: tuple[int, int]

    @classmethod
    def imageRepWithData_(cls, png: bytes) -> Self:  # noqa: N802
        made = cls()
        made.image = Image.open(io.BytesIO(png))
        made.image.load()
        return made

    def setSize_(self, points: tuple[int, int]) -> None:  # noqa: N802
        self.points = points


class NSApplication(Native):
    @classmethod
    def sharedApplication(cls) -> Self:  # noqa: N802
        return cls()

    def setDelegate_(self, delegate: Any) -> None:  # noqa: N802
        # AppKit keeps no reference.
        self.mac.delegate = weakref.ref(delegate)

    def setActivationPolicy_(self, policy: int) -> None:  # noqa: N802
        self.mac.policy = policy

    def run(self) -> None:
        self.mac.note("run")
        # As the real one does: a stop before it runs is lost.
        self.mac.is_stopping = False
        while not self.mac.is_stopping:
            self.mac.events.get(timeout=TIMEOUT_S)()

    def stop_(self, _: object) -> None:
        self.mac.note("stop_")
        self.mac.is_stopping = True

    def postEvent_atStart_(self, _: object, __: bool) -> None:  # noqa: N802
        self.mac.note("postEvent_atStart_")
        self.mac.events.put(lambda: None)


class NSEvent(Native):
    @staticmethod
    def otherEventWithType_location_modifierFlags_timestamp_windowNumber_context_subtype_data1_data2_(  # noqa: N802
        *_: object,
    ) -> object:
        return object()


class NSData(Native):
    @staticmethod
    def dataWithBytes_length_(data: bytes, length: int) -> bytes:  # noqa: N802
        return data[:length]


class _Anything:
    """What only decorates a default line."""

    def __getattr__(self, _: str) -> "Callable[..., _Anything]":
        return lambda *_: self


@pytest.fixture
def fake_mac(monkeypatch: pytest.MonkeyPatch) -> FakeMac:
    """For one test, pystray and `tray.icon.macos` are imported anew and find this Mac."""
    fake = FakeMac()
    monkeypatch.setattr(Native, "mac", fake, raising=False)
    modules: dict[str, dict[str, object]] = {
        "AppKit": {
            "NSApplication": NSApplication,
            "NSStatusBar": NSStatusBar,
            "NSMenu": NSMenu,
            "NSMenuItem": MenuItem,
            "NSImage": NSImage,
            "NSBitmapImageRep": NSBitmapImageRep,
            "NSEvent": NSEvent,
            "NSFont": _Anything(),
            "NSVariableStatusItemLength": -1,
            "NSApplicationDefined": 15,
            "NSPoint": lambda x, y: (x, y),
            "NSOnState": 1,
            "NSOffState": 0,
            "NSFontAttributeName": "font",
        },
        "Foundation": {
            "NSObject": Native,
            "NSData": NSData,
            "NSAttributedString": _Anything(),
            "NSDictionary": _Anything(),
        },
        "objc": {"namedSelector": lambda _: lambda method: method},
        "PyObjCTools": {},
        "PyObjCTools.MachSignals": {},
        "PyObjCTools.AppHelper": {"callAfter": lambda job, *given: fake.events.put(lambda: job(*given))},
    }
    for name, members in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
        if name.startswith("PyObjCTools."):
            setattr(sys.modules["PyObjCTools"], name.partition(".")[2], module)
    for name in _FRESH:
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in _FRESH:
        # Through monkeypatch, so that nobody else finds them.
        monkeypatch.setitem(sys.modules, name, importlib.import_module(name))
    return fake
