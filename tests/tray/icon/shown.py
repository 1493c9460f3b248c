"""An icon that runs in a thread, for tests on a real bus."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from PIL import Image

from tests.tray.trayhost import TIMEOUT_S
from tray.icon.linux import Icon
from tray.icon.pystray_types import Draw, Menu, MenuItem, Panel


def red(size: int, panel: Panel) -> Image.Image:
    return Image.new("RGBA", (size, size), (1, 2, 3, 128) if panel is Panel.LIGHT else (255, 2, 3, 128))


def green(size: int, panel: Panel) -> Image.Image:
    return Image.new("RGBA", (size, size), (0, 255, 0, 255))


class Shown:
    """An icon whose loop runs in a thread, and the texts of the clicked lines, in order."""

    def __init__(self, *items: MenuItem, icon: Draw = red) -> None:
        self.items = items
        self.clicked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.icon = Icon("drawbridge", icon, "Drawbridge: Running", Menu(lambda: self.items))
        self.thread = threading.Thread(target=self.icon.run, name="icon")

    def line(self, text: str, *, checked: bool | None = None, **more: bool) -> MenuItem:
        mark = None if checked is None else lambda _: checked
        return MenuItem(text, lambda: self.clicked.put(text), checked=mark, **more)

    def radio(self, text: str, checked: bool) -> MenuItem:
        return self.line(text, checked=checked, radio=True)

    def change(self, *items: MenuItem) -> None:
        self.items = items
        self.icon.update_menu()

    def next_click(self) -> str:
        return self.clicked.get(timeout=TIMEOUT_S)

    def settle(self) -> None:
        """Waits until all earlier jobs are done."""
        done = threading.Event()
        self.icon.later(done.set)
        assert done.wait(TIMEOUT_S)

    def stop(self) -> None:
        self.icon.stop()
        self.thread.join(TIMEOUT_S)
        assert not self.thread.is_alive()


@contextmanager
def shown(*items: MenuItem, icon: Draw = red) -> Iterator[Shown]:
    one = Shown(*items, icon=icon)
    one.thread.start()
    try:
        yield one
    finally:
        one.icon.later(one.icon.stop)
        one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    """Waits for a condition that no signal reports."""
    end = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)
