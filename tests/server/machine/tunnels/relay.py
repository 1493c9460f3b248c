"""An ssh server that behaves like localhost.run: no sign-in, a public name for each forwarded port, told as JSON."""

import asyncio
import json
import secrets
from contextlib import suppress
from typing import Self

import asyncssh

from tests.server.machine.tunnels.edge import Edge


class SshServer:
    """Listens at `port`; the public names lead through `edge`."""

    def __init__(self, edge: Edge) -> None:
        self._edge = edge
        self._key = asyncssh.generate_private_key("ssh-ed25519")
        self.connections: list[asyncssh.SSHServerConnection] = []
        self.commands: list[str] = []
        self.refusal = ""
        self.renaming = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._acceptor = await asyncssh.create_server(
            lambda: _Session(self), "127.0.0.1", 0, server_host_keys=[self._key], process_factory=self._answer
        )
        self.port = self._acceptor.get_port()
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self.connections:
            connection.abort()
        self._acceptor.close()
        await self._acceptor.wait_closed()

    def change_key(self) -> None:
        self._key = asyncssh.generate_private_key("ssh-ed25519")

    async def _answer(self, process: "asyncssh.SSHServerProcess[str]") -> None:
        self.commands.append(process.command or "")
        while (port := process.get_extra_info("forwarded")) is None:  # set by another task
            await asyncio.sleep(0.01)
        names: list[str] = []
        renaming = asyncio.create_task(self.renaming.wait())
        reading = asyncio.create_task(process.stdin.read())
        try:
            while True:
                names.append(f"{secrets.token_hex(7)}.lhr.life")
                self._edge.names[names[-1]] = port
                process.stdout.write("Welcome to the relay\n")
                event = {"event": "tcpip-forward", "authz_code": "OK", "address": names[-1], "status": "success"}
                process.stdout.write(json.dumps(event) + "\n")
                await asyncio.wait({renaming, reading}, return_when=asyncio.FIRST_COMPLETED)
                if not renaming.done():
                    break
                self.renaming.clear()
                renaming = asyncio.create_task(self.renaming.wait())
        finally:
            for name in names:
                self._edge.names.pop(name, None)
            for task in (renaming, reading):
                task.cancel()
            with suppress(OSError):
                process.exit(0)


class _Session(asyncssh.SSHServer):
    def __init__(self, server: SshServer) -> None:
        self._server = server

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.append(conn)

    def begin_auth(self, username: str) -> bool:
        return self._server.refusal == "sign in" or username != "nokey"

    async def server_requested(self, listen_host: str, listen_port: int):  # type: ignore[no-untyped-def] # of asyncssh's many kinds
        if self._server.refusal == "limit":
            return False
        listener = await self._connection.forward_local_port("127.0.0.1", 0, listen_host, listen_port)
        self._connection.set_extra_info(forwarded=listener.get_port())
        return listener
