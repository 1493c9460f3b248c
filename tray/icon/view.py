"""The icon and its menu on the screen: draws snapshots on the system's own thread, and posts what is clicked."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from PIL import Image

from tray.commands import Command
from tray.icon.images import image_for
from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, MenuItem, Panel
from tray.menu.item import SEPARATOR, Item
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.model import Picture, Snapshot

NAME = "drawbridge"


class NativeIcon(Protocol):
    """What a system's icon must do: that of pystray, and run a job on its own thread.

    But for `later`, `run` and `notify`, all of it is used on that thread only.
    """

    icon: Draw
    title: str
    visible: bool

    @property
    def has_host(self) -> bool | None:
        """See `View.has_host`."""
        ...

    def later(self, job: Job) -> None:
        """Runs `job` soon on the thread of the icon, from any thread and at any time; errors are logged."""
        ...

    def update_menu(self) -> None:
        """The menu is another one: shows it, now or when it is opened next."""
        ...

    def run(self, setup: Callable[[BaseIcon], object]) -> None:
        """The system's loop. `setup` is called on another thread as soon as the loop runs."""
        ...

    def stop(self) -> None:
        """Ends the loop."""
        ...

    def notify(self, message: str, title: str) -> None:
        """A notification."""
        ...


IconMaker = Callable[[str, Draw, str, Menu], NativeIcon]


class View:
    """Shows what it is told and decides nothing.

    `post` gets the command of each clicked line, on the icon's thread: it must not block. `make_icon`: for tests.
    """

    def __init__(self, post: Callable[[Command], None], first: Snapshot, *, make_icon: IconMaker | None = None) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._newest = first
        self._is_due = False
        self._is_over = False
        self._items = menu_for(first)
        self._picture = picture_for(first)
        make_icon = make_icon or icon_maker_for(sys.platform)
        self._icon = make_icon(NAME, Drawing(self._picture), tooltip_for(first), Menu(self._lines))

    @property
    def has_host(self) -> bool | None:
        """Whether a tray shows the icon; None until that is known, and on macOS, where nobody can know it.

        It may change at any time: panels start late, end, and come back.
        """
        return self._icon.has_host

    def run(self) -> None:
        """Shows the icon until `stop`; without a tray it only waits. To be called on the main thread, once."""
        self._icon.run(lambda _: self._icon.later(self._appear))

    def show(self, snapshot: Snapshot) -> None:
        """Draws `snapshot` soon, unless a newer one comes first; from any thread."""
        with self._lock:
            self._newest = snapshot
            is_due, self._is_due = self._is_due, True
        if not is_due:
            self._icon.later(self._draw)

    def stop(self) -> None:
        """Takes the icon away and lets `run` return; from any thread, also before `run`."""
        self._is_over = True
        self._icon.later(self._icon.stop)

    def notify(self, title: str, text: str) -> None:
        """Shows a notification where the icon is what shows them: on Windows and macOS. May block."""
        self._icon.notify(text, title)

    def _appear(self) -> None:
        if not self._is_over:
            self._icon.visible = True

    def _draw(self) -> None:
        """Only what is different: each change costs a redraw of the panel, and may close an open menu."""
        with self._lock:
            snapshot, self._is_due = self._newest, False
        items, picture, tooltip = menu_for(snapshot), picture_for(snapshot), tooltip_for(snapshot)
        if items != self._items:
            self._items = items
            self._icon.update_menu()
        if tooltip != self._icon.title:
            self._icon.title = tooltip
        if picture is not self._picture:
            self._picture = picture
            self._icon.icon = Drawing(picture)

    def _lines(self) -> tuple[MenuItem, ...]:
        return tuple(_native(item, self._post) for item in self._items)


@dataclass(frozen=True, slots=True)
class Click:
    """A line's action as a value, so that two menus can be compared line by line."""

    post: Callable[[Command], None]
    command: Command | None

    def __call__(self, icon: BaseIcon, item: MenuItem) -> None:
        """Pystray's signature."""
        del icon, item
        if self.command is not None:
            self.post(self.command)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws one picture in any size, for any panel."""

    picture: Picture

    def __call__(self, size: int, panel: Panel) -> Image.Image:
        """A `Draw`."""
        return _image(self.picture, size, panel)


# Traffic comes and goes with each request, and the same few images with it.
@lru_cache(maxsize=128)
def _image(picture: Picture, size: int, panel: Panel) -> Image.Image:
    return image_for(picture, size, dark=panel is Panel.DARK, template=panel is Panel.TEMPLATE)


def _native(item: Item, post: Callable[[Command], None]) -> MenuItem:
    """The line as pystray wants it."""
    if item == SEPARATOR:
        return Menu.SEPARATOR
    checked = item.checked
    return MenuItem(
        item.text,
        Menu(*(_native(below, post) for below in item.items)) if item.items else Click(post, item.command),
        checked=None if checked is None else lambda _: checked,
        radio=item.radio,
        enabled=item.enabled,
    )


def icon_maker_for(platform: str) -> IconMaker:
    """The icon of a system."""
    # Lazy: each of them imports what only its own system has.
    if platform == "win32":
        from tray.icon.windows import Icon as WindowsIcon

        return WindowsIcon
    if platform == "darwin":
        from tray.icon.macos import Icon as MacIcon

        return MacIcon
    from tray.icon.linux import Icon as LinuxIcon

    return LinuxIcon
