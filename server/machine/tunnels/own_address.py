"""An address of the user's own: something else, such as a reverse proxy, sends its requests to the tunnel's port."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from server.errors import TunnelRefused
from server.machine.tunnels.provider import Look, Opened, Target, Traits

_HINT = "Set tunnel_host to the public host name that leads here."


class OwnAddress:
    """Starts nothing: only the listener is open."""

    traits = Traits(
        "own", "An address of my own", keeps_name=True, reader="Your proxy", needs_host=True, has_fixed_port=True
    )

    async def look(self, host: str = "") -> Look:
        """Whether the name is known."""
        return Look() if host else Look("setting", _HINT)

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        """The address that the user has given."""
        if not target.host:
            raise TunnelRefused(kind="setting", hint=_HINT)
        yield _Address(f"https://{target.host}")


class _Address:
    def __init__(self, url: str) -> None:
        self.url = url

    async def changed(self) -> str:
        """Never: the address is the user's."""
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return] # it has no result
