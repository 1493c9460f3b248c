"""A D-Bus connection. A reading thread calls the callbacks; after a timeout of a send the bus counts as lost."""

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

# Arguments as they came from the bus, with types that the sender chose.
Body = tuple[Any, ...]


class BusUnavailable(Exception):
    """There is no bus, or it refuses the connection."""


class CallFailed(Exception):
    """The call was answered with an error, whose D-Bus name is the message, or the connection was lost."""


@dataclass(frozen=True, slots=True)
class RemoteInterface:
    """An interface of an object on the bus; `owner` is the bus name of its process."""

    owner: str
    path: str
    interface: str


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """A method call to us. Reply once, from any thread; a reply that cannot be sent is dropped."""

    bus: "Bus"
    message: Message

    @property
    def path(self) -> str:
        """The path of the called object."""
        return str(self.message.header.fields.get(HeaderFields.path, ""))

    @property
    def interface(self) -> str:
        """The interface; empty if the caller named none."""
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
        """Replies with these values."""
        self._send(new_method_return(self.message, signature, values))

    def refuse(self, error: str, text: str = "") -> None:
        """Replies with an error; `error` is its D-Bus name."""
        self._send(new_error(self.message, error, "s", (text,)))

    def _send(self, reply: Message) -> None:
        if not self.message.header.flags & MessageFlag.no_reply_expected:
            self.bus.send(reply)


def _refuse(call: IncomingCall) -> None:
    call.refuse(UNKNOWN_METHOD)


def _ignore(*_: object) -> None:
    pass


class Bus:
    """The connection. The constructor connects, and raises `BusUnavailable`.

    The callbacks run on the reading thread: `on_call` for incoming calls, `on_signal` with a signal's name and
    arguments, `on_lost` once if the connection ends without `close`.
    """

    def __init__(
        self,
        *,
        on_call: Callable[[IncomingCall], None] = _refuse,
        on_signal: Callable[[str, Body], None] = _ignore,
        on_lost: Callable[[], None] = _ignore,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._on_call, self._on_signal, self._on_lost = on_call, on_signal, on_lost
        self._pending: dict[int, Future[Body]] = {}
        self._is_closed = False
        self._lock = threading.Lock()
        self._connection = _connection(_address(environ))
        self._reader = threading.Thread(target=self._read, name="drawbridge-tray-bus", daemon=True)
        self._reader.start()

    @property
    def unique_name(self) -> str:
        """Our name on the bus."""
        return str(self._connection.unique_name)

    def call(self, target: RemoteInterface, method: str, signature: str | None = None, *values: object) -> Future[Body]:
        """Calls a method. The future gets the reply, if one comes, or `CallFailed`."""
        address = DBusAddress(target.path, target.owner, target.interface)
        return self._request(new_method_call(address, method, signature, values))

    def has_owner(self, name: str) -> bool:
        """Whether a process owns the well-known `name`; starts none. Raises `CallFailed` or TimeoutError."""
        (is_owned,) = self._request(message_bus.NameHasOwner(name)).result(TIMEOUT_S)
        return bool(is_owned)

    def request_name(self, name: str) -> Future[Body]:
        """Requests a well-known name, without queueing for it."""
        return self._request(message_bus.RequestName(name, _DO_NOT_QUEUE))

    def subscribe(self, **rule: str) -> None:
        """Subscribes to signals that match `rule`; `arg0` is their first argument."""
        first = rule.pop("arg0", None)
        match = MatchRule(type="signal", **rule)
        if first is not None:
            match.add_arg_condition(0, first)
        self._request(message_bus.AddMatch(match))

    def emit(self, path: str, interface: str, member: str, signature: str | None = None, *values: object) -> None:
        """Sends a signal."""
        self.send(new_signal(DBusAddress(path, interface=interface), member, signature, values))

    def send(self, message: Message, serial: int | None = None) -> None:
        """Sends a message; drops it if the connection is closed."""
        if self._is_closed:
            return
        try:
            self._connection.send(message, serial=serial)
        except OSError as error:
            # Half a message may have been sent, after which the bus understands nothing.
            logger.warning("cannot send to D-Bus: %s", error)
            with self._lock:
                # After a close in another thread the file descriptor may belong to another file.
                if not self._is_closed:
                    self._connection.interrupt()

    def close(self) -> None:
        """Disconnects, which takes at most `TIMEOUT_S`. Idempotent."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
        self._connection.interrupt()
        if self._reader is not threading.current_thread():
            self._reader.join(TIMEOUT_S)
        _close(self._connection)
        self._fail_all()

    def _request(self, message: Message) -> Future[Body]:
        future: Future[Body] = Future()
        serial = next(self._connection.outgoing_serial)
        self._pending[serial] = future
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
        # The parser raises many types of errors on malformed bytes.
        except Exception as error:  # noqa: BLE001 - the edge of this thread
            logger.warning("lost the D-Bus connection: %s: %s", type(error).__name__, error)
        self._fail_all()
        if not self._is_closed:
            self._on_lost()

    def _fail_all(self) -> None:
        while self._pending:
            with suppress(KeyError):
                _, future = self._pending.popitem()
                future.set_exception(CallFailed("the connection is lost"))

    def _handle(self, message: Message) -> None:
        fields = message.header.fields
        match message.header.message_type:
            case MessageType.method_call:
                self._serve(IncomingCall(self, message))
            case MessageType.signal:
                self._on_signal(str(fields.get(HeaderFields.member, "")), tuple(message.body))
            case kind:
                future = self._pending.pop(fields.get(HeaderFields.reply_serial, -1), None)
                if future is None:
                    return
                if kind is MessageType.error:
                    future.set_exception(CallFailed(str(fields.get(HeaderFields.error_name, ""))))
                else:
                    future.set_result(tuple(message.body))

    def _serve(self, call: IncomingCall) -> None:
        try:
            self._on_call(call)
        except (LookupError, TypeError, ValueError) as error:
            # The caller sent wrong arguments.
            logger.debug("%s refused: %r", call.member, error)
            call.refuse(INVALID_ARGS, f"invalid arguments for {call.member}")


_DO_NOT_QUEUE = 4


def _address(environ: Mapping[str, str]) -> str:
    """The session bus's address: from the environment, else systemd's default."""
    if address := environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return address
    runtime = environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime, "bus").is_socket():
        return f"unix:path={runtime}/bus"
    raise BusUnavailable("there is no session bus")


def _connection(address: str) -> DBusConnection:
    try:
        # The library's default of one second is too short while a desktop starts; there would be no icon.
        connection = open_dbus_connection(address, auth_timeout=TIMEOUT_S)
    # An invalid address, a missing socket, a refused connection: the library has no common error for them.
    except Exception as error:
        raise BusUnavailable(f"the bus at {address} does not answer: {error}") from error
    connection.sock.settimeout(TIMEOUT_S)
    return connection


def _close(connection: DBusConnection) -> None:
    """Closes the connection and both ends of `interrupt`'s pipe, which the library (0.9) leaves open."""
    ends = [(end, os.fstat(end).st_ino) for end in (connection.stop_key.fd, connection._stop_w)]  # noqa: SLF001
    connection.close()
    for end, pipe in ends:
        with suppress(OSError):
            # A later library may close them itself; the number may then belong to another file.
            if os.fstat(end).st_ino == pipe:
                os.close(end)
