"""A proxy between a client and a server that forwards every byte and records the requests."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import h11

PIECE = 65_536


class Tap:
    """Records what a client writes on each connection. The client connects to `url`."""

    def __init__(self, url: str) -> None:
        self._target = urlsplit(url)
        self._written: list[bytearray] = []
        self.url = url

    def listens(self, port: int) -> None:
        """Sets the port on which it listens."""
        self.url = self._target._replace(netloc=f"127.0.0.1:{port}").geturl()

    async def relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serves one connection of the client's."""
        written = bytearray()
        self._written.append(written)
        server = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(_pass_on(reader, server[1], written), _pass_on(server[0], writer, bytearray()))

    def bodies(self) -> list[dict[str, Any]]:
        """Returns the JSON bodies of all requests, connection by connection."""
        return [json.loads(body) for written in self._written for body in _bodies(bytes(written)) if body]

    def offers(self) -> list[list[dict[str, Any]]]:
        """Returns the tools of all requests that have any, in Claude's format and in the order of `calling.offers`."""
        found = [[_plain(tool) for tool in body["tools"]] for body in self.bodies() if body.get("tools")]
        return sorted(found, key=json.dumps)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copy: bytearray) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(PIECE):
            copy += data
            writer.write(data)
            await writer.drain()
    writer.close()


def _bodies(written: bytes) -> list[bytes]:
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(written)
    bodies: list[bytes] = []
    while isinstance(connection.next_event(), h11.Request):
        body = b""
        while isinstance(event := connection.next_event(), h11.Data):
            body += event.data
        bodies.append(body)
        # h11 expects a response before the next request.
        connection.send(h11.Response(status_code=204, headers=[]))
        connection.send(h11.EndOfMessage())
        if connection.our_state is not h11.DONE:
            break
        connection.start_next_cycle()
    return bodies


@asynccontextmanager
async def open_tap(url: str) -> AsyncIterator[Tap]:
    """A tap in front of the server at `url`."""
    tap = Tap(url)
    listener = await asyncio.start_server(tap.relay, "127.0.0.1", 0)
    tap.listens(listener.sockets[0].getsockname()[1])
    async with listener:
        yield tap


def _plain(tool: Mapping[str, Any]) -> dict[str, Any]:
    function = tool["function"]
    return {"name": function["name"], "description": function["description"], "input_schema": function["parameters"]}
