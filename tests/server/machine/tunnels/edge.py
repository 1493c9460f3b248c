"""The public side of a tunnel on loopback: tells names apart by the header Host, as the real services do.

An agent, such as the double of cloudflared, registers its name by a line of JSON on a connection that it keeps open:
the name leads to its port as long as that connection lives.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Self

_GONE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_ADDED = b"X-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\nForwarded: for=203.0.113.7\r\nVia: 1.1 edge\r\n"


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Edge:
    """Listens at `port` for the public, and at `agents` for the tunnels' programs."""

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for handler in (self._serve, self._register):
            self._servers.append(await asyncio.start_server(self._tracked(handler), "127.0.0.1", 0))
        self.port, self.agents = (server.sockets[0].getsockname()[1] for server in self._servers)
        return self

    async def __aexit__(self, *_: object) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _tracked(self, handler: Handler) -> Handler:
        async def tracked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._tasks.add(task)
            try:
                with suppress(OSError, asyncio.IncompleteReadError):
                    await handler(reader, writer)
            finally:
                self._tasks.discard(task)
                writer.close()

        return tracked

    async def _register(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        given = json.loads(await reader.readline())
        self.names[given["name"]] = given["port"]
        writer.write(b"ok\n")
        try:
            await reader.read()
        finally:
            self.names.pop(given["name"], None)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        hosts = [line.split(b":", 1)[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"host:")]
        port = self.names.get(hosts[0].decode().partition(":")[0]) if hosts else None
        if port is None:
            writer.write(_GONE)
            await writer.drain()
            return
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        first, rest = head.split(b"\r\n", 1)
        inner_writer.write(first + b"\r\n" + _ADDED + rest)
        try:
            pumps = [asyncio.create_task(_pump(reader, inner_writer)), asyncio.create_task(_pump(inner_reader, writer))]
            # Either side's end ends the other, as with the real services.
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            inner_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
