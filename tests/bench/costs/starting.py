"""Time from a cold start until the server listens, beside the imports of the libraries alone in the same run."""

import asyncio
import os
import sys
import time
from pathlib import Path

from tests.bench.measuring import Fact, Found, Spread
from tests.bench.scene import Scene
from tests.whole.bridge import ROOT, child_environment, open_bridge

LIBRARIES = "import fastapi, uvicorn, claude_agent_sdk"


async def measure_starting(scene: Scene) -> list[Found]:
    """Measures `serve` until it listens and until a process is up, alternating with the imports and an empty Python."""
    listens, raw, imports, empty = [], [], [], []
    environment = {name: scene.environment[name] for name in ("ANTHROPIC_BASE_URL", "ANTHROPIC_API_KEY")}
    for number in range(scene.scale.starts):
        folder = scene.folder / f"start-{number}"
        folder.mkdir()
        listening_ms, raw_ms = await start_to_ready(folder, environment)
        listens.append(listening_ms)
        raw.append(raw_ms)
        imports.append(await python_ms(LIBRARIES, folder))
        empty.append(await python_ms("pass", folder))
    base = Spread.of(imports).median

    def beside(values: list[float]) -> str:
        return f"{in_ms(values)} ({Spread.of(values).median / base:.1f}x the imports)"

    return [
        Fact("start of `serve` until it listens", beside(listens)),
        Fact("start of `serve` until a process is up", beside(raw)),
        Fact("importing fastapi, uvicorn and the SDK", in_ms(imports), note=f"an empty Python: {in_ms(empty)}"),
    ]


async def start_to_ready(folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Returns the milliseconds from the spawn of `python -m server` to its first line and to its first worker."""
    began = time.perf_counter()
    async with open_bridge(None, folder, environment=environment) as bridge:
        listening_ms = (time.perf_counter() - began) * 1000
        async with asyncio.timeout(60):
            while not (await bridge.health())["pool"]["ready"]:
                await asyncio.sleep(0.01)
        return listening_ms, (time.perf_counter() - began) * 1000


async def python_ms(code: str, folder: Path) -> float:
    """Measures a Python process that runs `code`."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", code), cwd=ROOT, env={**child_environment(folder), "PYTHONPATH": os.fspath(ROOT)}
    )
    assert await process.wait() == 0, code
    return (time.perf_counter() - began) * 1000


def in_ms(values: list[float]) -> str:
    """Formats their median and range."""
    spread = Spread.of(values)
    return f"{spread.median:.0f} ms ({spread.least:.0f}-{spread.most:.0f})"
