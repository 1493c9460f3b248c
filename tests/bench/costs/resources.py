"""Memory and CPU time of Drawbridge, while it streams and while it is idle."""

import asyncio
import time
from collections.abc import Sequence

import psutil

from tests.bench.measuring import Fact, Found, Spread
from tests.bench.scene import KNOWN, SIZE, Scene
from tests.bench.upstream import streamed

MB = 1_000_000
RATE = 100
STREAMS = 3
_MEGABYTES_TARGET, _CORE_TARGET = 90, 10.0


async def measure_memory(scene: Scene) -> list[Found]:
    """Measures our process after many requests, and the processes of Claude Code."""
    own = scene.bridge.server
    fresh, before_s = own.memory_info().rss, cpu_s(own)
    async with scene.callers(SIZE) as callers:
        for _ in range(scene.scale.requests // SIZE):
            await asyncio.gather(*(caller.ask([scene.new("Hello?")], system=KNOWN) for caller in callers))
    request_ms = (cpu_s(own) - before_s) / (scene.scale.requests // SIZE * SIZE) * 1000
    await scene.settle()
    workers = scene.bridge.workers()
    note = f"after {scene.scale.requests} requests, {SIZE} workers"
    return [
        Fact("a short request in our process", f"{request_ms:.1f} ms of CPU"),
        Fact("own process, RSS", f"{own.memory_info().rss / MB:.0f} MB", f"<= {_MEGABYTES_TARGET} MB", note),
        Fact("own process, RSS before that", f"{fresh / MB:.0f} MB"),
        Fact("own process, PSS / private", _shares([own])),
        Fact("one Claude Code process, PSS / private", _shares(workers), note=f"of {len(workers)}"),
    ]


async def measure_tokens(scene: Scene) -> list[Found]:
    """Measures the cost of a streamed token in our process, and three fast streams at once."""
    tokens = int(RATE * scene.scale.stream_s)
    await scene.settle()
    async with scene.callers(STREAMS) as callers:
        question = streamed(tokens, 1 / RATE)
        requests = [asyncio.create_task(caller.ask([question], system=KNOWN)) for caller in callers]
        # Without the starts of the streams, which do not depend on tokens.
        await asyncio.sleep(min(1.0, scene.scale.stream_s / 4))
        cpu_s, took_s = await cpu_of([scene.bridge.server], scene.scale.stream_s * 0.6)
        timings = await asyncio.gather(*requests)
    # The stand-in never pauses for less than the given time: the true rate is a little lower.
    rate = STREAMS * tokens / (max(timing.total_ms for timing in timings) / 1000)
    token_us = cpu_s / (rate * took_s) * 1e6
    whole = token_us * STREAMS * RATE / 1e4
    return [
        Fact("a streamed token in our process", f"{token_us:.0f} us of CPU", note=f"at {rate:.0f} tokens/s"),
        Fact(f"{STREAMS} streams of {RATE} tokens/s each", f"{whole:.1f} % of a core", f"<= {_CORE_TARGET:g} %"),
    ]


async def measure_idle(scene: Scene) -> list[Found]:
    """Measures all processes while idle."""
    await scene.settle()
    # A process of Claude Code is busy with itself for a while after its boot.
    await asyncio.sleep(scene.scale.idle_s)
    workers = scene.bridge.workers()
    own, others = await asyncio.gather(
        cpu_of([scene.bridge.server], scene.scale.idle_s), cpu_of(workers, scene.scale.idle_s)
    )
    return [
        Fact("own process, idle", f"{own[0] / own[1] * 100:.2f} % of a core"),
        Fact("one Claude Code process, idle", f"{others[0] / others[1] / len(workers) * 100:.2f} % of a core"),
    ]


async def cpu_of(processes: Sequence[psutil.Process], seconds: float) -> tuple[float, float]:
    """How many seconds of processor time they take within so many seconds, and how long that really was."""
    before, began = sum(map(cpu_s, processes)), time.perf_counter()
    await asyncio.sleep(seconds)
    return sum(map(cpu_s, processes)) - before, time.perf_counter() - began


def cpu_s(process: psutil.Process) -> float:
    """The processor time of a process so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def _shares(processes: Sequence[psutil.Process]) -> str:
    """The median of what they share fairly (where the system tells) and of what is theirs alone."""
    full = [process.memory_full_info() for process in processes]
    private = Spread.of(one.uss / MB for one in full).median
    fair = [one.pss / MB for one in full if hasattr(one, "pss")]
    return f"{Spread.of(fair).median:.0f} / {private:.0f} MB" if fair else f"- / {private:.0f} MB"
