"""Shows snapshots as the icon and its menu, on the system's icon thread, and posts the commands of clicks."""

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from PIL import Image

from server.config import IconColour
from tray.commands import Command, Open
from tray.icon.images import image_for
from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, MenuItem, Panel
from tray.menu.item import SEPARATOR, Item
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.model import Picture, Snapshot

NAME = "drawbridge"


class NativeIcon(Protocol):
    """pystray's icon, plus `later`. All members but `later`, `run` and `notify` are used on the icon's thread only."""

    icon: Draw
    title: str
    visible: bool
    on_notification_click: Callable[[], None]
    on_reopen: Callable[[], None]

    @property
    def has_host(self) -> bool | None:
        """See `View.has_host`."""

    def later(self, job: Job) -> None:
        """Runs `job` soon on the icon's thread; errors are logged. May be called at any time, from any thread."""

    def update_menu(self) -> None:
        """Shows a changed menu, at once or when it is next opened."""

    def run(self, setup: Callable[[BaseIcon], object]) -> None:
        """Runs the system's event loop. `setup` is called on another thread as soon as the loop runs."""

    def stop(self) -> None:
        """Ends the loop."""

    def notify(self, message: str, title: str) -> None:
        """Shows a notification."""


IconMaker = Callable[[str, Draw, str, Menu], NativeIcon]


class View:
    """The icon and its menu. `post` gets the command of each clicked line, on the icon's thread, and must not block."""

    def __init__(self, post: Callable[[Command], None], first: Snapshot, *, make_icon: IconMaker | None = None) -> None:
        self._post = post
        self._lock = threading.Lock()
        self._newest = first
        self._is_scheduled = False
        self._is_stopped = False
        self._items = menu_for(first)
        self._drawing = Drawing(picture_for(first), first.icon)
        make_icon = make_icon or icon_maker_for(sys.platform)
        self._icon = make_icon(NAME, self._drawing, tooltip_for(first), Menu(self._lines))
        # macOS: the app was opened again while it runs.
        self._icon.on_reopen = lambda: post(Open("page"))

    @property
    def has_host(self) -> bool | None:
        """Whether a tray shows the icon, which may change at any time; None while unknown, on macOS always."""
        return self._icon.has_host

    def run(self) -> None:
        """Shows the icon until `stop`; without a tray it only waits. Call it once, on the main thread."""
        self._icon.run(lambda _: self._icon.later(self._appear))

    def show(self, snapshot: Snapshot) -> None:
        """Draws `snapshot` soon, unless a newer one replaces it. May be called from any thread."""
        with self._lock:
            self._newest = snapshot
            is_scheduled, self._is_scheduled = self._is_scheduled, True
        if not is_scheduled:
            self._icon.later(self._draw)

    def stop(self) -> None:
        """Removes the icon and makes `run` return. May be called from any thread, and before `run`."""
        self._is_stopped = True
        self._icon.later(self._icon.stop)

    def notify(self, title: str, text: str) -> None:
        """Shows a notification through the icon, on Windows and macOS. May block."""
        self._icon.notify(text, title)

    def on_notification_click(self, callback: Callable[[], None]) -> None:
        """Sets what a click on a notification does, on Windows."""
        self._icon.on_notification_click = callback

    def _appear(self) -> None:
        if not self._is_stopped:
            self._icon.visible = True

    def _draw(self) -> None:
        """Updates only what differs: each change redraws the panel and may close an open menu."""
        with self._lock:
            snapshot, self._is_scheduled = self._newest, False
        items, tooltip = menu_for(snapshot), tooltip_for(snapshot)
        drawing = Drawing(picture_for(snapshot), snapshot.icon)
        if items != self._items:
            self._items = items
            self._icon.update_menu()
        if tooltip != self._icon.title:
            self._icon.title = tooltip
        if drawing != self._drawing:
            self._drawing = self._icon.icon = drawing

    def _lines(self) -> tuple[MenuItem, ...]:
        return tuple(_menu_item(item, self._post) for item in self._items)


@dataclass(frozen=True, slots=True)
class Click:
    """A line's action as a value, so that menus can be compared line by line."""

    post: Callable[[Command], None]
    command: Command | None

    def __call__(self, icon: BaseIcon, item: MenuItem) -> None:
        """Pystray's signature."""
        del icon, item
        if self.command is not None:
            self.post(self.command)


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws one picture in any size, for any panel. `icon`: the user's choice of a light or a dark icon."""

    picture: Picture
    icon: IconColour = "auto"

    def __call__(self, size: int, panel: Panel) -> Image.Image:
        """A `Draw`."""
        if panel is not Panel.TEMPLATE and self.icon != "auto":
            panel = Panel.DARK if self.icon == "light" else Panel.LIGHT
        return _image(self.picture, size, panel)


# Each request switches to the traffic picture and back, so the same images are needed again and again.
@lru_cache(maxsize=128)
def _image(picture: Picture, size: int, panel: Panel) -> Image.Image:
    dark = None if panel is Panel.UNKNOWN else panel is Panel.DARK
    return image_for(picture, size, dark=dark, template=panel is Panel.TEMPLATE)


def _menu_item(item: Item, post: Callable[[Command], None]) -> MenuItem:
    """The line as pystray's type."""
    if item == SEPARATOR:
        return Menu.SEPARATOR
    checked = item.checked
    return MenuItem(
        item.text,
        Menu(*(_menu_item(below, post) for below in item.items)) if item.items else Click(post, item.command),
        checked=None if checked is None else lambda _: checked,
        radio=item.radio,
        enabled=item.enabled,
    )


def icon_maker_for(platform: str) -> IconMaker:
    """The icon of a system."""
    # Lazy: each imports modules that exist only on its own system.
    if platform == "win32":
        from tray.icon.windows import Icon as WindowsIcon

        return WindowsIcon
    if platform == "darwin":
        from tray.icon.macos import Icon as MacIcon

        return MacIcon
    from tray.icon.linux import Icon as LinuxIcon

    return LinuxIcon
