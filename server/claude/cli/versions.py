"""The version of a Claude Code CLI, and which of several is the newest."""

import re
import subprocess
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from server.claude.cli.program import output_of

TIMEOUT_S = 10.0
# The version is logged and shown: a CLI that prints something else first must not flood either.
_LONGEST = 40
Version = tuple[int, ...]


async def cli_version(path: Path, environment: Mapping[str, str]) -> str:
    """The version, as in "2.1.329". Raises `CliFailed` if the CLI does not run."""
    output = await output_of(path, ["--version"], environment)
    return output.split()[0][:_LONGEST]


def newest_of(paths: Sequence[Path], environment: Mapping[str, str]) -> Path:
    """The newest CLI, the first of equals. Cached until a file changes: `--version` takes some tenths of a second."""
    variables = tuple(sorted(environment.items()))
    return max(paths, key=lambda path: (_version(path, variables), -paths.index(path)))


def parse_version(text: str) -> Version:
    """The numbers of a version, as in "2.1.329 (Claude Code)"; empty if `text` does not start with one."""
    match = re.match(r"\d+(?:\.\d+)*", text.strip())
    return tuple(map(int, match[0].split("."))) if match else ()


def _version(path: Path, environment: tuple[tuple[str, str], ...]) -> Version:
    try:
        file = path.stat()
    except OSError:
        return ()
    return _cached_version(path, file.st_size, file.st_mtime_ns, environment)


@lru_cache(maxsize=32)
def _cached_version(path: Path, size: int, mtime_ns: int, environment: tuple[tuple[str, str], ...]) -> Version:  # noqa: ARG001 # the cache's key
    try:
        done = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=dict(environment),
            check=False,
        )
    except (OSError, subprocess.SubprocessError, UnicodeError):
        return ()
    return parse_version(done.stdout)
