"""Fixtures for tests of the built app: its program, its .deb, and a Debian to install it in."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.frozen.debian import Debian, open_debian
from tests.tray.conftest import bus, host
from tests.whole.bridge import ROOT

__all__ = ["bus", "host"]

NOT_BUILT = "is not built: uv run --group build .ci/build"


@pytest.fixture(scope="session")
def built() -> Path:
    """The program of the built app, with a Claude Code of its own."""
    folder = ROOT / "dist" / "drawbridge"
    program = folder / ("drawbridge.exe" if sys.platform == "win32" else "drawbridge")
    if not program.is_file():
        pytest.skip(f"the app {NOT_BUILT}")
    if not any((folder / "_internal" / "claude_agent_sdk" / "_bundled").glob("claude*")):
        pytest.skip(f"the app with Claude Code {NOT_BUILT}")
    return program


@pytest.fixture(scope="session")
def package(built: Path) -> Path:
    """Its .deb."""
    found = sorted((ROOT / "dist").glob("drawbridge_*.deb"))
    if not found or found[-1].stat().st_mtime < built.stat().st_mtime:
        pytest.skip("the package is not built: uv run --group build .ci/package deb")
    return found[-1]


@pytest.fixture(scope="module")
def debian(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Debian]:
    """A Debian with only its essential packages, without Python; the .deb is in its /tmp."""
    if os.geteuid() != 0:
        pytest.skip("a Debian in a folder needs root: chroot and mount")
    if shutil.which("mmdebstrap") is None:
        pytest.skip("mmdebstrap is not installed: apt-get install mmdebstrap")
    root = tmp_path_factory.mktemp("debian")
    with ExitStack() as stack:
        try:
            debian = stack.enter_context(open_debian(root))
        except subprocess.CalledProcessError as error:
            pytest.skip(f"a Debian cannot be fetched here: {error.stderr[-300:]}")
        shutil.copyfile(package, root / "tmp" / "drawbridge.deb")
        yield debian
