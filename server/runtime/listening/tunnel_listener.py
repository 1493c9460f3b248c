"""The tunnel's listener: a socket of its own, open as long as the tunnel."""

import logging
import socket
import time
from collections.abc import Callable

from server.machine.network.sockets import bind_tunnel
from server.runtime.listening.connections import Connections
from server.runtime.listening.listeners import UvicornListener
from server.web.interfaces import App

logger = logging.getLogger(__name__)

# Its own limit: strangers must not use up the connections of the apps on this computer.
MOST_CONNECTIONS = 64
CLOSING_S = 2.0


class TunnelListener:
    """Opens and closes the listener of the tunnel. `app` is set before the first opening.

    `host` is the public name that it answers, and `used_at` when a right key was used last, as a Unix time.
    """

    def __init__(self, wall: Callable[[], float] = time.time) -> None:
        self._wall = wall
        self.app: App | None = None
        self.host = ""
        self.used_at: float | None = None
        self.closing_s = CLOSING_S
        self._open: tuple[UvicornListener, socket.socket] | None = None

    def use(self) -> None:
        """A request with a right key has come or ended."""
        self.used_at = self._wall()

    async def open(self, port: int) -> int:
        """Listens on 127.0.0.1, at any free port if `port` is 0; returns the port. Raises `StartError`."""
        assert self.app is not None
        self.used_at = None
        bound = bind_tunnel(port)
        listener = UvicornListener(self.app, bound, Connections(MOST_CONNECTIONS))
        try:
            await listener.open()
        except BaseException:
            bound.close()
            raise
        self._open = listener, bound
        found: int = bound.getsockname()[1]
        logger.info("the tunnel's listener is at 127.0.0.1:%d", found)
        return found

    async def close(self) -> None:
        """Stops listening at once; running answers have a moment to end."""
        opened, self._open = self._open, None
        if opened is not None:
            listener, bound = opened
            try:
                await listener.close(self.closing_s)
            finally:
                bound.close()
