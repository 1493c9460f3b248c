"""A forwarding proxy on loopback that resolves made-up host names and records what passes through it."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class ForwardProxy:
    """`hosts` maps host names to ports of this computer; `lines` are the request lines that arrived."""

    hosts: Mapping[str, int]
    port: int = 0
    lines: list[str] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            await self._serve(reader, writer)
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = head.removesuffix("\r\n\r\n").split("\r\n")
        method, target, version = line.split(" ")
        self.lines.append(line)
        given = [header for header in headers if header.lower().startswith("proxy-authorization:")]
        self.credentials += [header.partition(":")[2].strip() for header in given]
        parts = urlsplit(f"//{target}" if method == "CONNECT" else target)
        port = self.hosts.get(parts.hostname or "")
        if port is None:
            writer.write(b"HTTP/1.1 502 Unknown host\r\ncontent-length: 0\r\n\r\n")
            return
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", port)
        self.writers.append(up_writer)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        else:
            # One request a connection, so that each is recorded.
            kept = [header for header in headers if not header.lower().startswith(("proxy-", "connection:", "host:"))]
            path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            kept = [f"{method} {path} {version}", f"host: {parts.netloc}", "connection: close", *kept]
            up_writer.write("\r\n".join(kept).encode("latin-1") + b"\r\n\r\n")
        await asyncio.gather(_copy(reader, up_writer), _copy(up_reader, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@asynccontextmanager
async def open_forward_proxy(hosts: Mapping[str, int]) -> AsyncIterator[ForwardProxy]:
    proxy = ForwardProxy(hosts)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        for writer in proxy.writers:
            writer.close()
