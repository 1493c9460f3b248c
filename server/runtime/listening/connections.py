"""Limits the number of HTTP connections, and the time that the head of a request may take.

uvicorn has neither limit. A connection that sends no request, or half of one, costs its client nothing and needs no
key: with enough of them, any client could use up the file descriptors of the process.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from server.runtime.listening.lingering import LingeringTransport
from server.web.interfaces import CONNECTION

logger = logging.getLogger(__name__)

# Seconds from the first byte of a head to its last. A new connection may be silent for as long as a kept one.
HEAD_TIMEOUT_S = 20.0
BACKLOG = 512
_MOST = 1024
_FEWEST = 16
# Descriptors for everything else: processes, their pipes, files.
_RESERVED = 96
# Refused connections that may stay open until their client has read why; their descriptors are some of `_RESERVED`.
_MOST_REFUSED = 16
_PAUSE_S = 0.2
# How long a new connection has for its request before it may be evicted for the next one. Callers that arrive
# meanwhile wait in the backlog, where their requests are received.
_NEW_S = 0.5
_STEP_S = 0.005
_LOG_EVERY_S = 60.0
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
# The first bytes of a TLS connection: a handshake record of any version.
_TLS = b"\x16\x03"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Connections:
    """The open connections of all listeners, at most `most`.

    A new connection beyond that evicts the one that has waited longest for a request; connections that never had a
    request answered are evicted first. A connection whose request is being answered is never evicted.
    """

    def __init__(self, most: int, on_https: Callable[[], None] = lambda: None) -> None:
        """`on_https` is called when a client begins with a TLS handshake."""
        self.most = most
        self.on_https = on_https
        self._open: set[Connection] = set()
        # In the order in which they began to wait.
        self._new: dict[Connection, None] = {}
        self._kept: dict[Connection, None] = {}
        self._refused: set[Connection] = set()

    @classmethod
    def within(cls, descriptors: int, on_https: Callable[[], None] = lambda: None) -> "Connections":
        """Limits the connections for a process that may open `descriptors` files: about half of them are kept free."""
        return cls(max(_FEWEST, min(_MOST, (descriptors - _RESERVED) // 2)), on_https)

    def __len__(self) -> int:
        """The number of open connections."""
        return len(self._open)

    def add(self, connection: "Connection") -> bool:
        """Admits a new connection; False if all others are being answered."""
        self._open.add(connection)
        is_admitted = len(self._open) <= self.most or self.evict()
        if is_admitted:
            self._new[connection] = None
        return is_admitted

    def refuse(self, connection: "Connection") -> bool:
        """Stops counting a connection that was not admitted; returns whether it may stay open until it is read."""
        self.remove(connection)
        if may_stay := len(self._refused) < _MOST_REFUSED:
            self._refused.add(connection)
        return may_stay

    def wait_s(self, now: float) -> float:
        """Seconds until another connection may be accepted: 0.0 unless it would evict one that has only just come."""
        if len(self._open) < self.most or not self._new:
            return 0.0
        return max(0.0, next(iter(self._new)).opened_at + _NEW_S - now)

    def evict(self) -> bool:
        """Closes the connection that has waited longest for a request; False if none waits."""
        for waiting in (self._new, self._kept):
            if waiting:
                oldest = next(iter(waiting))
                self.remove(oldest)
                oldest.transport.abort()
                return True
        return False

    def wait(self, connection: "Connection") -> None:
        """The connection has got its answer, and waits for the next request."""
        if connection in self._open and connection not in self._new:
            self._kept[connection] = None

    def answer(self, connection: "Connection") -> None:
        """The connection has sent a whole request."""
        self._new.pop(connection, None)
        self._kept.pop(connection, None)

    def remove(self, connection: "Connection") -> None:
        """The connection is closed."""
        self.answer(connection)
        self._open.discard(connection)
        self._refused.discard(connection)


def _with_shared_state(app: Any) -> Any:
    """`app`, with a dictionary in its scopes that all requests of this connection share."""
    state: dict[str, object] = {}

    async def with_state(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, CONNECTION: state}, receive, send)

    return with_state


class Connection(H11Protocol):
    """uvicorn's connection, counted among `connections` and with a timeout for heads."""

    def __init__(self, *, connections: Connections, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._all = connections
        self._timer: asyncio.TimerHandle | None = None
        self._is_in_head = False
        self._lingers = False
        self.opened_at = self.loop.time()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        """Admits the connection, or refuses it with status 503 if there are too many."""
        self._lingering = LingeringTransport(transport, self._is_incomplete)
        super().connection_made(self._lingering)  # type: ignore[arg-type] # has all of a transport's members
        self.app = _with_shared_state(self.app)
        if self._all.add(self):
            self._set_timer(self.timeout_keep_alive)
        else:
            self._lingers = self._all.refuse(self)
            self.transport.write(_BUSY)
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops counting the connection."""
        self._all.remove(self)
        self._set_timer(None)
        self._lingering.end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Starts the timeout at the first byte of a head; the bytes that follow do not prolong it."""
        if self._lingering.is_lingering:
            return
        if self._awaits_head and not self._is_in_head:
            self._is_in_head = True
            self._set_timer(HEAD_TIMEOUT_S)
            if data.startswith(_TLS):
                self._all.on_https()
        super().data_received(data)
        self._look()

    def on_response_complete(self) -> None:
        """From now on the connection waits, unless it has sent the next request already."""
        self._all.wait(self)
        super().on_response_complete()
        self._look()

    def _unsupported_upgrade_warning(self) -> None:
        """Logs nothing: the request is answered over HTTP, and the log has a line for it. uvicorn logs two warnings."""

    def shutdown(self) -> None:
        """Lets a running answer end. A request that has not arrived completely has no answer to lose."""
        if not self._awaits_head and self.cycle.more_body and not self.cycle.response_started:
            self.transport.abort()
        else:
            super().shutdown()

    def _is_incomplete(self) -> bool:
        """Whether the client may be sending its request still."""
        return self._lingers or self.conn.their_state in {h11.SEND_BODY, h11.ERROR}

    @property
    def _awaits_head(self) -> bool:
        # uvicorn declares it without the None that it starts with.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    def _look(self) -> None:
        """Updates whether the connection is in a head, in a body, in an answer, or idle."""
        if not self._awaits_head:
            self._is_in_head = False
            self._set_timer(None)
            if not self.cycle.more_body:
                self._all.answer(self)
        elif self._is_in_head and self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            # The bytes were the rest of a refused body.
            self._is_in_head = False
            self._set_timer(self.timeout_keep_alive)

    def _set_timer(self, seconds: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.transport.abort)


async def accept_connections(
    listener: socket.socket, connections: Connections, new_connection: Callable[[], asyncio.Protocol]
) -> None:
    """Accepts connections until it is cancelled.

    asyncio's own loop repeats a failed accept as often as the backlog is long, with a traceback each.
    """
    loop = asyncio.get_running_loop()
    logged_at = float("-inf")
    while True:
        if wait_s := connections.wait_s(loop.time()):
            # In short steps: a request that arrives ends the wait.
            await asyncio.sleep(min(wait_s, _STEP_S))
            continue
        try:
            accepted = await accept_connection(listener)
        except OSError as error:
            if listener.fileno() == -1:
                return
            if error.errno in _EXHAUSTED:
                connections.evict()
                if loop.time() - logged_at >= _LOG_EVERY_S:
                    logged_at = loop.time()
                    logger.warning("too many open files or sockets: new connections have to wait (%s)", error.strerror)
            await asyncio.sleep(_PAUSE_S)
            continue
        try:
            await loop.connect_accepted_socket(new_connection, accepted)
        except OSError as error:
            logger.debug("a connection ended at once: %s", error)
            accepted.close()


async def accept_connection(listener: socket.socket) -> socket.socket:
    """Accepts a connection; if it is cancelled, no accepted connection is lost.

    `sock_accept` of asyncio accepts before its caller continues: a cancellation in between leaves a connection that
    is never closed, and its client waits. The event loop of Windows has nothing else.
    """
    loop = asyncio.get_running_loop()
    if not isinstance(loop, asyncio.SelectorEventLoop):
        return (await loop.sock_accept(listener))[0]
    while True:
        try:
            accepted, _ = listener.accept()
        except BlockingIOError:
            await _readable(loop, listener)
        else:
            accepted.settimeout(0)
            return accepted


async def _readable(loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(listener, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listener)
