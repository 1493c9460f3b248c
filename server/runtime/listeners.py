"""uvicorn, one for each socket: serves what is bound already, ends within a bound, or at once; sockets come and go."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from server.errors import StartError
from server.machine.sockets import DoorName, Listeners
from server.web.interfaces import App

logger = logging.getLogger(__name__)

# How long cancelled requests may take to tidy up behind themselves.
CLOSING_S = 10.0
# Longer than clients keep a connection, so that it is they who close it: else a request may meet a closing socket.
KEEP_ALIVE_S = 75
# How often the Date header is renewed. uvicorn would look ten times a second whether it shall end; here it is told.
_TICK_S = 1.0


class Listening(uvicorn.Server):
    """One socket with a door, open from `open` to `close`."""

    def __init__(self, app: App, listener: socket.socket) -> None:
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
        self._listener = listener
        self._leaving = asyncio.Event()
        self._accepts = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What uvicorn does, and then says so."""
        await super().startup(sockets)
        self._accepts.set()

    async def main_loop(self) -> None:
        """Until it is told to end; uvicorn's own loop would wake this computer ten times a second."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _TICK_S)

    async def open(self) -> None:
        """Returns when requests are answered. Raises what went wrong."""
        self.serving = asyncio.create_task(self.serve([self._listener]))
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
        self._leaving.set()
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


class Gate:
    """All open doors of a server. `door` makes the one that stands before a socket of that name."""

    def __init__(self, door: Callable[[DoorName], App]) -> None:
        self._door = door
        self._open: dict[socket.socket, Listening] = {}
        self._closing: dict[asyncio.Task[None], Listening] = {}
        self._broken = asyncio.Event()

    async def change(self, listeners: Listeners, *, grace_s: float) -> None:
        """Opens what `listeners` has that is not open yet, then closes what it has not; returns when all is open.

        Answers that run behind a closed one may go on for `grace_s` seconds. Raises what went wrong; then the doors
        from before are open as they were, and the new sockets closed.
        """
        wanted = {listener: name for name, listener in listeners.by_door()}
        new = [listener for listener in wanted if listener not in self._open]
        try:
            for listener in new:
                self._open[listener] = Listening(self._door(wanted[listener]), listener)
                await self._watch(self._open[listener])
        except BaseException:
            self._let_go(new, 0.0)
            raise
        self._let_go([listener for listener in self._open if listener not in wanted], grace_s)

    async def until_broken(self) -> None:
        """Waits until a door closes by itself, and raises why."""
        await self._broken.wait()
        for door in self._open.values():
            if door.serving is not None and door.serving.done():
                await door.serving
        raise StartError("A listening socket closed by itself.", hint="Start it again; the log may say more.")

    async def close(self, grace_s: float) -> None:
        """Closes all doors; returns when every answer has ended, which takes `grace_s` seconds and a little at most."""
        earlier = dict(self._closing)
        self._let_go(list(self._open), grace_s)
        if earlier:
            # They had a grace of their own, which may be longer.
            _, late = await asyncio.wait(earlier, timeout=grace_s)
            for closing in late:
                earlier[closing].cut()
        if self._closing:
            await asyncio.wait(set(self._closing))

    def cut(self) -> None:
        """Ends the running answers now."""
        for door in (*self._open.values(), *self._closing.values()):
            door.cut()

    async def _watch(self, door: Listening) -> None:
        await door.open()
        assert door.serving is not None
        door.serving.add_done_callback(lambda _: self._broken.set() if door in self._open.values() else None)

    def _let_go(self, listeners: list[socket.socket], grace_s: float) -> None:
        for listener in listeners:
            door = self._open.pop(listener)
            closing = asyncio.create_task(self._shut(door, listener, grace_s))
            self._closing[closing] = door
            closing.add_done_callback(self._closing.pop)

    async def _shut(self, door: Listening, listener: socket.socket, grace_s: float) -> None:
        try:
            await door.close(grace_s)
        except Exception as error:  # noqa: BLE001 # the edge of this task: a door that failed is closed all the same
            logger.warning("a door ended badly: %s: %s", type(error).__name__, error)
        finally:
            listener.close()
