"""The icon on Linux: a StatusNotifierItem over D-Bus, without GTK or a display.

The thread that called `run` draws and runs callbacks, one job at a time. The bus's reading thread answers panels from
immutable values. A panel that starts later or again gets the icon; without a bus `run` only waits.
"""

import itertools
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from PIL import Image

from tray.desktop.dbus import UNKNOWN_METHOD, Body, Bus, BusUnavailable, CallFailed, IncomingCall, RemoteInterface
from tray.desktop.dbus_names import ITEM, ITEM_PATH, MENU_PATH, PROPERTIES, WATCHER, WATCHER_PATH, introspection
from tray.icon.linux_menu import MENU_PROPERTIES, PublishedMenu
from tray.icon.linux_panel import SCHEME, SETTINGS, follows_scheme, panel_from
from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, Panel

logger = logging.getLogger(__name__)

# A panel that needs another size scales the next larger one.
SIZES = (16, 22, 24, 32, 48, 64)
_WATCHER = RemoteInterface(WATCHER, WATCHER_PATH, WATCHER)
_READ_ONLY = "org.freedesktop.DBus.Error.PropertyReadOnly"
_numbers = itertools.count(1)

Pixmap = tuple[int, int, bytes]


class Icon(BaseIcon):
    """pystray's `Icon` over D-Bus; its methods may be called from any thread."""

    # Set by the view. Nothing calls them: see `notifications_linux`, and a second start opens the page by itself.
    on_notification_click: Callable[[], None]
    on_reopen: Callable[[], None]

    # `notifications_linux` shows notifications, with clicks.
    HAS_NOTIFICATION = False

    def __init__(
        self,
        name: str,
        icon: "Draw | Image.Image | None" = None,
        title: str = "",
        menu: Menu | None = None,
        *,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__(name, icon, title, menu if menu is not None else Menu())
        self._environ = environ
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._bus: Bus | None = None
        self._bus_name = f"{ITEM}-{os.getpid()}-{next(_numbers)}"
        self._pixmaps: tuple[Pixmap, ...] = ()
        self._panel = Panel.UNKNOWN
        self._published = PublishedMenu(self._refresh, lambda item: self.later(lambda: item(self)))
        self._is_shown = False
        self._has_host: bool | None = None

    @property
    def has_host(self) -> bool | None:
        """Whether a panel shows the icon; None until known."""
        return self._has_host

    def later(self, job: Job) -> None:
        """Runs `job` soon on the thread that called `run`, in the order of calls; errors are logged."""
        self._jobs.put(job)

    def _run(self) -> None:
        self._thread = threading.current_thread()
        try:
            self._connect()
            self._mark_ready()
            while (job := self._jobs.get()) is not None:
                try:
                    job()
                except Exception:  # the edge of callbacks: a failed one must not end the icon
                    logger.exception("a click failed")
        finally:
            self._disconnect()
            self._visible = self._is_shown = False

    def _stop(self) -> None:
        self._jobs.put(None)

    def _show(self) -> None:
        self._soon(lambda: self._appear(shown=True))

    def _hide(self) -> None:
        self._soon(lambda: self._appear(shown=False))

    def _update_icon(self) -> None:
        self._icon_valid = True
        self._soon(self._draw)

    def _update_title(self) -> None:
        self._soon(lambda: self._emit("NewTitle", "NewToolTip"))

    def _update_menu(self) -> None:
        self._soon(lambda: self._published.update(self.menu or (), self._bus))

    def _soon(self, job: Callable[[], object]) -> None:
        """Runs `job` now if this is the drawing thread or there is none yet, else later."""
        if self._thread in (None, threading.current_thread()):
            job()
        else:
            self.later(job)

    def _refresh(self, done: Callable[[bool], None]) -> None:
        self.later(lambda: done(self._published.update(self.menu or (), self._bus)))

    def _draw(self) -> None:
        draw: Draw = self.icon if callable(self.icon) else _scaling(self.icon)
        pixmaps = tuple(_pixmap(draw(size, self._panel)) for size in SIZES)
        if pixmaps != self._pixmaps:
            self._pixmaps = pixmaps
            self._emit("NewIcon")

    def _appear(self, *, shown: bool) -> None:
        self._is_shown = shown
        if self._bus is not None:
            self._bus.emit(ITEM_PATH, ITEM, "NewStatus", "s", self._status)
            if shown and not self._has_host:
                self._register()

    def _emit(self, *signals: str) -> None:
        if self._bus is not None:
            for signal in signals:
                self._bus.emit(ITEM_PATH, ITEM, signal)

    def _connect(self) -> None:
        try:
            self._bus = Bus(
                on_call=self._answer,
                on_signal=self._on_signal,
                on_lost=lambda: self.later(self._disconnect),
                environ=self._environ,
            )
        except BusUnavailable as error:
            logger.info("no tray icon: %s", error)
            self._has_host = False
            return
        self._bus.request_name(self._bus_name)
        self._bus.subscribe(
            sender="org.freedesktop.DBus", interface="org.freedesktop.DBus", member="NameOwnerChanged", arg0=WATCHER
        )
        self._bus.subscribe(interface=WATCHER, member="StatusNotifierHostRegistered")
        self._bus.subscribe(interface=WATCHER, member="StatusNotifierHostUnregistered")
        if follows_scheme(self._environ):
            self._bus.subscribe(interface=SETTINGS.interface, member="SettingChanged", arg0=SCHEME[0])
            reply = self._bus.call(SETTINGS, "Read", "ss", *SCHEME)
            reply.add_done_callback(lambda done: self.later(lambda: self._read_scheme(done)))

    def _register(self) -> None:
        """Registers the icon with the watcher."""
        if self._bus is not None and self._is_shown:
            reply = self._bus.call(_WATCHER, "RegisterStatusNotifierItem", "s", self._bus_name)
            reply.add_done_callback(lambda done: self.later(lambda: self._registered(done)))

    def _registered(self, reply: "Future[Body]") -> None:
        if isinstance(error := reply.exception(), CallFailed):
            self._has_host = False
            logger.info("no tray takes the icon (%s); it will appear when a tray starts", error)
        else:
            self._count_hosts()

    def _count_hosts(self) -> None:
        """Asks the watcher whether there is a host: a watcher alone shows nothing."""
        if self._bus is not None:
            properties = RemoteInterface(WATCHER, _WATCHER.path, PROPERTIES)
            reply = self._bus.call(properties, "Get", "ss", WATCHER, "IsStatusNotifierHostRegistered")
            reply.add_done_callback(lambda done: self.later(lambda: self._counted(done)))

    def _counted(self, reply: "Future[Body]") -> None:
        # A watcher without this property has accepted the icon, and is its own host.
        self._has_host = reply.exception() is not None or bool(reply.result()[0][1])
        logger.info("the icon is in the tray" if self._has_host else "the icon is waiting for a tray")

    def _read_scheme(self, reply: "Future[Body]") -> None:
        if reply.exception() is None:
            self._set_panel(panel_from(reply.result()))

    def _set_panel(self, panel: Panel) -> None:
        if panel is not self._panel:
            self._panel = panel
            self._draw()

    def _disconnect(self) -> None:
        bus, self._bus, self._has_host = self._bus, None, False
        if bus is not None:
            bus.close()

    def _on_signal(self, member: str, body: Body) -> None:
        match member, body:
            case "NameOwnerChanged", (_, _, owner):
                self.later(self._register if owner else self._lose_host)
            case "SettingChanged", (_, setting, _) if setting == SCHEME[1]:
                self.later(lambda: self._set_panel(panel_from(body)))
            case "StatusNotifierHostRegistered" | "StatusNotifierHostUnregistered", _:
                self.later(self._count_hosts)

    def _lose_host(self) -> None:
        self._has_host = False

    @property
    def _status(self) -> str:
        return "Active" if self._is_shown else "Passive"

    def _properties(self) -> Mapping[str, tuple[str, object]]:
        title = self.title or self.name
        return {
            "Category": ("s", "ApplicationStatus"),
            "Id": ("s", self.name),
            "Title": ("s", title),
            "Status": ("s", self._status),
            "WindowId": ("i", 0),
            "IconName": ("s", ""),
            "IconThemePath": ("s", ""),
            "IconPixmap": ("a(iiay)", list(self._pixmaps)),
            "OverlayIconName": ("s", ""),
            "AttentionIconName": ("s", ""),
            "ToolTip": ("(sa(iiay)ss)", ("", [], title, "")),
            "ItemIsMenu": ("b", self._published.default is None),
            "Menu": ("o", MENU_PATH),
        }

    def _answer(self, call: IncomingCall) -> None:
        match call.interface, call.member:
            case "org.freedesktop.DBus.Introspectable", "Introspect":
                call.reply("s", introspection(call.path))
            case "org.freedesktop.DBus.Peer", "Ping":
                call.reply()
            case "org.freedesktop.DBus.Properties", _:
                self._answer_properties(call)
            case _ if call.path == MENU_PATH:
                self._published.answer(call)
            case _, "Activate" if call.path == ITEM_PATH and (item := self._published.default) is not None:
                call.reply()
                self.later(lambda: item(self))
            case _, "ContextMenu" | "SecondaryActivate" | "Scroll" if call.path == ITEM_PATH:
                call.reply()
            case _:
                # Also Activate without a default item: the panel then opens the menu.
                call.refuse(UNKNOWN_METHOD, call.member)

    def _answer_properties(self, call: IncomingCall) -> None:
        properties = MENU_PROPERTIES if call.path == MENU_PATH else self._properties()
        if call.member == "GetAll":
            call.reply("a{sv}", dict(properties))
        elif call.member == "Get":
            _, name = call.body
            call.reply("v", properties[name])
        else:
            call.refuse(_READ_ONLY, "properties are read-only")


def _scaling(image: Image.Image) -> Draw:
    return lambda size, _: image.resize((size, size))


def _pixmap(image: Image.Image) -> Pixmap:
    """The image as ARGB bytes."""
    rgba = image.convert("RGBA").tobytes()
    argb = bytearray(len(rgba))
    argb[0::4], argb[1::4], argb[2::4], argb[3::4] = rgba[3::4], rgba[0::4], rgba[1::4], rgba[2::4]
    return *image.size, bytes(argb)
