"""The desktop app: time until its icon is shown and until it answers, and the cost of its processes while idle."""

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from tests.bench.costs.resources import cpu_of
from tests.bench.costs.starting import LIBRARIES, in_ms, python_ms
from tests.bench.measuring import Fact, Found, Spread
from tests.bench.scene import Scene
from tests.ports import free_port
from tests.tray.bus import private_bus
from tests.tray.trayhost import Icon, TrayHost
from tests.whole.bridge import ROOT, child_environment, is_claude
from tests.whole.checked import keep_verdict

ICON_TARGET_MS, READY_TARGET, IDLE_TARGET = 300, 1.2, 0.2
_WAIT_S = 60


@dataclass(frozen=True, slots=True)
class Started:
    """A running app, and the time until a panel had its icon and until it answered."""

    process: psutil.Process
    icon_ms: float
    ready_ms: float


async def measure_app(scene: Scene) -> list[Found]:
    """Measures starts, alternating with the imports alone, and the idle cost after the last start."""
    if sys.platform != "linux" or shutil.which("dbus-daemon") is None:
        return []
    icons, ready, imports = [], [], []
    idle: list[Found] = []
    for number in range(scene.scale.starts):
        folder = scene.folder / f"app-{number}"
        folder.mkdir()
        imports.append(await python_ms(LIBRARIES, folder))
        async with started(folder, scene.environment["ANTHROPIC_BASE_URL"]) as app:
            icons.append(app.icon_ms)
            ready.append(app.ready_ms)
            if number == scene.scale.starts - 1:
                idle = await _idle(app.process, scene.scale.idle_s)
    # Each start is compared with the imports just before it: the speed of the machine varies during the run.
    times = Spread.of(one / base for one, base in zip(ready, imports, strict=True)).median
    return [
        Fact("start of the app until its icon is in the tray", in_ms(icons), f"<= {ICON_TARGET_MS} ms"),
        Fact("start of the app until it answers", f"{in_ms(ready)} ({times:.1f}x the imports)", f"<= {READY_TARGET}x"),
        *idle,
    ]


async def _idle(app: psutil.Process, seconds: float) -> list[Found]:
    """Measures the CPU of the app and its processes while idle. Each is busy for a while after its start."""
    await asyncio.sleep(max(seconds, 2.0))
    workers = [child for child in app.children(recursive=True) if is_claude(child)]
    own, others = await asyncio.gather(cpu_of([app], seconds), cpu_of(workers, seconds))
    shares = [cost[0] / cost[1] * 100 for cost in (own, others)]
    return [
        Fact("the app's own process, idle", f"{shares[0]:.2f} % of a core", f"<= {IDLE_TARGET} %"),
        Fact("one Claude Code process of the app, idle", f"{shares[1] / max(1, len(workers)):.2f} % of a core"),
    ]


@asynccontextmanager
async def started(
    folder: Path, upstream: str, command: Sequence[str] = (sys.executable, "-m", "tray")
) -> AsyncIterator[Started]:
    """The app on a private bus with a tray, as at any start but the first: the self-check has passed."""
    account = {"ANTHROPIC_BASE_URL": upstream, "ANTHROPIC_API_KEY": "sk-nobody-0123456789abcdef"}
    await keep_verdict(folder / "data")
    with private_bus(folder) as address, TrayHost(address) as host:
        own = ("--port", str(free_port()), "--data-dir", str(folder / "data"), "--log-dir", str(folder / "logs"))
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(
            *(*command, *own),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd=ROOT,
            env={**child_environment(folder), **account, "DBUS_SESSION_BUS_ADDRESS": address},
        )
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_WAIT_S):
                seen = asyncio.create_task(asyncio.to_thread(_seen, host))
                # Printed when requests are answered.
                assert (await process.stdout.readline()).startswith(b"Drawbridge listening on ")
                ready_ms = (time.perf_counter() - began) * 1000
                icon_ms = (await seen - began) * 1000
            yield Started(psutil.Process(process.pid), icon_ms, ready_ms)
        finally:
            process.terminate()
            await process.wait()


def _seen(host: TrayHost) -> float:
    """Returns the time at which a panel had the icon."""
    item: Icon = host.wait_item()
    assert item["IconPixmap"] or item["IconName"]
    return time.perf_counter()
