"""A whole server with agent mode on and a project, and the commands of the app."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from server.standin.server import Standin
from tests.whole.bridge import ROOT, Bridge, open_bridge

WRONG = "def add(a, b):\n    return a - b\n"


@asynccontextmanager
async def working(
    standin: Standin, folder: Path, permission: str, *options: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[tuple[Bridge, Path]]:
    """A server with agent mode on, and a project `shop` that was added by the command, unless it is there already."""
    settings, work = folder / "home" / ".config" / "drawbridge" / "settings.toml", folder / "shop"
    is_new = not work.exists()
    if is_new:
        settings.parent.mkdir(parents=True)
        settings.write_text("agent_mode = true\n")
        work.mkdir()
        (work / "sums.py").write_text(WRONG)
    async with open_bridge(standin, folder, *options, environment=environment) as bridge:
        if is_new:
            await command(bridge, "projects", "add", "shop", str(work), "--permission", permission)
        yield bridge, work


async def command(bridge: Bridge, *arguments: str) -> str:
    """What a command of the app prints."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "tray", *arguments, "--data-dir", str(bridge.folder / "data")],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=bridge.environment,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
