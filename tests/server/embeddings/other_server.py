"""Another server for embeddings, on this computer: it records requests and sends what a test says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

ONE = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.5]}],
    "model": "real-model",
    "usage": {"prompt_tokens": 2, "total_tokens": 2},
}


@dataclass
class OtherServer:
    """`reply` is the whole response, as bytes; None: it sends nothing. `heads` and `bodies` are what it received."""

    url: str = ""
    reply: bytes | None = b""
    heads: list[bytes] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    received: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)

    def answers(self, body: object, status: int = 200, kind: str = "application/json", *more: str) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} x", f"content-type: {kind}", f"content-length: {len(raw)}", *more]
        self.reply = "\r\n".join([*lines, "", ""]).encode() + raw

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split()[0])
        self.heads.append(head)
        self.bodies.append(json.loads(await reader.readexactly(length)))
        self.received.set()
        if self.reply is not None:
            writer.write(self.reply)
        else:
            await reader.read()
        self.closed.set()
        writer.close()


@asynccontextmanager
async def other_server() -> AsyncIterator[OtherServer]:
    found = OtherServer()
    found.answers(ONE)
    server = await asyncio.start_server(found._serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield found
