"""Notifications over the desktop's bus, with a click that comes back (Linux)."""

import html
import logging
import queue
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from jeepney import DBusAddress, HeaderFields, MatchRule, Message, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import DBusConnection, Proxy, open_dbus_connection
from jeepney.wrappers import unwrap_msg

from tray.commands import Command
from tray.model import Notice

logger = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 5.0
# So many notifications can still be clicked.
REMEMBERED = 20
_NAME = "org.freedesktop.Notifications"
_DAEMON = DBusAddress("/org/freedesktop/Notifications", bus_name=_NAME, interface=_NAME)
# The action that a click on the notification itself means.
_CLICK = "default"


@dataclass(frozen=True, slots=True)
class _Wish:
    """A notification to show."""

    notice: Notice
    on_click: Callable[[Command], None]


class BusNotifier:
    """Shows notifications through org.freedesktop.Notifications.

    One thread of its own does all the talking; it starts with the first notification and sleeps between them. Where
    there is no bus or nobody shows notifications, the log has them. `icon` is a picture's file name.
    """

    def __init__(self, *, bus: str = "SESSION", icon: str = "") -> None:
        self._bus = bus
        self._icon = icon
        self._wishes: queue.SimpleQueue[_Wish | None] = queue.SimpleQueue()
        self._bell, self._rung = socket.socketpair()
        self._thread: threading.Thread | None = None

    def show(self, notice: Notice, on_click: Callable[[Command], None]) -> None:
        """Shows `notice` soon; when it is clicked, `on_click` is called with its action, in a thread of ours."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="drawbridge-notices", daemon=True)
            self._thread.start()
        self._wishes.put(_Wish(notice, on_click))
        self._ring()

    def use(self, show: Callable[[str, str], None]) -> None:
        """Nothing: the bus shows them, icon or not."""

    def close(self) -> None:
        """Shows what was still to be shown, and ends the thread. Bounded; once only."""
        if self._thread is not None:
            self._wishes.put(None)
            self._ring()
            self._thread.join(2 * REPLY_TIMEOUT_S)
        self._bell.close()
        self._rung.close()

    def _ring(self) -> None:
        with suppress(OSError):
            self._bell.send(b"!")

    def _run(self) -> None:
        line: _Line | None = None
        while True:
            try:
                if _is_readable(self._rung, *([line.socket] if line else [])) is self._rung:
                    self._rung.recv(1)
                    wish = self._wishes.get()
                    if wish is None:
                        break
                    line = line or _Line(self._bus, self._icon)
                    line.show(wish)
                elif line is not None:
                    line.listen()
            except Exception as error:  # noqa: BLE001 - the edge of this thread: no notification is worth a crash
                logger.info("notifications: %s: %s", type(error).__name__, error)
                if line is not None:
                    line.close()
                line = None
        if line is not None:
            line.close()


class _Line:
    """A connection to whoever shows notifications, and those of ours that can still be clicked."""

    def __init__(self, bus: str, icon: str) -> None:
        self._icon = icon
        self._connection: DBusConnection = open_dbus_connection(bus=bus, auth_timeout=REPLY_TIMEOUT_S)
        self._wishes: dict[int, _Wish] = {}
        self._signals: deque[Message] = deque()
        rule = MatchRule(type="signal", interface=_NAME, path=_DAEMON.object_path)
        self._connection.filter(rule, queue=self._signals)
        try:
            Proxy(message_bus, self._connection, timeout=REPLY_TIMEOUT_S).AddMatch(rule)
            (capabilities,) = unwrap_msg(self._ask(new_method_call(_DAEMON, "GetCapabilities")))
        except BaseException:
            self.close()
            raise
        self._has_markup = "body-markup" in capabilities

    @property
    def socket(self) -> socket.socket:
        """To wait on."""
        return self._connection.sock  # type: ignore[no-any-return] # the library has no types

    def show(self, wish: _Wish) -> None:
        """Shows one and remembers it. Raises what the bus raises."""
        notice = wish.notice
        text = html.escape(notice.text, quote=False) if self._has_markup else notice.text
        actions = [] if notice.action is None else [_CLICK, notice.title]
        body: tuple[object, ...] = ("Drawbridge", 0, self._icon, notice.title, text, actions, {}, -1)
        reply = self._ask(new_method_call(_DAEMON, "Notify", "susssasa{sv}i", body))
        (number,) = unwrap_msg(reply)
        self._wishes[number] = wish
        for old in list(self._wishes)[:-REMEMBERED]:
            del self._wishes[old]
        # A click may have come with the reply, and then nothing more makes the socket readable.
        self.listen()

    def listen(self) -> None:
        """Takes what has come. Raises what the bus raises, also when it has gone."""
        with suppress(TimeoutError):
            while True:
                self._connection.recv_messages(timeout=0)
        self._hear()

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()

    def _ask(self, message: Message) -> Message:
        return self._connection.send_and_get_reply(message, timeout=REPLY_TIMEOUT_S)

    def _hear(self) -> None:
        while self._signals:
            signal = self._signals.popleft()
            wish = self._wishes.get(signal.body[0])
            match signal.header.fields.get(HeaderFields.member):
                case "ActionInvoked" if wish is not None and wish.notice.action is not None:
                    wish.on_click(wish.notice.action)
                case "NotificationClosed":
                    self._wishes.pop(signal.body[0], None)


def _is_readable(*sockets: socket.socket) -> object:
    """Waits until one of them is, and gives it; the first one first."""
    with selectors.DefaultSelector() as selector:
        for one in sockets:
            selector.register(one, selectors.EVENT_READ)
        ready = {key.fileobj for key, _ in selector.select()}
    return next(one for one in sockets if one in ready)
