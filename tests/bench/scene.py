"""What all rows are measured in: one server with its workers, the stand-in behind it, and the bare client beside it."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server.claude.cli.locate import find_cli
from server.claude.worker.launch import launch_for
from tests.bench.bare import Bare, open_bare
from tests.bench.caller import Caller, open_caller
from tests.bench.upstream import open_upstream
from tests.whole.bridge import Bridge, child_environment, open_bridge

SIZE = 3
KNOWN = "You are measured. Be brief."
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Scale:
    """How long to measure: repeats of each row after the warm-up, callers and seconds of the load, and so on."""

    repeats: int = 15
    warm_up: int = 2
    load_s: float = 60.0
    callers: int = 50
    burst: int = 24
    requests: int = 1000
    stream_s: float = 10.0
    idle_s: float = 15.0
    starts: int = 5
    stage_calls: int = 500
    minutes: int = 60
    replayed: int = 200
    histories: tuple[int, ...] = (10, 50, 100, 200)
    journal_rows: int = 100_000


QUICK = Scale(
    repeats=3, warm_up=1, load_s=15.0, requests=100, stream_s=3.0, idle_s=3.0, starts=2, stage_calls=100, minutes=20
)
TINY = Scale(
    repeats=1,
    warm_up=0,
    load_s=0.5,
    callers=3,
    burst=3,
    requests=3,
    stream_s=0.5,
    idle_s=0.5,
    starts=1,
    stage_calls=2,
    minutes=4,
    replayed=4,
    histories=(2, 4),
    journal_rows=500,
)


@dataclass
class Scene:
    """A running server and everything beside it."""

    bridge: Bridge
    caller: Caller
    bare: Bare
    cli: Path
    environment: Mapping[str, str]
    folder: Path
    scale: Scale
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def new(self, what: str) -> str:
        """Returns a text that was not used before."""
        return f"{what} {next(self._numbers)}"

    @asynccontextmanager
    async def callers(self, count: int) -> AsyncIterator[list[Caller]]:
        """More callers, each with a connection of its own."""
        async with AsyncExitStack() as stack:
            yield [await stack.enter_async_context(open_caller(self.bridge.url)) for _ in range(count)]

    async def settle(self) -> None:
        """Waits until nothing boots, closes or answers, so that one measurement does not pay for another's end."""
        await self.bridge.until_pool(booting=0, answering=0, waiting=0, ready=SIZE)
        # What a process still does just after its boot.
        await asyncio.sleep(0.1)


@asynccontextmanager
async def open_scene(folder: Path, scale: Scale) -> AsyncIterator[Scene]:
    """The scene, while the block runs."""
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(open_upstream())
        account = {"ANTHROPIC_BASE_URL": upstream, "ANTHROPIC_API_KEY": "sk-nobody-0123456789abcdef"}
        options = ("--pool-size", str(SIZE))
        bridge = await stack.enter_async_context(open_bridge(None, folder, *options, environment=account))
        cli = find_cli(None, os.environ)
        environment = dict(launch_for(cli, child_environment(folder / "bare", **account)).environment)
        bare = await stack.enter_async_context(open_bare(cli, folder / "bare" / "work", environment))
        caller = await stack.enter_async_context(open_caller(bridge.url))
        scene = Scene(bridge, caller, bare, cli, environment, folder, scale)
        await scene.settle()
        await _until_warm(scene)
        yield scene


async def _until_warm(scene: Scene) -> None:
    """Waits, bounded, until processes are kept between conversations: the first answers may come before that."""
    for _ in range(_PATIENCE_S):
        timing = await scene.caller.ask([scene.new("Are you warm?")], system=KNOWN)
        await scene.settle()
        if timing.way != "process":
            return
        await asyncio.sleep(1)
