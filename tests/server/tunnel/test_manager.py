"""The manager over a scripted provider: every state, by events and never by the clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from server.config import Config
from server.errors import InvalidRequest, StartError, TunnelRefused
from server.machine.tunnels.provider import Look, Opened, Target, Traits
from server.status import TunnelStatus
from server.tunnel.manager import FIXED_PORT, TunnelManager
from server.tunnel.proof import Proofs
from server.tunnel.retrying import CHECK_EVERY_S, DELAYS_S, PROOF_DELAYS_S, delay_before, idle_left_s

QUICK = Traits("cloudflared", "Quick", keeps_name=False, reader="Cloudflare")
NETWORK = TunnelRefused("No network.", kind="network")


@dataclass
class Scripted:
    """A provider whose next openings are scripted: a refusal, or an address."""

    script: list[TunnelRefused | str]
    traits: Traits = QUICK
    targets: list[Target] = field(default_factory=list)
    tunnels: list["Tunnel"] = field(default_factory=list)
    most_at_once: int = 0

    async def look(self, host: str = "") -> Look:
        return Look()

    @asynccontextmanager
    async def open(self, target: Target) -> AsyncIterator[Opened]:
        self.targets.append(target)
        step = self.script.pop(0)
        if isinstance(step, TunnelRefused):
            raise step
        tunnel = Tunnel(step)
        self.tunnels.append(tunnel)
        self.most_at_once = max(self.most_at_once, sum(not one.is_closed for one in self.tunnels))
        try:
            yield tunnel
        finally:
            # A program takes a moment to end.
            for _ in range(5):
                await asyncio.sleep(0)
            tunnel.is_closed = True


class Tunnel:
    def __init__(self, url: str) -> None:
        self.url = url
        self.is_closed = False
        self.news: asyncio.Queue[str | TunnelRefused] = asyncio.Queue()

    async def changed(self) -> str:
        news = await self.news.get()
        if isinstance(news, TunnelRefused):
            raise news
        self.url = news
        return news


class FakeDoor:
    def __init__(self) -> None:
        self.host, self.is_open, self.ports = "", False, list[int]()
        self.used_at: float | None = None
        self.error: StartError | None = None

    async def open(self, port: int) -> int:
        if self.error is not None:
            raise self.error
        self.ports.append(port)
        self.is_open = True
        return port or 40_000

    async def close(self) -> None:
        self.is_open = False


class Stage:
    """A manager whose sleeps the test ends: each is noted, and a long one is held."""

    def __init__(self, *script: TunnelRefused | str, traits: Traits | None = None) -> None:
        self.provider = Scripted(list(script))
        if traits is not None:
            self.provider.traits = traits
        self.listener = FakeDoor()
        self.proofs = Proofs()
        self.config = Config()
        self.slept: list[float] = []
        self.held: dict[float, asyncio.Event] = {}
        self.now = 1_000_000.0
        self.is_reachable = True
        self.heals = False
        self.fetched: list[str] = []
        self.seen: list[TunnelStatus] = []
        self._changed = asyncio.Event()
        self.manager = TunnelManager(
            {self.provider.traits.name: self.provider},
            self.listener,
            self.proofs,
            self._fetch,
            config=lambda: self.config,
            on_change=self._on_change,
            sleep=self._sleep,
            clock=lambda: self.now,
            wall=lambda: self.now,
        )

    def _on_change(self) -> None:
        self.is_reachable = self.is_reachable or (self.heals and self.manager.status.state == "lost")
        self.seen.append(self.manager.status)
        self._changed.set()

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        if seconds >= 60.0:
            await self.held.setdefault(seconds, asyncio.Event()).wait()
            self.held[seconds].clear()
        else:
            await asyncio.sleep(0)

    async def _fetch(self, url: str) -> bytes:
        self.fetched.append(url)
        path = "/" + url.rpartition("/")[2]
        if not self.is_reachable:
            raise OSError("no such name")
        assert url.removeprefix("https://").partition("/")[0] == self.listener.host
        return self.proofs.answer_to(path) or b"something else"

    async def until(self, state: str) -> TunnelStatus:
        async with asyncio.timeout(30):
            while self.manager.status.state != state:
                self._changed.clear()
                await self._changed.wait()
        return self.manager.status

    async def wake(self, seconds: float) -> None:
        self.held[seconds].set()
        for _ in range(20):
            await asyncio.sleep(0)


async def test_it_is_open_only_after_the_proof() -> None:
    stage = Stage("https://a.example")
    await stage.manager.open("cloudflared")
    status = await stage.until("open")
    assert [seen.state for seen in stage.seen if seen.port] == ["opening", "open"]
    assert (status.url, status.base_url, status.reader) == ("https://a.example", "https://a.example/v1", "Cloudflare")
    assert stage.listener.ports == [0]
    assert len(stage.fetched) == 1
    assert stage.proofs.answer_to("/" + stage.fetched[0].rpartition("/")[2]) is None
    await stage.manager.close()
    assert not stage.listener.is_open
    assert stage.provider.tunnels[0].is_closed
    assert stage.manager.status == TunnelStatus()


async def test_a_name_that_does_not_lead_here_is_never_open() -> None:
    stage = Stage(*["https://a.example"] * 6)
    stage.is_reachable = False
    await stage.manager.open("cloudflared")
    async with asyncio.timeout(30):
        while len(stage.provider.targets) < 5:
            await asyncio.sleep(0)
    assert "open" not in {seen.state for seen in stage.seen}
    assert "does not lead here" in (stage.manager.status.problem or "")
    assert stage.manager.status.kind == "network"
    await stage.manager.close()


async def test_it_waits_longer_each_time_then_fails_once() -> None:
    stage = Stage(*[NETWORK] * 6)
    await stage.manager.open("cloudflared")
    async with asyncio.timeout(30):
        while 60.0 not in stage.held:
            await asyncio.sleep(0)
    assert stage.manager.status.next_try_at == stage.now + 60.0
    await stage.wake(60.0)
    status = await stage.until("failed")
    assert tuple(stage.slept) == DELAYS_S
    assert status.problem == "No network."
    assert [seen.state for seen in stage.seen].count("failed") == 1
    assert not stage.listener.is_open


@pytest.mark.parametrize("kind", ["missing", "sign in", "setting"])
async def test_what_the_user_must_mend_is_not_tried_again(kind: str) -> None:
    stage = Stage(TunnelRefused("Do this.", kind=kind, command="run that", url="https://page.example"))  # type: ignore[arg-type]
    await stage.manager.open("cloudflared")
    status = await stage.until("failed")
    assert (status.kind, status.problem, status.command, status.link) == (
        *(kind, "Do this."),
        *("run that", "https://page.example"),
    )
    assert stage.slept == []


async def test_a_lost_tunnel_is_opened_again_and_its_new_name_is_told() -> None:
    stage = Stage("https://a.example", NETWORK, "https://b.example")
    await stage.manager.open("cloudflared")
    await stage.until("open")
    stage.provider.tunnels[0].news.put_nowait(TunnelRefused("It ended.", kind="ended"))
    await stage.until("lost")
    status = await stage.until("open")
    assert (status.url, status.former_url) == ("https://b.example", "https://a.example")
    assert stage.listener.host == "b.example"
    assert [seen.former_url for seen in stage.seen if seen.former_url] == ["https://a.example"]
    await stage.manager.close()


async def test_a_name_that_changes_while_it_is_open_is_proven_too() -> None:
    stage = Stage("https://a.example")
    await stage.manager.open("cloudflared")
    await stage.until("open")
    stage.provider.tunnels[0].news.put_nowait("https://c.example")
    async with asyncio.timeout(30):
        while stage.manager.status.url != "https://c.example":
            await asyncio.sleep(0)
    assert stage.manager.status.former_url == "https://a.example"
    assert [url.rpartition("/")[0] for url in stage.fetched] == ["https://a.example", "https://c.example"]
    await stage.manager.close()


async def test_an_end_that_its_program_does_not_notice_is_found_by_asking() -> None:
    stage = Stage("https://a.example", "https://b.example")
    await stage.manager.open("cloudflared")
    await stage.until("open")
    async with asyncio.timeout(30):
        while CHECK_EVERY_S not in stage.held:
            await asyncio.sleep(0)
    stage.is_reachable, stage.heals = False, True
    await stage.wake(CHECK_EVERY_S)
    async with asyncio.timeout(30):
        while stage.manager.status.url != "https://b.example":
            await asyncio.sleep(0)
    assert [seen.state for seen in stage.seen if seen.port] == ["opening", "open", "lost", "open"]
    await stage.manager.close()


async def test_it_is_closed_when_it_is_not_used_and_says_so() -> None:
    stage = Stage("https://a.example")
    await stage.manager.open("cloudflared")
    await stage.until("open")
    async with asyncio.timeout(30):
        while 60.0 not in stage.held:
            await asyncio.sleep(0)
    stage.now += 5 * 3600
    stage.listener.used_at = stage.now
    stage.now += 7 * 3600
    await stage.wake(60.0)
    assert stage.manager.status.state == "open"
    stage.now += 3600
    await stage.wake(60.0)
    status = await stage.until("off")
    assert status.closed_after_hours == 8.0
    assert not stage.listener.is_open
    assert stage.provider.tunnels[0].is_closed


async def test_opening_another_one_closes_the_first() -> None:
    stage = Stage("https://a.example", "https://b.example")
    await stage.manager.open("cloudflared")
    await stage.until("open")
    await stage.manager.open("cloudflared", "name.example")
    assert stage.provider.tunnels[0].is_closed
    status = await stage.until("open")
    # The user asked for it: that is no change to be told.
    assert status.former_url == ""
    assert stage.provider.targets[1].host == "name.example"
    await stage.manager.close()


@pytest.mark.parametrize("last", ["open", "close"])
async def test_changes_at_the_same_time_are_made_one_after_another(last: str) -> None:
    """As from the menu and the page, or by a double click."""
    stage = Stage(*(f"https://{name}.example" for name in "abcd"))
    await stage.manager.open("cloudflared")
    await stage.until("open")
    changes = [stage.manager.open("cloudflared"), stage.manager.close(), stage.manager.open("cloudflared")]
    await asyncio.gather(*changes, *([stage.manager.close()] if last == "close" else []))
    if last == "open":
        await stage.until("open")
        assert [one.is_closed for one in stage.provider.tunnels].count(False) == 1
        await stage.manager.close()
    assert stage.provider.most_at_once == 1
    assert all(one.is_closed for one in stage.provider.tunnels)
    assert not stage.listener.is_open
    assert stage.manager.status == TunnelStatus()


async def test_a_tunnel_whose_target_is_set_elsewhere_has_a_fixed_port() -> None:
    own = Traits("own", "Own", keeps_name=True, reader="", needs_host=True, has_fixed_port=True)
    for port, expected in ((0, FIXED_PORT), (9123, 9123)):
        stage = Stage("https://a.example", traits=own)
        stage.config = replace(stage.config, tunnel_port=port)
        await stage.manager.open("own", "a.example")
        status = await stage.until("open")
        assert stage.listener.ports == [expected]
        assert status.port == expected
        await stage.manager.close()


async def test_a_taken_port_and_an_unknown_provider_are_told() -> None:
    stage = Stage()
    with pytest.raises(InvalidRequest):
        await stage.manager.open("telepathy")
    stage.listener.error = StartError("Port 8490 is taken.")
    await stage.manager.open("cloudflared")
    assert (await stage.until("failed")).problem == "Port 8490 is taken."


async def test_a_proxy_that_replaces_the_host_name_is_named() -> None:
    stage = Stage(*["https://a.example"] * 2)

    async def fetch(url: str) -> bytes:
        stage.proofs.seen_host = "127.0.0.1:8490"
        raise OSError("404")

    stage.manager._fetch = fetch
    await stage.manager.open("cloudflared")
    async with asyncio.timeout(30):
        while not stage.manager.status.problem:
            await asyncio.sleep(0)
    assert "127.0.0.1:8490" in stage.manager.status.hint
    await stage.manager.close()


def test_the_delays_and_the_idle_time() -> None:
    assert [delay_before(NETWORK, failures) for failures in range(6)] == [*DELAYS_S, None]
    assert sum(PROOF_DELAYS_S) == 30.0
    assert idle_left_s(0, opened_at=0, used_at=None, now=10**9) is None
    assert idle_left_s(1, opened_at=0, used_at=1800, now=3600) == 1800
    assert idle_left_s(1, opened_at=0, used_at=None, now=3601) == 0
