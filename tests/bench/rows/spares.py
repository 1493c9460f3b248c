"""The first request of a process, on a spare that was warmed up and on one that was not, in turns."""

import asyncio
from contextlib import AsyncExitStack

from tests.bench.caller import Caller, open_caller
from tests.bench.measuring import Found, Timing, line
from tests.bench.scene import KNOWN, Scene
from tests.whole.bridge import Bridge, open_bridge

# One process, which answers once, so that each request takes a new spare.
ONE = ("--pool-size", "1", "--isolation", "process")
NAMES = {"": "first request on a spare", "--warm-spares": "first request on a spare that was warmed up"}
_PATIENCE_S = 60


async def measure_spares(scene: Scene) -> list[Found]:
    """Measures first requests beside the next turn of the bare client."""
    environment = {name: scene.environment[name] for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")}
    timings: dict[str, list[Timing]] = {option: [] for option in NAMES}
    bares: list[Timing] = []
    async with AsyncExitStack() as stack:
        servers: dict[str, tuple[Bridge, Caller]] = {}
        for number, option in enumerate(NAMES):
            folder = scene.folder / f"spares-{number}"
            folder.mkdir()
            options = (*ONE, option) if option else ONE
            bridge = await stack.enter_async_context(open_bridge(None, folder, *options, environment=environment))
            servers[option] = bridge, await stack.enter_async_context(open_caller(bridge.url))
        for _ in range(scene.scale.repeats):
            bares.append(await scene.bare.ask(scene.new("Next?")))
            for option, (bridge, caller) in servers.items():
                await _until_spare(bridge, len(timings[option]) + 1 if option else 0)
                timings[option].append(await caller.ask([scene.new("Hello?")], system=KNOWN))
    return [line(name, timings[option], bare=bares) for option, name in NAMES.items()]


async def _until_spare(bridge: Bridge, warm_ups: int) -> None:
    """Waits until there is a spare, after so many warm-ups."""
    await bridge.until_pool(raw=1, answering=0)
    async with asyncio.timeout(_PATIENCE_S):
        while bridge.log.count("warmed up") < warm_ups:
            await asyncio.sleep(0.05)
    # What a process still does just after its boot.
    await asyncio.sleep(0.1)
