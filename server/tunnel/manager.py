"""Opens the tunnel, proves it, watches it, opens it again when it is lost, and closes it when it is not used."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

from server.config import Config
from server.errors import DrawbridgeError, InvalidRequest, StartError, TunnelRefused
from server.machine.tunnels.provider import Opened, Provider, ProviderName, Target
from server.status import TunnelState, TunnelStatus
from server.tunnel.proof import Proofs
from server.tunnel.retrying import CHECK_EVERY_S, PROOF_DELAYS_S, RECOVERED_S, delay_before, idle_left_s

logger = logging.getLogger(__name__)

# The port of the listener for tunnels whose target something else sets, unless the settings name one.
FIXED_PORT = 8490
_UNKNOWN = "There is no such tunnel provider"

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets a public address. Raises `OSError` or another error if it cannot."""


class Listener(Protocol):
    """The tunnel's listener. `host` is the public name that it answers, `used_at` when it was used last."""

    host: str
    used_at: float | None

    async def open(self, port: int) -> int:
        """Listens on 127.0.0.1, at any free port if `port` is 0; returns the port. Raises `StartError`."""

    async def close(self) -> None:
        """Stops listening; running answers have the usual grace."""


class _Idle(Exception):
    """No request came for too long."""


class TunnelManager:
    """One tunnel at a time. All methods are called in the server's loop; `on_change` after each change of `status`."""

    def __init__(
        self,
        providers: Mapping[ProviderName, Provider],
        listener: Listener,
        proofs: Proofs,
        fetch: Fetch,
        *,
        config: Callable[[], Config],
        on_change: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.providers = providers
        self._listener, self._proofs, self._fetch = listener, proofs, fetch
        self._config, self._sleep, self._clock, self._wall = config, sleep, clock, wall
        self.on_change = on_change
        self._status = TunnelStatus()
        self._task: asyncio.Task[None] | None = None
        # The menu, the page, the commands and the settings may ask for a change at the same time.
        self._changing = asyncio.Lock()
        self._last_url = ""
        self._opened = 0.0

    @property
    def status(self) -> TunnelStatus:
        """The state of the tunnel, and when it was used last."""
        return replace(self._status, used_at=self._listener.used_at) if self._status.opened_at else self._status

    def provider(self, name: str) -> Provider:
        """The provider `name`. Raises `InvalidRequest` for an unknown one."""
        found = next((one for known, one in self.providers.items() if known == name), None)
        if found is None:
            raise InvalidRequest(f"{_UNKNOWN}: {name[:100]!r}.", hint=f"There are {', '.join(self.providers)}.")
        return found

    async def open(self, name: str, host: str = "") -> None:
        """Begins to open a tunnel; one that is open is closed first. Raises `InvalidRequest` for an unknown provider.

        `host` is the public name, for the providers that need to know it.
        """
        provider = self.provider(name)
        traits = provider.traits
        async with self._changing:
            await self._close()
            self._last_url = ""
            self._set(
                TunnelStatus("opening", traits.name, traits.title, reader=traits.reader, keeps_name=traits.keeps_name)
            )
            self._task = asyncio.create_task(self._run(provider, host))

    async def close(self) -> None:
        """Closes the tunnel, if there is one; returns when its program has ended."""
        async with self._changing:
            await self._close()

    async def _close(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        self._set(TunnelStatus())

    async def _run(self, provider: Provider, host: str) -> None:
        try:
            wanted = self._config().tunnel_port or (FIXED_PORT if provider.traits.has_fixed_port else 0)
            port = await self._listener.open(wanted)
            self._set(replace(self._status, port=port))
            try:
                await self._keep_open(provider, Target(port, host))
            finally:
                self._listener.host = ""
                await asyncio.shield(asyncio.ensure_future(self._listener.close()))
        except _Idle:
            logger.info("the tunnel is closed: it was not used for %g hours", self._config().tunnel_idle_hours)
            self._set(TunnelStatus(closed_after_hours=self._config().tunnel_idle_hours))
        except DrawbridgeError as error:
            self._fail(error)
        except Exception as error:
            logger.exception("the tunnel has ended because of a bug")
            self._fail(StartError(f"The tunnel has ended because of a bug: {type(error).__name__}."))

    async def _keep_open(self, provider: Provider, target: Target) -> None:
        failures = 0
        while True:
            self._opened = self._clock()
            try:
                await self._open_once(provider, target)
            except TunnelRefused as error:
                if self._status.state == "open" and self._clock() - self._opened >= RECOVERED_S:
                    failures = 0
                delay_s = delay_before(error, failures)
                if delay_s is None:
                    raise
                failures += 1
                logger.warning("tunnel: %s Trying again in %g s.", error, delay_s)
                state: TunnelState = "lost" if self._last_url else "opening"
                next_try_at = self._wall() + delay_s
                self._set(replace(self._explained(error), state=state, next_try_at=next_try_at, opened_at=None))
                await self._sleep(delay_s)

    async def _open_once(self, provider: Provider, target: Target) -> None:
        async with provider.open(target) as opened:
            await self._announce(opened.url)
            self._opened = self._clock()
            while True:
                await self._announce(await self._changed(opened))

    async def _announce(self, url: str) -> None:
        """Proves `url`, then shows it as open."""
        self._listener.host = urlsplit(url).netloc.lower()
        await self._prove(url, PROOF_DELAYS_S)
        before, self._last_url = self._last_url, url
        status, now = self._status, self._wall()
        logger.info("tunnel: open at %s", url)
        self._set(
            TunnelStatus(
                *("open", status.provider, status.title, url),
                former_url=before if before != url else "",
                reader=status.reader,
                keeps_name=status.keeps_name,
                port=status.port,
                opened_at=now,
            )
        )

    async def _changed(self, opened: Opened) -> str:
        """Waits for another address. Raises `TunnelRefused` when the tunnel is lost, `_Idle` if it is not used."""
        changed = asyncio.create_task(opened.changed())
        others = [asyncio.create_task(one) for one in (self._until_idle(), self._until_unreachable(opened))]
        try:
            done, _ = await asyncio.wait({changed, *others}, return_when=asyncio.FIRST_COMPLETED)
            if changed not in done:
                next(iter(done)).result()
            return changed.result()
        finally:
            for task in (changed, *others):
                task.cancel()
            await asyncio.gather(changed, *others, return_exceptions=True)

    async def _until_idle(self) -> str:
        while True:
            opened_at, used_at = self._status.opened_at or self._wall(), self._listener.used_at
            hours = self._config().tunnel_idle_hours
            left_s = idle_left_s(hours, opened_at=opened_at, used_at=used_at, now=self._wall())
            if left_s == 0:
                raise _Idle
            # The setting may change meanwhile.
            await self._sleep(min(left_s or 60.0, 60.0))

    async def _until_unreachable(self, opened: Opened) -> str:
        """Asks again now and then: not every end is noticed by the tunnel's program."""
        while True:
            await self._sleep(CHECK_EVERY_S)
            await self._prove(opened.url, PROOF_DELAYS_S)

    async def _prove(self, url: str, delays_s: tuple[float, ...]) -> None:
        """Asks our question through the public name until it is answered. Raises `TunnelRefused`."""
        problem = ""
        for delay_s in delays_s:
            await self._sleep(delay_s)
            with self._proofs.asking() as question:
                try:
                    if await self._fetch(url + question.path) == question.answer:
                        return
                    problem = "Something else answers there."
                except (OSError, ValueError) as error:
                    problem = f"{getattr(error, 'reason', None) or error}."
        hint = "Wait a little and try again, or use another provider."
        if self._proofs.seen_host:
            hint = f"A proxy between replaces the host name by {self._proofs.seen_host!r}: have it pass the header on."
        raise TunnelRefused(f"{url} does not lead here yet. {problem}", kind="network", hint=hint)

    def _fail(self, error: DrawbridgeError) -> None:
        logger.warning("tunnel: %s", error)
        self._set(replace(self._explained(error), state="failed", opened_at=None, next_try_at=None))

    def _explained(self, error: DrawbridgeError) -> TunnelStatus:
        """The status with the reason of a failure."""
        status = replace(self._status, problem=error.message, hint=error.hint)
        if isinstance(error, TunnelRefused):
            status = replace(status, kind=error.kind, command=error.command, link=error.url)
        return status

    def _set(self, status: TunnelStatus) -> None:
        if status != self._status:
            self._status = status
            self.on_change()
