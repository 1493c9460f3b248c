"""Claude Code's runtime with and without its JIT compilers: memory of a process, and its CPU time for each request."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import psutil

from server.claude.worker.launch import SMALL
from tests.bench.caller import Caller, open_caller
from tests.bench.costs.resources import MB, cpu_s
from tests.bench.measuring import Fact, Found, Spread
from tests.bench.scene import KNOWN, Scene
from tests.bench.upstream import streamed
from tests.whole.bridge import Bridge, open_bridge

# The server passes these on to its processes.
RUNTIMES: Mapping[str, Mapping[str, str]] = {
    "as it is": {},
    "without DFG and FTL": {"BUN_JSC_useDFGJIT": "0", "BUN_JSC_useFTLJIT": "0"},
    "with `memory = small`": SMALL,
}
_BATCH = 25
_TOKENS = 1000


@dataclass
class _Run:
    """A server with one process. `request_ms` has the CPU time of each batch that one process answered alone."""

    bridge: Bridge
    caller: Caller
    request_ms: list[float] = field(default_factory=list)
    private_mb: list[float] = field(default_factory=list)
    token_us: float = 0.0


async def measure_runtimes(scene: Scene) -> list[Found]:
    """Measures all of them in turns, so that they share the speed of the machine."""
    runs: dict[str, _Run] = {}
    batches = max(1, scene.scale.requests // _BATCH)
    account = {name: scene.environment[name] for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")}
    async with AsyncExitStack() as stack:
        for number, (name, variables) in enumerate(RUNTIMES.items()):
            folder = scene.folder / f"runtime-{number}"
            folder.mkdir()
            opening = open_bridge(None, folder, "--pool-size", "1", environment={**account, **variables})
            bridge = await stack.enter_async_context(opening)
            runs[name] = _Run(bridge, await stack.enter_async_context(open_caller(bridge.url)))
        for _ in range(batches):
            for run in runs.values():
                await _batch(scene, run, min(_BATCH, scene.scale.requests))
        for run in runs.values():
            worker = await _worker(run)
            began = cpu_s(worker)
            await run.caller.ask([streamed(_TOKENS, 0.0)], system=KNOWN)
            run.token_us = (cpu_s(worker) - began) / _TOKENS * 1e6
    return [_fact(name, run) for name, run in runs.items()]


async def _batch(scene: Scene, run: _Run, requests: int) -> None:
    worker = await _worker(run)
    began = cpu_s(worker)
    for _ in range(requests):
        await run.caller.ask([scene.new("Hello?")], system=KNOWN)
    # A worker that has served long enough was replaced meanwhile.
    if (await _worker(run)).pid == worker.pid:
        run.request_ms.append((cpu_s(worker) - began) / requests * 1000)
        run.private_mb.append(worker.memory_full_info().uss / MB)


async def _worker(run: _Run) -> psutil.Process:
    await run.bridge.until_pool(ready=1, booting=0, answering=0)
    return run.bridge.workers()[0]


def _fact(name: str, run: _Run) -> Fact:
    cost, memory = Spread.of(run.request_ms or [0.0]), Spread.of(run.private_mb or [0.0])
    return Fact(
        f"one Claude Code process {name}, own memory",
        f"{memory.median:.0f} MB ({memory.least:.0f}-{memory.most:.0f})",
        note=f"{cost.median:.0f} ms of CPU a request ({cost.least:.0f}-{cost.most:.0f}), {run.token_us:.0f} us a token",
    )
