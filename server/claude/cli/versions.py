"""Which of several Claude Codes is the newest, as each says of itself."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

ASK_S = 10.0
Version = tuple[int, ...]


def newest_of(found: Sequence[Path], environment: Mapping[str, str]) -> Path:
    """The newest of the programs, the first of equals; one that does not say its version is older than all.

    Each is asked once for as long as it stays the same on disk: that takes some tenths of a second.
    """
    asked = tuple(sorted(environment.items()))
    return max(found, key=lambda path: (_version(path, asked), -found.index(path)))


def numbers_of(version: str) -> Version:
    """Numbers that can be compared, of a text as in "2.1.329 (Claude Code)"; empty where it starts with none."""
    match = re.match(r"\d+(?:\.\d+)*", version.strip())
    return tuple(map(int, match[0].split("."))) if match else ()


def _version(path: Path, environment: tuple[tuple[str, str], ...]) -> Version:
    try:
        found = path.stat()
    except OSError:
        return ()
    return _asked(path, found.st_size, found.st_mtime_ns, environment)


@lru_cache(maxsize=32)
def _asked(path: Path, size: int, mtime_ns: int, environment: tuple[tuple[str, str], ...]) -> Version:  # noqa: ARG001 # what it is remembered by
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ASK_S,
            env=dict(environment),
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return ()
    return numbers_of(done.stdout)
