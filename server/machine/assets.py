"""Finds the pictures and pages that ship with Drawbridge: in a clone, in an installed wheel, in the frozen app."""

import sys
from pathlib import Path, PurePosixPath

_ROOT = Path(__file__).resolve().parents[2]


def asset(name: str, *, root: Path = _ROOT, frozen: str | None = getattr(sys, "_MEIPASS", None)) -> Path:
    """The file `name` of the assets, as in "web/page.html". `root` holds the packages, `frozen` is the unpacked app.

    Raises FileNotFoundError when it is missing, ValueError when `name` leads out of the assets.
    """
    steps = PurePosixPath(name)
    if steps.is_absolute() or ".." in steps.parts or "\\" in name or ":" in name:
        raise ValueError(f"{name!r} is not the name of an asset, expected one as in 'web/page.html'")
    # 1. the frozen app unpacks them; 2. a wheel has them beside the tray's modules; 3. a clone at its top.
    # The wheel comes before the clone: another package may have put a folder "assets" into site-packages.
    folders = [Path(frozen) / "assets"] if frozen else [root / "tray" / "assets", root / "assets"]
    for folder in folders:
        path = folder.joinpath(*steps.parts)
        if path.is_file():
            return path
    raise FileNotFoundError(f"the asset {name!r} is missing; looked in {', '.join(map(str, folders))}")
