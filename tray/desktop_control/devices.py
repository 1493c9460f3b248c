"""What each system provides for computer use: blocking calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from server.desktop_tools.actions import Direction, Point, Window
from server.errors import DrawbridgeError

if TYPE_CHECKING:
    from PIL.Image import Image

Button = Literal["left", "right"]
# Sleeps for some seconds. True: the action was cancelled, and must end at once.
Pause = Callable[[float], bool]


class NotOnThisDesktop(DrawbridgeError):
    """Computer use is not possible in this desktop session."""

    title = "Computer use is not available here"


@dataclass(frozen=True, slots=True)
class Box:
    """A part of the screen: `right` and `bottom` are the first pixels outside."""

    left: int
    top: int
    right: int
    bottom: int

    def has(self, point: Point) -> bool:
        """Whether the point is inside."""
        return self.left <= point.x < self.right and self.top <= point.y < self.bottom

    def meets(self, other: "Box") -> bool:
        """Whether the two have a pixel in common."""
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )

    def clipped(self, other: "Box") -> "Box":
        """The part that is inside `other`."""
        return Box(
            max(self.left, other.left),
            max(self.top, other.top),
            min(self.right, other.right),
            min(self.bottom, other.bottom),
        )


class Watcher(Protocol):
    """Observes the person, on the thread that made it."""

    # The hot key as the person reads it; empty if the system gives none.
    hot_key: str

    def wait(self, seconds: float) -> bool:
        """Waits for the hot key; returns whether it was pressed."""

    def pointer(self) -> Point:
        """Where the pointer is."""

    def monitors(self) -> tuple[Box, ...]:
        """Where the monitors are on the screen."""

    def close(self) -> None:
        """Ends the observation."""


class Devices(Protocol):
    """The screen, the pointer, the keyboard and the windows. Points count from the screen's top left corner."""

    def size(self) -> tuple[int, int]:
        """The screen's width and height."""

    def is_locked(self) -> bool:
        """Whether the screen is locked. A system that does not tell counts as not locked."""

    def picture(self, part: Box) -> "Image":
        """A picture of a part of the screen."""

    def pointer(self) -> Point:
        """Where the pointer is."""

    def move(self, to: Point) -> None:
        """Moves the pointer; it has arrived when this returns."""

    def press(self, button: Button, nth: int = 1) -> None:
        """Presses a button; `nth` counts the clicks of one double click."""

    def release(self, button: Button, nth: int = 1) -> None:
        """Releases a button."""

    def turn_wheel(self, direction: Direction) -> None:
        """Turns the wheel by one click."""

    def type_text(self, text: str, pause: Pause) -> None:
        """Types a text, until it is cancelled."""

    def press_keys(self, keys: tuple[str, ...], pause: Pause) -> None:
        """Presses keys together and releases them. Raises `ToolError` for a name that no key has."""

    def release_all(self) -> None:
        """Releases all keys and buttons that this object pressed, and undoes changes to the keyboard."""

    def window_at(self, point: Point) -> Window | None:
        """The window under a point."""

    def window_with_focus(self) -> Window | None:
        """The window that gets the keyboard's input."""

    def windows_in(self, part: Box) -> tuple[Window, ...]:
        """All windows of which a picture of that part shows something."""

    def watcher(self) -> Watcher:
        """A new watcher, for the thread that calls this; all other methods are called on one other thread."""

    def close(self) -> None:
        """Disconnects."""
