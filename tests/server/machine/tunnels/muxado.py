"""Muxado, the frames by which ngrok's agent carries many streams over one connection: the server's half.

A frame is a head of 8 bytes (24 bits length, 4 bits kind, 4 bits flags, 32 bits stream) and its body. The first 4 bytes
of a stream say what it is for.
"""

import asyncio
import struct
from collections.abc import AsyncIterator

RESET, DATA, WINDOW, GO_AWAY = range(4)
FIN, SYN = 1, 2
_HEAD = struct.Struct(">II")


class Stream:
    """One stream. `kind` is known when the peer has opened it."""

    def __init__(self, connection: "Connection", number: int) -> None:
        self._connection, self.number = connection, number
        self._came: asyncio.Queue[bytes] = asyncio.Queue()
        self._has_sent = False

    def feed(self, data: bytes) -> None:
        """Takes what came; nothing: the end."""
        self._came.put_nowait(data)

    async def parts(self) -> AsyncIterator[bytes]:
        """What comes, until its end."""
        while data := await self._came.get():
            # Else the peer stops after 256 KB.
            self._connection.send(WINDOW, 0, self.number, struct.pack(">I", len(data)))
            yield data

    def write(self, data: bytes, *, is_last: bool = False, is_first: bool = False) -> None:
        self._connection.send(DATA, (FIN if is_last else 0) | (SYN if is_first else 0), self.number, data)

    def close(self) -> None:
        """Ends our half. The agent ends a request only at this, not at a reset."""
        self.write(b"", is_last=True)


class Connection:
    """A connection of an agent. `accepted` gets each stream that it opens."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._streams: dict[int, Stream] = {}
        self._next = 2
        self.accepted: asyncio.Queue[Stream | None] = asyncio.Queue()

    def send(self, kind: int, flags: int, stream: int, body: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(_HEAD.pack(len(body) << 8 | kind << 4 | flags, stream) + body)

    def open(self, first: bytes) -> Stream:
        """Opens a stream, whose first bytes are `first`."""
        stream = self._streams[self._next] = Stream(self, self._next)
        self._next += 2
        stream.write(first, is_first=True)
        return stream

    async def serve(self) -> None:
        """Reads frames until the connection ends."""
        try:
            while True:
                sizes, number = _HEAD.unpack(await self._reader.readexactly(_HEAD.size))
                self._take(sizes >> 4 & 15, sizes & 15, number, await self._reader.readexactly(sizes >> 8))
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.accepted.put_nowait(None)
            for stream in self._streams.values():
                stream.feed(b"")

    def _take(self, kind: int, flags: int, number: int, body: bytes) -> None:
        if kind == DATA and flags & SYN:
            self._streams[number] = stream = Stream(self, number)
            self.accepted.put_nowait(stream)
        found = self._streams.get(number)
        if found is None:
            return
        if kind == DATA and body:
            found.feed(body)
        if kind == RESET or (kind == DATA and flags & FIN):
            found.feed(b"")
