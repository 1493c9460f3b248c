"""One uvicorn server for each bound socket. Listeners can be added and removed at run time; shutdown is bounded."""

import asyncio
import logging
import socket
from collections.abc import Callable
from contextlib import suppress

import uvicorn

from server.errors import StartError
from server.machine.network.descriptors import raise_descriptor_limit
from server.machine.network.sockets import ListenerName, Listeners
from server.runtime.listening.connections import BACKLOG, Connection, Connections, accept_connections
from server.web.interfaces import App

logger = logging.getLogger(__name__)

# How long cancelled requests may take to clean up.
CLOSING_S = 10.0
# Longer than clients keep a connection, so that the client closes it: else a request may meet a closing socket.
KEEP_ALIVE_S = 75
# How often the Date header is renewed. uvicorn's own loop would check ten times a second whether to exit.
_TICK_S = 1.0


class UvicornListener(uvicorn.Server):
    """Serves one bound socket from `open` to `close`."""

    def __init__(self, app: App, listener: socket.socket, connections: Connections) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                interface="asgi3",
                http="h11",
                ws="none",
                # The runner starts and stops the engine: a failing lifespan would raise SystemExit and lose its cause.
                lifespan="off",
                # A windowed program has no stderr, on which uvicorn's own logging fails.
                log_config=None,
                access_log=False,
                # The client's address is the socket's, never a header's.
                proxy_headers=False,
                server_header=False,
                workers=1,
                timeout_keep_alive=KEEP_ALIVE_S,
            )
        )
        self._listener = listener
        self._connections = connections
        self._accepting: asyncio.Task[None] | None = None
        self._exiting = asyncio.Event()
        self._accepts = asyncio.Event()
        self.serving: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accepts connections within the limits, which uvicorn's own start does not have."""
        del sockets
        self.servers = []
        self._listener.settimeout(0)
        self._listener.listen(BACKLOG)
        self._accepting = asyncio.create_task(
            accept_connections(self._listener, self._connections, self._new_connection)
        )
        self.started = True
        self._accepts.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stops accepting, then does what uvicorn does."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        await super().shutdown(sockets)

    def _new_connection(self) -> Connection:
        return Connection(
            connections=self._connections,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )

    async def main_loop(self) -> None:
        """Waits for the end; uvicorn's own loop wakes up ten times a second."""
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(self._exiting.wait(), _TICK_S)

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
        """Stops accepting, waits `grace_s` seconds for running requests, cancels the rest; returns when all ended."""
        if self.serving is None:
            return
        # uvicorn reads it when it begins to stop, and takes any number.
        self.config.timeout_graceful_shutdown = grace_s  # type: ignore[assignment]
        self.should_exit = True
        self._exiting.set()
        running = set(self.server_state.tasks)
        # Requests that were accepted in the last moment are known only at the end.
        await asyncio.wait({self.serving})
        running |= set(self.server_state.tasks)
        if running:
            await asyncio.wait(running, timeout=CLOSING_S)
        for connection in list(self.server_state.connections):
            with suppress(AttributeError):
                connection.transport.abort()
        await self.serving

    def cancel_requests(self) -> None:
        """Cancels the running requests."""
        for task in list(self.server_state.tasks):
            task.cancel()


class ListenerSet:
    """All open listeners of a server. `app_for` returns the application for a listener of that name.

    `on_https` is called when a client tries to connect with https.
    """

    def __init__(self, app_for: Callable[[ListenerName], App], on_https: Callable[[], None] = lambda: None) -> None:
        self._app_for = app_for
        self._connections = Connections.within(raise_descriptor_limit(), on_https)
        self._open: dict[socket.socket, UvicornListener] = {}
        self._closing: dict[asyncio.Task[None], UvicornListener] = {}
        self._broken = asyncio.Event()

    async def change(self, listeners: Listeners, *, grace_s: float) -> None:
        """Opens the sockets of `listeners` that are not open yet, then closes all others; returns when all are open.

        Requests on closed listeners may run for `grace_s` more seconds. If opening fails, the new sockets are closed,
        the listeners from before stay open, and the error is raised.
        """
        wanted = {listener: name for name, listener in listeners.by_name()}
        new = [listener for listener in wanted if listener not in self._open]
        try:
            for listener in new:
                self._open[listener] = UvicornListener(self._app_for(wanted[listener]), listener, self._connections)
                await self._watch(self._open[listener])
        except BaseException:  # also a cancellation: the new sockets would stay open without an owner
            self._start_closing(new, 0.0)
            raise
        self._start_closing([listener for listener in self._open if listener not in wanted], grace_s)

    async def until_broken(self) -> None:
        """Waits until a listener ends by itself, and raises the cause."""
        await self._broken.wait()
        for listener in self._open.values():
            if listener.serving is not None and listener.serving.done():
                await listener.serving
        raise StartError("A listening socket closed by itself.", hint="Start Drawbridge again; the log may say more.")

    async def close(self, grace_s: float) -> None:
        """Closes all listeners; returns when every request has ended, after `grace_s` seconds and a little at most."""
        earlier = dict(self._closing)
        self._start_closing(list(self._open), grace_s)
        if earlier:
            # Their own grace may be longer.
            _, late = await asyncio.wait(earlier, timeout=grace_s)
            for closing in late:
                earlier[closing].cancel_requests()
        if self._closing:
            await asyncio.wait(set(self._closing))

    def cancel_requests(self) -> None:
        """Cancels the running requests of all listeners."""
        for listener in (*self._open.values(), *self._closing.values()):
            listener.cancel_requests()

    async def _watch(self, listener: UvicornListener) -> None:
        await listener.open()
        assert listener.serving is not None
        listener.serving.add_done_callback(lambda _: self._broken.set() if listener in self._open.values() else None)

    def _start_closing(self, listeners: list[socket.socket], grace_s: float) -> None:
        for bound in listeners:
            listener = self._open.pop(bound)
            closing = asyncio.create_task(self._close(listener, bound, grace_s))
            self._closing[closing] = listener
            closing.add_done_callback(self._closing.pop)

    async def _close(self, listener: UvicornListener, bound: socket.socket, grace_s: float) -> None:
        try:
            await listener.close(grace_s)
        except Exception as error:  # noqa: BLE001 # the top of this task: a listener that failed is closed all the same
            logger.warning("a listener ended with an error: %s: %s", type(error).__name__, error)
        finally:
            bound.close()
