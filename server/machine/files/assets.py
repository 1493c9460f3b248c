"""Finds the pictures and pages that ship with Drawbridge: in a clone, in an installed wheel, in the frozen app."""

import sys
from pathlib import Path, PurePosixPath

_ROOT = Path(__file__).resolve().parents[3]


def asset(name: str, *, root: Path = _ROOT, frozen: str | None = getattr(sys, "_MEIPASS", None)) -> Path:
    """Returns the path of an asset, as in "web/page.html". `root` holds the packages, `frozen` the unpacked app.

    Raises FileNotFoundError if it is missing, ValueError if `name` is outside the assets.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or ".." in parts.parts or "\\" in name or ":" in name:
        raise ValueError(f"{name!r} is not the name of an asset, expected one as in 'web/page.html'")
    # In the frozen app, in a wheel, in a clone. The wheel comes before the clone, because another package may have
    # put a folder "assets" into site-packages.
    folders = [Path(frozen) / "assets"] if frozen else [root / "tray" / "assets", root / "assets"]
    for folder in folders:
        path = folder.joinpath(*parts.parts)
        if path.is_file():
            return path
    raise FileNotFoundError(f"the asset {name!r} is missing; looked in {', '.join(map(str, folders))}")
