"""The devices on X11: pictures by mss, the pointer and the keys by the extension XTEST."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from mss.exception import ScreenShotError
from Xlib import X, error
from Xlib.display import Display

from server.desktop_tools.actions import Direction, Point, Window
from tray.desktop_control.camera import Camera
from tray.desktop_control.devices import Box, Button, NotOnThisDesktop, Pause
from tray.desktop_control.x11.keyboard import Keyboard
from tray.desktop_control.x11.lock import Lock
from tray.desktop_control.x11.watcher import X11Watcher, pointer
from tray.desktop_control.x11.windows import Windows

if TYPE_CHECKING:
    from PIL.Image import Image

logger = logging.getLogger(__name__)

_BUTTONS: dict[Button, int] = {"left": 1, "right": 3}
_WHEEL: dict[Direction, int] = {"up": 4, "down": 5, "left": 6, "right": 7}


def open_x11(name: str, environ: Mapping[str, str]) -> "X11Devices":
    """Connects to the display. Raises `NotOnThisDesktop`."""
    try:
        display = Display(name)
    except (error.DisplayError, error.XauthError, error.ConnectionClosedError, OSError) as problem:
        raise NotOnThisDesktop(f"The display {name} does not answer.") from problem
    display.set_error_handler(_log_error)
    try:
        _check(display)
        return X11Devices(name, display, environ)
    except (ScreenShotError, OSError) as problem:
        display.close()
        raise NotOnThisDesktop(
            "No picture of the screen can be taken.", hint="Install the library libxcb."
        ) from problem
    except BaseException:
        display.close()
        raise


def _log_error(problem: error.XError, request: object) -> None:
    """For errors that no call waits for; the library would print them."""
    del request
    logger.info("X11: %s", type(problem).__name__)


def _check(display: Display) -> None:
    if not display.has_extension("XTEST"):
        raise NotOnThisDesktop("The display lacks the extension XTEST, which presses keys.")
    if _is_on_wayland(display):
        raise NotOnThisDesktop("This is a Wayland session.", hint="Choose a session on X11 at the login screen.")


def _is_on_wayland(display: Display) -> bool:
    """Whether the display is Xwayland's, for a program that was started without the variables of its session."""
    if display.has_extension("XWAYLAND"):
        return True
    # Before version 23.1, its monitors' names give it away.
    found = display.screen().root.xrandr_get_screen_resources() if display.has_extension("RANDR") else None
    return found is not None and any(
        display.xrandr_get_output_info(output, found.config_timestamp).name.startswith("XWAYLAND")
        for output in found.outputs
    )


class X11Devices:
    """`Devices` on one display."""

    def __init__(self, name: str, display: Display, environ: Mapping[str, str]) -> None:
        self._name = name
        self._display = display
        self._root = display.screen().root
        self._camera = Camera(name)
        self._keyboard = Keyboard(display)
        self._windows = Windows(display)
        self._lock = Lock(environ)
        self._pressed: set[int] = set()

    def size(self) -> tuple[int, int]:
        """The screen's width and height."""
        size = self._root.get_geometry()
        return size.width, size.height

    def is_locked(self) -> bool:
        """Whether the screen is locked."""
        return self._lock.is_locked()

    def picture(self, part: Box) -> "Image":
        """A picture of a part of the screen."""
        return self._camera.picture(part, Point(0, 0))

    def pointer(self) -> Point:
        """Where the pointer is."""
        return pointer(self._root)

    def move(self, to: Point) -> None:
        """Moves the pointer."""
        self._display.xtest_fake_input(X.MotionNotify, x=to.x, y=to.y)
        self._display.sync()

    def press(self, button: Button, nth: int = 1) -> None:
        """Presses a button; programs count clicks themselves."""
        del nth
        self._pressed.add(_BUTTONS[button])
        self._button(X.ButtonPress, _BUTTONS[button])

    def release(self, button: Button, nth: int = 1) -> None:
        """Releases a button."""
        del nth
        self._button(X.ButtonRelease, _BUTTONS[button])
        self._pressed.discard(_BUTTONS[button])

    def turn_wheel(self, direction: Direction) -> None:
        """Turns the wheel by one click, which is a button."""
        self._button(X.ButtonPress, _WHEEL[direction])
        self._button(X.ButtonRelease, _WHEEL[direction])

    def type_text(self, text: str, pause: Pause) -> None:
        """Types a text, until it is cancelled."""
        self._keyboard.type_text(text, pause)

    def press_keys(self, keys: tuple[str, ...], pause: Pause) -> None:
        """Presses keys together and releases them."""
        self._keyboard.press_keys(keys, pause)

    def release_all(self) -> None:
        """Releases all that this object pressed."""
        while self._pressed:
            button = min(self._pressed)
            self._button(X.ButtonRelease, button)
            self._pressed.remove(button)
        self._keyboard.release_all()

    def window_at(self, point: Point) -> Window | None:
        """The window under a point."""
        return self._windows.at(point)

    def window_with_focus(self) -> Window | None:
        """The window that has the keyboard's focus."""
        return self._windows.with_focus()

    def windows_in(self, part: Box) -> tuple[Window, ...]:
        """All windows of which a picture of that part shows something."""
        return self._windows.within(part)

    def watcher(self) -> X11Watcher:
        """A new watcher, with a connection of its own."""
        return X11Watcher(self._name)

    def close(self) -> None:
        """Disconnects."""
        self._lock.close()
        self._camera.close()
        with suppress(error.ConnectionClosedError, OSError):
            self._display.close()

    def _button(self, kind: int, number: int) -> None:
        self._display.xtest_fake_input(kind, number)
        self._display.sync()
