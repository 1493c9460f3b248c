"""What Claude can do on the desktop, as values, and what comes back. Points are pixels of the screen."""

from dataclasses import dataclass
from typing import Literal, Protocol

Direction = Literal["up", "down", "left", "right"]


@dataclass(frozen=True, slots=True)
class Point:
    """A pixel of the screen, counted from its top left corner."""

    x: int
    y: int


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture of the whole screen."""


@dataclass(frozen=True, slots=True)
class Zoom:
    """A picture of a part of the screen: from `start`, up to and without `end`."""

    start: Point
    end: Point


@dataclass(frozen=True, slots=True)
class Click:
    """One or more clicks of a button."""

    at: Point
    button: Literal["left", "right"] = "left"
    count: int = 1


@dataclass(frozen=True, slots=True)
class Move:
    """Moves the pointer."""

    to: Point


@dataclass(frozen=True, slots=True)
class Drag:
    """Moves the pointer from `start` to `end` with the left button pressed."""

    start: Point
    end: Point


@dataclass(frozen=True, slots=True)
class Scroll:
    """Turns the wheel by a number of clicks."""

    at: Point
    direction: Direction
    clicks: int


@dataclass(frozen=True, slots=True)
class TypeText:
    """Types a text where the keyboard's focus is."""

    text: str


@dataclass(frozen=True, slots=True)
class PressKeys:
    """Keys that are held down together, as `("ctrl", "s")`: modifiers first."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Does nothing for a time."""

    seconds: float


Action = Screenshot | Zoom | Click | Move | Drag | Scroll | TypeText | PressKeys | Wait


@dataclass(frozen=True, slots=True)
class Window:
    """A window as the desktop names it. `app` is its class or its program's name."""

    title: str
    app: str
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture."""

    # Without the bytes in its repr: a picture of the screen must not get into a log.
    data: bytes
    media_type: str

    def __repr__(self) -> str:
        return f"Picture({self.media_type}, {len(self.data)} bytes)"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a tool call answers to Claude."""

    text: str = ""
    picture: Picture | None = None
    is_error: bool = False


class ToolError(Exception):
    """A call that is not carried out. Its message is a sentence to Claude."""


class Desktop(Protocol):
    """The side that has the screen: the tray. Every method may raise `ToolError`."""

    @property
    def screen(self) -> tuple[int, int]:
        """The screen's width and height in pixels."""

    async def is_locked(self) -> bool:
        """Whether the screen is locked."""

    async def windows_of(self, action: Action) -> tuple[Window, ...]:
        """The windows that the action reaches: under the pointer, with the keyboard, or all that a picture shows."""

    async def perform(self, action: Action) -> Outcome:
        """Carries the action out. When it is cancelled, no key and no button stays pressed."""
