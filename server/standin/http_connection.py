"""HTTP/1.1 connections on h11: an answer may stall or break anywhere, and a disconnect is noticed at once."""

import asyncio
import os
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus

import h11

_CHUNK = 256 * 1024
_CLOSE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived. `size` is that of the whole body; `body` holds at most the connection's limit of it."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    size: int


class ClientDisconnected(ConnectionError):
    """The client closed the connection."""


class Connection:
    """One client connection. Requests are sequential: each is answered before the next is read."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, body_limit: int) -> None:
        self._reader = reader
        self._writer = writer
        self._body_limit = body_limit
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=1024 * 1024)
        self._is_head = False

    async def request(self) -> Request | None:
        """The next request; None when the client has closed the connection or does not speak HTTP."""
        try:
            return await self._read_request()
        except (h11.RemoteProtocolError, ConnectionError):
            return None

    async def _read_request(self) -> Request | None:
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE:
            return None
        head: h11.Request | None = None
        body = bytearray()
        size = 0
        while True:
            event = self._http.next_event()
            if event is h11.NEED_DATA:
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                self._http.receive_data(await self._reader.read(_CHUNK))
            elif isinstance(event, h11.Request):
                head = event
                self._is_head = event.method == b"HEAD"
            elif isinstance(event, h11.Data):
                size += len(event.data)
                body += event.data[: max(0, self._body_limit - len(body))]
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                headers = {name.decode().lower(): value.decode("latin-1") for name, value in head.headers}
                return Request(head.method.decode(), head.target.decode(), headers, bytes(body), size)
            else:
                return None

    async def wait_closed(self) -> None:
        """Waits until the client disconnects."""
        with suppress(ConnectionError, h11.RemoteProtocolError):
            while data := await self._reader.read(_CHUNK):
                self._http.receive_data(data)

    async def start(self, status: int, headers: tuple[tuple[str, str], ...]) -> None:
        """Sends the status line and the headers. Raises `ClientDisconnected`."""
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = ""
        await self._send(h11.Response(status_code=status, headers=list(headers), reason=reason.encode()))

    async def send(self, content: bytes) -> None:
        """Sends a part of the body at once. Raises `ClientDisconnected`."""
        if content and not self._is_head:
            await self._send(h11.Data(data=content))

    async def finish(self) -> None:
        """Ends the answer; the connection may serve the next request. Raises `ClientDisconnected`."""
        await self._send(h11.EndOfMessage())

    async def _send(self, event: h11.InformationalResponse | h11.Response | h11.Data | h11.EndOfMessage) -> None:
        try:
            self._writer.write(self._http.send(event) or b"")
            await self._writer.drain()
        except ConnectionError as error:
            raise ClientDisconnected from error

    def cut(self, *, reset: bool) -> None:
        """Closes the connection in the middle of an answer. What was sent before still arrives, unless `reset`."""
        if reset:
            # A linger time of zero makes `close` send an RST, as when the network breaks.
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0))
        self._writer.close()

    def abort(self) -> None:
        """Drops the connection and all unsent data."""
        self._writer.transport.abort()

    async def close(self) -> None:
        """Closes the connection, waiting at most two seconds for a client that does not read. Never raises."""
        self._writer.close()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT_S):
                await self._writer.wait_closed()
        except TimeoutError:
            self.abort()
        except ConnectionError:
            pass
