"""The built app, if there is one in dist/: how large it is, and how its start compares with the same from source."""

import sys
from pathlib import Path

from tests.bench.costs.app import started
from tests.bench.costs.starting import in_ms
from tests.bench.measuring import Fact, Found, Spread
from tests.bench.scene import Scene
from tests.whole.bridge import ROOT

SIZE_TARGET_MB, ICON_TARGET_MS, READY_TARGET = 95, 250, 1.2
FOLDER = ROOT / "dist" / "drawbridge"


async def measure_frozen(scene: Scene) -> list[Found]:
    """Some starts, in turns with those from source. Nothing where no app is built, or where a start needs no bus."""
    program = FOLDER / "drawbridge"
    if sys.platform != "linux" or not program.is_file():
        return []
    icons: list[float] = []
    ready: list[float] = []
    from_source: list[float] = []
    for number in range(scene.scale.starts):
        for times, command in ((ready, (str(program),)), (from_source, (sys.executable, "-m", "tray"))):
            folder = scene.folder / f"frozen-{number}-{len(command)}"
            folder.mkdir()
            async with started(folder, scene.environment["ANTHROPIC_BASE_URL"], command) as app:
                times.append(app.ready_ms)
                if times is ready:
                    icons.append(app.icon_ms)
    ratio = Spread.of(ready).median / Spread.of(from_source).median
    return [
        Fact("built app, without Claude Code", f"{size_mb(FOLDER):.0f} MB", f"<= {SIZE_TARGET_MB} MB"),
        *(Fact(f"its {path.suffix} with Claude Code", f"{path.stat().st_size / 1e6:.0f} MB") for path in packages()),
        Fact("start of the built app until its icon is in the tray", in_ms(icons), f"<= {ICON_TARGET_MS} ms"),
        Fact(
            "start of the built app until it answers",
            f"{in_ms(ready)} ({ratio:.2f}x from source)",
            f"<= {READY_TARGET}x",
            f"from source: {in_ms(from_source)}",
        ),
    ]


def size_mb(folder: Path) -> float:
    """What is in the app, in megabytes of 1,000,000 bytes, but for the Claude Code in it."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sum(path.stat().st_size for path in files if path.parent.name != "_bundled") / 1e6


def packages() -> list[Path]:
    """The packages that were made of it."""
    return sorted(path for kind in ("deb", "rpm") for path in (ROOT / "dist").glob(f"drawbridge_*.{kind}"))
