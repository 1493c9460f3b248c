"""ngrok's service on loopback, for the real agent of the package `ngrok`: TLS, sign-in, names, and their requests."""

import asyncio
import json
import ssl
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.server.machine.tunnels.certificates import certificates
from tests.server.machine.tunnels.edge import Edge
from tests.server.machine.tunnels.muxado import Connection, Stream

AUTH, BIND, UNBIND, PROXY, HEARTBEAT = 0, 1, 2, 3, 0xFFFFFFFF
TOKEN = "ngrok-token"
NAME = "calm-otter.ngrok-free.app"
REFUSALS = {
    "sign in": "authentication failed: The authtoken you specified is not valid.\r\n\r\nERR_NGROK_105\r\n",
    "limit": "authentication failed: Your account is limited to 1 agent session.\r\n\r\nERR_NGROK_108\r\n",
}


class NgrokService:
    """Listens at `port`; `authority` is the file to trust. The names that it gives lead through `edge`."""

    def __init__(self, edge: Edge, folder: Path) -> None:
        self._edge, self._folder = edge, folder
        self._tasks: set[asyncio.Task[Any]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self.refusal = ""
        self.sign_ins = 0

    async def __aenter__(self) -> Self:
        self.authority, leaf = certificates(self._folder, ("localhost",))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf)
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self) -> None:
        """Cuts all connections of agents."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        agent = _Agent(Connection(reader, writer), self, self._edge)
        self._start(agent.answer())
        try:
            await agent.connection.serve()
        finally:
            await agent.end()
            writer.close()

    def _start(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class _Agent:
    """One signed-in agent and its names."""

    def __init__(self, connection: Connection, service: NgrokService, edge: Edge) -> None:
        self.connection, self._service, self._edge = connection, service, edge
        self._names: dict[str, asyncio.Server] = {}
        self._calls: set[asyncio.Task[None]] = set()

    async def answer(self) -> None:
        while (stream := await self.connection.accepted.get()) is not None:
            call = asyncio.create_task(self._answer_one(stream))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)

    async def end(self) -> None:
        for name in list(self._names):
            self._forget(name)
        for call in list(self._calls):
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)

    def _forget(self, name: str) -> None:
        self._names.pop(name).close()
        self._edge.names.pop(name, None)

    async def _answer_one(self, stream: Stream) -> None:
        sent = bytearray()
        async for part in stream.parts():
            sent += part
            if len(sent) < 4:
                continue
            (kind,) = struct.unpack_from(">I", sent)
            if kind == HEARTBEAT:
                if len(sent) > 4:
                    stream.write(bytes(sent[4:]))
                    del sent[4:]
                continue
            with suppress(ValueError):
                request = json.loads(sent[4:])
                stream.write(json.dumps(await self._reply_to(kind, request)).encode(), is_last=True)
                return

    async def _reply_to(self, kind: int, request: dict[str, Any]) -> dict[str, Any]:
        if kind == AUTH:
            self._service.sign_ins += 1
            refusal = self._service.refusal
            if request["Extra"]["AuthToken"] != TOKEN:
                refusal = "sign in"
            return {"Version": "3", "ClientId": "client", "Extra": {}, "Error": REFUSALS.get(refusal, "")}
        if kind == BIND:
            name = request["Opts"]["Hostname"] or NAME
            server = await asyncio.start_server(self._call, "127.0.0.1", 0)
            self._names[name], self._edge.names[name] = server, server.sockets[0].getsockname()[1]
            bound = {"Id": name, "URL": f"https://{name}", "Proto": "https", "Opts": request["Opts"]}
            return {**bound, "BindOpts": request["Opts"], "Extra": {"Token": ""}, "Error": ""}
        if kind == UNBIND and request["Id"] in self._names:
            self._forget(request["Id"])
        return {}

    async def _call(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """A request for a name of the agent: a stream to it, with a head that says from where."""
        (name,) = list(self._names)[:1] or [""]
        head = {
            "Id": name,
            "ClientAddr": "203.0.113.7:4711",
            "Proto": "https",
            "EdgeType": "3",
            "PassthroughTLS": False,
        }
        text = json.dumps(head).encode()
        stream = self.connection.open(struct.pack(">I", PROXY) + struct.pack("<q", len(text)) + text)

        async def outwards() -> None:
            async for part in stream.parts():
                writer.write(part)
                await writer.drain()

        async def inwards() -> None:
            while data := await reader.read(65536):
                stream.write(data)

        both = [asyncio.create_task(outwards()), asyncio.create_task(inwards())]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
            # Either side's end ends the other, as with the real service.
            stream.close()
            writer.close()
