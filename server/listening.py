"""uvicorn, one for each door: serves sockets that are bound already, ends within a bound, or at once."""

import asyncio
import socket
from contextlib import suppress

import uvicorn

from server.engine import App

# How long cancelled requests may take to tidy up behind themselves.
CLOSING_S = 10.0
# Longer than clients keep a connection, so that it is they who close it: else a request may meet a closing socket.
KEEP_ALIVE_S = 75


class Listening(uvicorn.Server):
    """One door, open from `open` to `close`."""

    def __init__(self, app: App, sockets: list[socket.socket]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http="h11",
                ws="none",
                # Start and stop are the runner's: a failing lifespan leaves as SystemExit, its cause lost.
                lifespan="off",
                # A windowed program has no stderr, at which uvicorn's own logging fails.
                log_config=None,
                access_log=False,
                # Who a request comes from is the socket, never a header.
                proxy_headers=False,
                server_header=False,
                workers=1,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )
        self._sockets = sockets
        self._accepts = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What uvicorn does, and then says so."""
        await super().startup(sockets)
        self._accepts.set()

    async def open(self) -> None:
        """Returns when requests are answered. Raises what went wrong."""
        self.serving = asyncio.create_task(self.serve(self._sockets))
        accepts = asyncio.create_task(self._accepts.wait())
        try:
            await asyncio.wait({self.serving, accepts}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            accepts.cancel()
        if self.serving.done():
            await self.serving

    async def close(self, grace_s: float) -> None:
        """Takes nothing new, lets running answers end for `grace_s` seconds, then cancels; returns when all ended."""
        if self.serving is None:
            return
        # uvicorn reads it when it begins to stop, and takes any number.
        self.config.timeout_graceful_shutdown = grace_s  # type: ignore[assignment]
        self.should_exit = True
        running = set(self.server_state.tasks)
        # The requests that came while the last sockets were open are known only at the end.
        await asyncio.wait({self.serving})
        running |= set(self.server_state.tasks)
        if running:
            await asyncio.wait(running, timeout=CLOSING_S)
        for connection in list(self.server_state.connections):
            with suppress(AttributeError):
                connection.transport.abort()
        await self.serving

    def cut(self) -> None:
        """Ends the running answers now."""
        for task in list(self.server_state.tasks):
            task.cancel()
