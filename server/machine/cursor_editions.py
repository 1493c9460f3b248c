"""Which editions of Cursor are installed: the usual one, and Private Inference, which calls this computer directly."""

import json
import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

PRIVATE = "Cursor Private Inference"
_USUAL = "Cursor"
_LARGEST = 2_000_000
_MOST = 20
# Where installers put it, below each root. A package for Linux has "cursor", the AppImages cannot be looked into.
_PATTERNS: Mapping[str, tuple[str, ...]] = {
    "darwin": ("Cursor*.app/Contents/Resources/app/product.json",),
    "win32": ("[Cc]ursor*/resources/app/product.json",),
    "linux": ("[Cc]ursor*/resources/app/product.json",),
}


@dataclass(frozen=True, slots=True)
class Edition:
    """An installed edition: its name as in `PRIVATE`, and its version, empty if unknown."""

    name: str
    version: str = ""

    @property
    def is_private(self) -> bool:
        """Whether it calls servers on this computer by itself."""
        return self.name == PRIVATE


def find_editions(roots: Iterable[Path] | None = None, *, platform: str = sys.platform) -> tuple[Edition, ...]:
    """The editions in `roots`, or in the usual folders of this system. Reads files; never raises.

    The name in `product.json` decides, since both editions may have the same folder.
    """
    patterns = _PATTERNS.get(platform, _PATTERNS["linux"])
    found: dict[Edition, None] = {}
    for root in _roots(platform) if roots is None else roots:
        for pattern in patterns:
            for file in _files(root, pattern):
                if (edition := _edition_in(file)) is not None:
                    found[edition] = None
    return tuple(found)


def _roots(platform: str) -> tuple[Path, ...]:
    home = Path.home()
    if platform == "darwin":
        return (Path("/Applications"), home / "Applications")
    if platform == "win32":
        local = os.environ.get("LOCALAPPDATA")
        programs = os.environ.get("PROGRAMFILES")
        return tuple(Path(one) for one in (local and f"{local}\\Programs", programs) if one)
    return (Path("/opt"), Path("/usr/share"), Path("/usr/lib"), home / ".local" / "share", home / "Applications")


def _files(root: Path, pattern: str) -> list[Path]:
    try:
        return sorted(root.glob(pattern))[:_MOST]
    except OSError:
        return []


def _edition_in(file: Path) -> Edition | None:
    """The edition that `product.json` names; None for another program's, and for a file that cannot be read."""
    try:
        with file.open("rb") as opened:
            product = json.loads(opened.read(_LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(product, dict):
        return None
    names = {product.get("nameLong"), product.get("nameShort")}
    name = PRIVATE if PRIVATE in names else _USUAL if _USUAL in names else None
    version = product.get("version")
    return None if name is None else Edition(name, version[:50] if isinstance(version, str) else "")
