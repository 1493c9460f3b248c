"""Real programs of an X11 desktop: a window that notes what it gets, a person at pointer and keyboard, a terminal."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Self

from Xlib import XK, X
from Xlib.display import Display

from server.desktop_tools.actions import Point
from tests.server.machine.vault import needs

WAIT_S = 60.0
_MASK = X.KeyPressMask | X.KeyReleaseMask | X.ButtonPressMask | X.ButtonReleaseMask | X.PointerMotionMask
_KINDS = {
    X.KeyPress: "press",
    X.KeyRelease: "release",
    X.ButtonPress: "down",
    X.ButtonRelease: "up",
    X.MotionNotify: "move",
}


class NotingWindow:
    """A window of its own connection. `left` and the other numbers are where it asks to be on the screen."""

    def __init__(
        self,
        display: str,
        left: int = 100,
        top: int = 100,
        width: int = 300,
        height: int = 200,
        *,
        title: str = "notes",
        app: str = "Notes",
        is_menu: bool = False,
    ) -> None:
        self.display = Display(display)
        self.window: Any = self.display.screen().root.create_window(
            *(left, top, width, height, 0, X.CopyFromParent),
            background_pixel=0xFFFFFF,
            override_redirect=is_menu,
            event_mask=_MASK | X.ExposureMask,
        )
        if title:
            self.window.set_wm_name(title)
        if app:
            self.window.set_wm_class(app.lower(), app)
        self.window.map()
        try:
            self.until(X.Expose)
        except BaseException:
            self.display.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.display.close()

    def focus(self) -> None:
        self.window.set_input_focus(X.RevertToParent, X.CurrentTime)
        self.display.sync()

    def next(self) -> Any:
        """The next event; an error if none comes."""
        if not self.display.pending_events():
            assert select.select([self.display.fileno()], [], [], WAIT_S)[0], "no event came"
        return self.display.next_event()

    def until(self, kind: int) -> Any:
        while (event := self.next()).type != kind:
            pass
        return event

    def notes(self) -> list[tuple[str, int, int, int]]:
        """What came until now: the kind, the button or key, and the place in the window."""
        self.display.sync()
        found = []
        while self.display.pending_events():
            event = self.display.next_event()
            if event.type in _KINDS:
                found.append((_KINDS[event.type], int(event.detail), int(event.event_x), int(event.event_y)))
        return found

    def fill(self, colour: int, left: int, top: int, width: int, height: int) -> None:
        context = self.window.create_gc(foreground=colour)
        self.window.fill_rectangle(context, left, top, width, height)
        self.display.sync()


class Person:
    """Moves the pointer and presses keys, as another program to the X server."""

    def __init__(self, display: str) -> None:
        self.display = Display(display)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.display.close()

    def move(self, x: int, y: int) -> None:
        self.display.xtest_fake_input(X.MotionNotify, x=x, y=y)
        self.display.sync()

    def pointer(self) -> Point:
        found = self.display.screen().root.query_pointer()
        return Point(found.root_x, found.root_y)

    def tap(self, *keys: str) -> None:
        codes = [self.display.keysym_to_keycode(XK.string_to_keysym(key)) for key in keys]
        for code in codes:
            self.display.xtest_fake_input(X.KeyPress, code)
        for code in reversed(codes):
            self.display.xtest_fake_input(X.KeyRelease, code)
        self.display.sync()

    def pressed(self) -> tuple[list[int], int]:
        """The keycodes that are down, and the mask of the buttons that are."""
        keys = [
            8 * place + bit
            for place, byte in enumerate(self.display.query_keymap())
            for bit in range(8)
            if byte >> bit & 1
        ]
        return keys, self.display.screen().root.query_pointer().mask & 0x1F00

    def keyboard(self) -> list[tuple[int, ...]]:
        return [tuple(row) for row in self.display.get_keyboard_mapping(8, 248)]


@contextmanager
def terminal(display: str, file: Path) -> Iterator[subprocess.Popen[bytes]]:
    """An xterm on top at the left, whose lines end up in `file`."""
    needs("xterm")
    command = ["xterm", "-u8", "-geometry", "80x24+0+0", "-e", sys.executable, "-c", _READER, str(file)]
    with subprocess.Popen(command, env={**os.environ, "DISPLAY": display, "LC_ALL": "C.UTF-8"}) as process:
        try:
            until(file.exists)
            yield process
        finally:
            process.terminate()


# It is ready once the file is there.
_READER = """
import sys
with open(sys.argv[1], "w", encoding="utf-8") as file:
    for line in sys.stdin:
        file.write(line)
        file.flush()
"""


@contextmanager
def window_manager(display: str) -> Iterator[None]:
    """Runs openbox, and waits until it manages windows: its properties are there while it still loses some."""
    needs("openbox")
    with subprocess.Popen(["openbox"], env={**os.environ, "DISPLAY": display}, stderr=subprocess.DEVNULL) as process:
        try:
            with closing(Display(display)) as connection:
                until(lambda: _is_managed(connection))
            yield
        finally:
            process.kill()
            process.wait(WAIT_S)


def _is_managed(connection: Display) -> bool:
    """Whether a window manager puts a new window into a frame within half a second."""
    root = connection.screen().root
    window = root.create_window(0, 0, 10, 10, 0, X.CopyFromParent)
    window.map()
    deadline = time.monotonic() + 0.5
    while (parent := window.query_tree().parent) == root and time.monotonic() < deadline:
        time.sleep(0.01)
    window.destroy()
    connection.sync()
    return bool(parent != root)


def until(is_so: Any) -> None:
    """Waits until a condition holds; fails if it never does."""
    deadline = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
