"""A client over one kept connection, on plain sockets: its own cost is part of every figure, so it is small."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from tests.bench.measuring import Timing
from tests.whole.bridge import messages

_PATH = "/v1/chat/completions"
_END = b"\r\n0\r\n\r\n"
_WAY = b"x-drawbridge-way: "
LONGEST_S = 300.0


@dataclass(frozen=True, slots=True)
class Wire:
    """What a streamed answer looks like: its first text, and a mark that it is whole."""

    text: re.Pattern[bytes]
    end: bytes


# As any bridge writes it; the chunk with the role has an empty text.
CHAT = Wire(re.compile(rb'"content": ?"[^"]'), b"data: [DONE]")


class Caller:
    """One client of the server, with one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: str, path: str) -> None:
        self._reader, self._writer, self._place, self._path = reader, writer, place, path

    async def ask(self, turns: Sequence[str], *, system: str = "", tools: Sequence[str] = ()) -> Timing:
        """Sends a streamed chat of alternating turns, with tools of these names. Asserts that the answer is whole."""
        before = [{"role": "system", "content": system}] if system else []
        # Written before the clock starts: a client's own JSON is not our cost.
        chat = {"model": "sonnet", "messages": [*before, *messages(*turns)], "stream": True, **_tools(tools)}
        return await self.send(self._path, chat)

    async def send(self, path: str, body: Mapping[str, object], wire: Wire = CHAT) -> Timing:
        """Posts `body` to `path`. Asserts that the answer is whole."""
        content = json.dumps(body).encode()
        request = self._head(path, len(content)) + content
        if self._reader.at_eof():
            # The server closed the idle connection while another row was measured.
            host, _, port = self._place.rpartition(":")
            self._reader, self._writer = await asyncio.open_connection(host, int(port))
        sent = time.perf_counter()
        self._writer.write(request)
        async with asyncio.timeout(LONGEST_S):
            return await self._read(sent, wire)

    async def _read(self, sent: float, wire: Wire) -> Timing:
        taken, first = bytearray(), 0.0
        while not taken.endswith(_END):
            chunk = await self._reader.read(2**16)
            assert chunk, f"the connection ended after {taken[-300:]!r}"
            taken += chunk
            if not first and wire.text.search(taken):
                first = time.perf_counter()
            assert first or b"content-type: application/json" not in taken, taken
        ended = time.perf_counter()
        assert first, taken
        assert wire.end in taken, taken[-300:]
        way = taken.partition(_WAY)[2].partition(b"\r\n")[0].decode()
        return Timing((first - sent) * 1000, (ended - sent) * 1000, way)

    def _head(self, path: str, length: int) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nhost: {self._place}\r\n"
            f"content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        ).encode()


def _tools(names: Sequence[str]) -> dict[str, object]:
    tools = [{"type": "function", "function": {"name": name, "description": "A tool."}} for name in names]
    return {"tools": tools} if tools else {}


@asynccontextmanager
async def open_caller(url: str, *, path: str = _PATH) -> AsyncIterator[Caller]:
    """A connection to the server at `url` while the block runs."""
    split = urlsplit(url)
    reader, writer = await asyncio.open_connection(split.hostname, split.port)
    try:
        yield Caller(reader, writer, split.netloc, path)
    finally:
        writer.close()
