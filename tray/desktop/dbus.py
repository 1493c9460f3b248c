"""One connection to the session bus: calls with replies that come later, signals out and in, and calls to be answered.

A thread of its own reads and answers; nothing here waits for it. What is sent is bounded in time: a bus that takes
nothing any more counts as gone.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jeepney import (
    DBusAddress,
    HeaderFields,
    MatchRule,
    Message,
    MessageFlag,
    MessageType,
    new_error,
    new_method_call,
    new_method_return,
    new_signal,
)
from jeepney.bus_messages import message_bus
from jeepney.io.threading import DBusConnection, ReceiveStopped, open_dbus_connection

logger = logging.getLogger(__name__)

TIMEOUT_S = 5.0
INVALID_ARGS = "org.freedesktop.DBus.Error.InvalidArgs"
UNKNOWN_METHOD = "org.freedesktop.DBus.Error.UnknownMethod"

# Values as they came from the bus: their types are the sender's affair.
Body = tuple[Any, ...]


class BusMissing(Exception):
    """There is no session bus here, or it does not let us in."""


class CallFailed(Exception):
    """The other side answered with an error, whose D-Bus name this carries, or the bus has gone."""


@dataclass(frozen=True, slots=True)
class Place:
    """An object of somebody on the bus, and which of its interfaces is meant."""

    name: str
    path: str
    interface: str


@dataclass(frozen=True, slots=True)
class Call:
    """Somebody calls us. Answer once, from any thread; an answer that cannot be sent is dropped."""

    bus: "Bus"
    message: Message

    @property
    def path(self) -> str:
        """Which of our objects is called."""
        return str(self.message.header.fields.get(HeaderFields.path, ""))

    @property
    def interface(self) -> str:
        """Empty where the caller did not say."""
        return str(self.message.header.fields.get(HeaderFields.interface, ""))

    @property
    def member(self) -> str:
        """The method's name."""
        return str(self.message.header.fields[HeaderFields.member])

    @property
    def body(self) -> Body:
        """The arguments, unchecked."""
        return tuple(self.message.body)

    def reply(self, signature: str | None = None, *values: object) -> None:
        """It is done, and this is what came of it."""
        self._send(new_method_return(self.message, signature, values))

    def refuse(self, error: str, text: str = "") -> None:
        """It cannot be done. `error` is a D-Bus name."""
        self._send(new_error(self.message, error, "s", (text,)))

    def _send(self, answer: Message) -> None:
        if not self.message.header.flags & MessageFlag.no_reply_expected:
            self.bus.send(answer)


class Bus:
    """The connection. Making one raises `BusMissing`.

    `answer` and `hear` are called on the reading thread, for calls and signals; `lost` once there, when the bus has
    gone by itself.
    """

    def __init__(
        self,
        answer: Callable[[Call], None],
        hear: Callable[[str, Body], None],
        lost: Callable[[], None],
        *,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._answer, self._hear, self._lost = answer, hear, lost
        self._waiting: dict[int, Future[Body]] = {}
        self._is_closed = False
        self._lock = threading.Lock()
        self._connection = _connection(_address(environ))
        self._reader = threading.Thread(target=self._read, name="drawbridge-tray-bus", daemon=True)
        self._reader.start()

    @property
    def unique_name(self) -> str:
        """Our name on the bus."""
        return str(self._connection.unique_name)

    def ask(self, place: Place, method: str, signature: str | None = None, *values: object) -> Future[Body]:
        """Calls a method. The reply comes later and may never come; an error is a `CallFailed`."""
        address = DBusAddress(place.path, place.name, place.interface)
        return self._ask(new_method_call(address, method, signature, values))

    def own(self, name: str) -> Future[Body]:
        """Asks for one more name of ours, without waiting in line for it."""
        return self._ask(message_bus.RequestName(name, _DO_NOT_QUEUE))

    def listen(self, **rule: str) -> None:
        """Signals that match are heard from now on; `arg0` is their first argument."""
        first = rule.pop("arg0", None)
        match = MatchRule(type="signal", **rule)
        if first is not None:
            match.add_arg_condition(0, first)
        self._ask(message_bus.AddMatch(match))

    def emit(self, path: str, interface: str, member: str, signature: str | None = None, *values: object) -> None:
        """A signal to everybody who listens."""
        self.send(new_signal(DBusAddress(path, interface=interface), member, signature, values))

    def send(self, message: Message, serial: int | None = None) -> None:
        """Any message; dropped where the bus has gone."""
        if self._is_closed:
            return
        try:
            self._connection.send(message, serial=serial)
        except OSError as error:
            # Half a message may be out: nothing that follows would be understood.
            logger.warning("the session bus takes no more: %s", error)
            with self._lock:
                # Closed meanwhile, the number it would write to may be another file's.
                if not self._is_closed:
                    self._connection.interrupt()

    def close(self) -> None:
        """Leaves the bus; hosts then take the icon away. Bounded, and once is enough."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._connection.interrupt()
        if self._reader is not threading.current_thread():
            self._reader.join(TIMEOUT_S)
        _hang_up(self._connection)
        self._fail_all()

    def _ask(self, message: Message) -> Future[Body]:
        future: Future[Body] = Future()
        serial = next(self._connection.outgoing_serial)
        self._waiting[serial] = future
        self.send(message, serial)
        if not self._reader.is_alive():
            self._fail_all()
        return future

    def _read(self) -> None:
        try:
            while True:
                self._handle(self._connection.receive())
        except ReceiveStopped:
            pass
        # What is wrong with the bytes of a bus has as many names as its parser has lines.
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            logger.warning("the session bus has gone: %s: %s", type(error).__name__, error)
        self._fail_all()
        if not self._is_closed:
            self._lost()

    def _fail_all(self) -> None:
        while self._waiting:
            with suppress(KeyError):
                _, future = self._waiting.popitem()
                future.set_exception(CallFailed("the session bus has gone"))

    def _handle(self, message: Message) -> None:
        fields = message.header.fields
        match message.header.message_type:
            case MessageType.method_call:
                self._serve(Call(self, message))
            case MessageType.signal:
                self._hear(str(fields.get(HeaderFields.member, "")), tuple(message.body))
            case kind:
                future = self._waiting.pop(fields.get(HeaderFields.reply_serial, -1), None)
                if future is None:
                    return
                if kind is MessageType.error:
                    future.set_exception(CallFailed(str(fields.get(HeaderFields.error_name, ""))))
                else:
                    future.set_result(tuple(message.body))

    def _serve(self, call: Call) -> None:
        try:
            self._answer(call)
        except (LookupError, TypeError, ValueError) as error:
            # Wrong arguments, and so the caller's mistake.
            logger.debug("%s refused: %r", call.member, error)
            call.refuse(INVALID_ARGS, f"{call.member} does not take these arguments")


_DO_NOT_QUEUE = 4


def _address(environ: Mapping[str, str]) -> str:
    """Where the session bus is: as the environment says, else where systemd puts it."""
    if address := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return address
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime, "bus").is_socket():
        return f"unix:path={runtime}/bus"
    raise BusMissing("there is no session bus")


def _connection(address: str) -> DBusConnection:
    try:
        # A second, the library's own bound, is soon over while a desktop starts, and then there would be no icon.
        connection = open_dbus_connection(address, auth_timeout=TIMEOUT_S)
    # An address that nobody understands, a socket that is not there, a bus that says no: the library has no one name
    # for it all.
    except Exception as error:
        raise BusMissing(f"the bus at {address} does not answer: {error}") from error
    connection.sock.settimeout(TIMEOUT_S)
    return connection


def _hang_up(connection: DBusConnection) -> None:
    """Closes it with all its files: the library's own `close` leaves both ends of `interrupt`'s pipe open (0.9)."""
    ends = [(end, os.fstat(end).st_ino) for end in (connection.stop_key.fd, connection._stop_w)]  # noqa: SLF001
    connection.close()
    for end, pipe in ends:
        with suppress(OSError):
            # A library that does close them leaves the number to another file.
            if os.fstat(end).st_ino == pipe:
                os.close(end)
