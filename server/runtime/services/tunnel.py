"""The tunnel of a running server: its providers, its listener and its manager, put together."""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping

from server.config import Config
from server.errors import DrawbridgeError
from server.machine.files.paths import Folders
from server.machine.keychain import KeyName, stored_key
from server.machine.network.public_get import public_get
from server.machine.processes.guards import Guard, guard_for_programs
from server.machine.tunnels.child import ProgramContext
from server.machine.tunnels.provider import Provider, ProviderName, Secret
from server.machine.tunnels.registry import providers_for
from server.runtime.listening.tunnel_listener import TunnelListener
from server.status import TunnelStatus
from server.tunnel.manager import TunnelManager
from server.tunnel.proof import Proofs
from server.web.access.head import Head
from server.web.access.keys import FindKey
from server.web.access.policy import AccessPolicy
from server.web.access.tunnel_gate import TunnelGate, tunnel_policy
from server.web.interfaces import App

logger = logging.getLogger(__name__)

_TOKENS: Mapping[ProviderName, tuple[KeyName, str]] = {
    "ngrok": ("ngrok token", "NGROK_AUTHTOKEN"),
    "cloudflared-named": ("cloudflared token", "TUNNEL_TOKEN"),
}


class ServerTunnel:
    """The tunnel of one run of the server, from `serve` to `end`; all methods are called in its loop."""

    def __init__(self, folders: Folders, config: Callable[[], Config]) -> None:
        self._config = config
        self._guard: Guard = guard_for_programs()
        self._tasks: set[asyncio.Task[None]] = set()
        self.proofs = Proofs()
        self.listener = TunnelListener()
        context = ProgramContext(self._guard, os.environ)
        self.manager = TunnelManager(
            _providers(context, folders), self.listener, self.proofs, public_get, config=config
        )

    @property
    def status(self) -> TunnelStatus:
        """The state of the tunnel."""
        return self.manager.status

    async def serve(
        self,
        over: Callable[[Callable[[], AccessPolicy]], App],
        find_key: FindKey,
        on_change: Callable[[], None],
        on_closed: Callable[[Head], None] = lambda _: None,
    ) -> None:
        """Gets the application, and opens the tunnel of the settings, if any.

        `over` returns the application behind the policy that it gets; `find_key` finds the keys of apps;
        `on_closed` gets requests with a right key for a path that is not open.
        """

        def policy() -> AccessPolicy:
            return tunnel_policy(self._config(), self.listener.host, find_key)

        self.manager.on_change = on_change
        self.listener.app = TunnelGate(
            over(policy),
            policy,
            host=lambda: self.listener.host,
            find_key=find_key,
            proofs=self.proofs,
            on_use=self.listener.use,
            on_closed=on_closed,
        )
        await self._follow("off", None)

    async def apply(self, before: Config) -> None:
        """Opens or closes the tunnel if the settings that say so have changed."""
        await self._follow(before.tunnel, before.tunnel_host)

    def change(self, provider: str) -> None:
        """Opens a tunnel, or closes it if `provider` is empty, without waiting."""
        manager, host = self.manager, self._config().tunnel_host or ""
        task = asyncio.create_task(manager.open(provider, host) if provider else manager.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def end(self, grace_s: float) -> None:
        """Closes the tunnel; running answers may take `grace_s` more seconds. Returns when its program has ended."""
        self.listener.closing_s = grace_s
        await self.manager.close()
        self._guard.close()

    async def _follow(self, before: str, host_before: str | None) -> None:
        config = self._config()
        if (config.tunnel, config.tunnel_host) == (before, host_before) or config.tunnel == before == "off":
            return
        if config.tunnel == "off":
            await self.manager.close()
        else:
            await self.manager.open(config.tunnel.replace(" ", "-"), config.tunnel_host or "")


def _providers(context: ProgramContext, folders: Folders) -> Mapping[ProviderName, Provider]:
    def secret_of(name: ProviderName) -> Secret:
        key, variable = _TOKENS[name]

        def read() -> str | None:
            if given := os.environ.get(variable):
                return given
            try:
                return stored_key(folders.config, key)
            except DrawbridgeError as error:
                logger.warning("the token of the tunnel cannot be read: %s", error)
                return None

        return read

    return providers_for(context, folders.data, secret_of)
