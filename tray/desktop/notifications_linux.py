"""Notifications through the desktop's org.freedesktop.Notifications service (Linux), with clicks on them."""

import html
import logging
import os
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from tray.desktop.dbus import TIMEOUT_S, Body, Bus, RemoteInterface
from tray.desktop.desktop import OnClick
from tray.model import Notice

logger = logging.getLogger(__name__)

# Clicks on older notifications are ignored.
MAX_REMEMBERED = 20
_NAME = "org.freedesktop.Notifications"
_SERVICE = RemoteInterface(_NAME, "/org/freedesktop/Notifications", _NAME)
# The id of the action for a click on the notification itself.
_CLICK = "default"


class BusNotifier:
    """Shows notifications over D-Bus from a worker thread; without a bus or service they are only logged."""

    def __init__(self, *, icon: str = "", environ: Mapping[str, str] = os.environ) -> None:
        self._icon = icon
        self._environ = environ
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._bus: Bus | None = None
        self._has_markup = False
        self._shown: dict[int, tuple[Notice, OnClick]] = {}
        # Held while a notification is sent, so that no click is handled before its number is stored.
        self._sending = threading.Lock()

    def show(self, notice: Notice, on_click: OnClick) -> None:
        """Shows `notice` soon; a click calls `on_click` with its action, on another thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="drawbridge-notices", daemon=True)
            self._thread.start()
        self._jobs.put(lambda: self._send(notice, on_click))

    def use(self, show: Callable[[str, str], None]) -> None:
        """Does nothing: these notifications do not need the icon."""

    def close(self) -> None:
        """Sends what is queued and disconnects; returns within a bounded time. Call it once."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(2 * TIMEOUT_S)

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception as error:  # noqa: BLE001 - the edge of this thread: no notification is worth a crash
                logger.info("notifications: %s: %s", type(error).__name__, error)
                self._disconnect()
        self._disconnect()

    def _send(self, notice: Notice, on_click: OnClick) -> None:
        """Raises `BusUnavailable`, `CallFailed` or TimeoutError."""
        bus = self._bus or self._connect()
        text = html.escape(notice.text, quote=False) if self._has_markup else notice.text
        actions = [] if notice.action is None else [_CLICK, notice.label]
        values: tuple[object, ...] = ("Drawbridge", 0, self._icon, notice.title, text, actions, {}, -1)
        with self._sending:
            reply = bus.call(_SERVICE, "Notify", "susssasa{sv}i", *values)
            reply.add_done_callback(lambda done: self._remember(done, notice, on_click))
        reply.result(TIMEOUT_S)

    def _connect(self) -> Bus:
        self._bus = Bus(
            on_signal=self._on_signal, on_lost=lambda: self._jobs.put(self._disconnect), environ=self._environ
        )
        self._bus.subscribe(interface=_NAME, path=_SERVICE.path)
        (capabilities,) = self._bus.call(_SERVICE, "GetCapabilities").result(TIMEOUT_S)
        self._has_markup = "body-markup" in capabilities
        return self._bus

    def _disconnect(self) -> None:
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()
        self._shown.clear()

    def _remember(self, reply: Future[Body], notice: Notice, on_click: OnClick) -> None:
        if reply.exception() is None:
            self._shown[reply.result()[0]] = (notice, on_click)
        for old in list(self._shown)[:-MAX_REMEMBERED]:
            self._shown.pop(old, None)

    def _on_signal(self, member: str, body: Body) -> None:
        with self._sending:
            shown = self._shown.get(body[0])
        if member == "NotificationClosed":
            self._shown.pop(body[0], None)
        elif member == "ActionInvoked" and shown is not None and (action := shown[0].action) is not None:
            try:
                shown[1](action)
            except Exception:  # the edge of the bus's thread: an error there would end the connection
                logger.exception("a click on a notification failed")
