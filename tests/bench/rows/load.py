"""The rows of many callers: a burst, and a crowd that never stops asking."""

import asyncio
import time

from tests.bench.caller import Caller
from tests.bench.measuring import Fact, Found, Timing, line
from tests.bench.scene import KNOWN, Scene


async def measure_burst(scene: Scene) -> list[Found]:
    """Fresh conversations that all come at the same moment, with one system prompt and with one each."""
    lines: list[Found] = []
    for name, is_new in (("in a burst", False), ("in a burst, each with a new system prompt", True)):
        await scene.settle()
        async with scene.callers(scene.scale.burst) as callers:
            began = time.perf_counter()
            timings = await asyncio.gather(*(_ask(scene, caller, is_new=is_new) for caller in callers))
            took_s = time.perf_counter() - began
        rate = f"{len(timings) / took_s:.0f} answers a second, whole in {took_s:.2f} s"
        lines.append(line(f"{len(timings)} fresh conversations {name}", timings, note=rate))
    await scene.settle()
    return lines


async def measure_crowd(scene: Scene) -> list[Found]:
    """Measures callers that send the next request as soon as they have an answer."""
    await scene.settle()
    began = time.perf_counter()
    until = began + scene.scale.load_s
    async with scene.callers(scene.scale.callers) as callers:
        found = await asyncio.gather(*(_ask_until(scene, caller, until) for caller in callers))
    took_s = time.perf_counter() - began
    timings = [timing for one in found for timing in one]
    name = f"{scene.scale.callers} callers for {scene.scale.load_s:g} s"
    await scene.settle()
    return [
        line(name, timings, note="fresh conversations"),
        Fact(
            f"{name}: throughput", f"{len(timings) / took_s:.1f} answers/s", note=f"{len(timings)} answers, none failed"
        ),
        Fact(f"{name}: worst wait", f"{max(timing.first_ms for timing in timings) / 1000:.2f} s"),
    ]


async def _ask_until(scene: Scene, caller: Caller, until: float) -> list[Timing]:
    timings = [await _ask(scene, caller)]
    while time.perf_counter() < until:
        timings.append(await _ask(scene, caller))
    return timings


async def _ask(scene: Scene, caller: Caller, *, is_new: bool = False) -> Timing:
    return await caller.ask([scene.new("Hello?")], system=scene.new(KNOWN) if is_new else KNOWN)
