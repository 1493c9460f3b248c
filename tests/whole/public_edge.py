"""The internet on loopback: TLS for the public names of tunnels, reached over a proxy as in a company's network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.server.machine.tunnels.certificates import certificates
from tests.server.machine.tunnels.edge import Edge


@dataclass
class Internet:
    """`proxy` is an HTTP proxy by which every name is the edge; `authority` is the file to trust."""

    edge: Edge
    proxy: str
    authority: Path

    @property
    def environment(self) -> dict[str, str]:
        # Claude Code would send its requests to the stand-in over the proxy, too.
        return {"HTTPS_PROXY": self.proxy, "NO_PROXY": "127.0.0.1", "SSL_CERT_FILE": str(self.authority)}

    def client(self, url: str, key: str) -> httpx.AsyncClient:
        """A client out there, such as one of Cursor's servers."""
        trusted = ssl.create_default_context(cafile=str(self.authority))
        headers = {"authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=url, proxy=self.proxy, verify=trusted, headers=headers, timeout=60)


@asynccontextmanager
async def internet(folder: Path, *names: str) -> AsyncIterator[Internet]:
    """Public `names`, which may begin with `*.`."""
    authority, leaf = certificates(folder, names)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(leaf)
    async with AsyncExitStack() as stack:
        edge = await stack.enter_async_context(Edge())

        async def into_edge(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await _joined(reader, writer, edge.port)

        public = await asyncio.start_server(into_edge, "127.0.0.1", 0, ssl=context)
        stack.callback(public.close)
        public_port = public.sockets[0].getsockname()[1]

        async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(asyncio.IncompleteReadError, OSError):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"CONNECT "), head
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                await _joined(reader, writer, public_port)

        proxy = await asyncio.start_server(connect, "127.0.0.1", 0)
        stack.callback(proxy.close)
        yield Internet(edge, f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}", authority)


async def _joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    try:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    pumps = [asyncio.create_task(_pump(reader, inner_writer)), asyncio.create_task(_pump(inner_reader, writer))]
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        writer.close()
        inner_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
