"""Fixtures for tests of the whole server: `python -m server` with the real Claude Code and the stand-in."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from server.standin.server import Standin, default_answer, open_standin
from tests.tray.conftest import bus, host
from tests.whole.bridge import Bridge, open_bridge
from tests.whole.tap import Tap, open_tap

__all__ = ["bus", "host"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[Standin]:
    """One stand-in for all tests of a module."""
    async with open_standin() as standin:
        yield standin


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(upstream: Standin, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """One server for all tests of a module."""
    # A failure in one test must not open the circuit breaker for the next one.
    alone = {"DRAWBRIDGE_WITHOUT_BREAKER": "yes", "DRAWBRIDGE_RETRIES": "0"}
    async with open_bridge(upstream, tmp_path_factory.mktemp("bridge"), environment=alone) as bridge:
        yield bridge


@pytest_asyncio.fixture(loop_scope="module")
async def standin(upstream: Standin) -> Standin:
    """The stand-in, reset for each test: nothing recorded, the default answer."""
    upstream.requests.clear()
    upstream.others.clear()
    upstream.script(default_answer)
    return upstream


@pytest_asyncio.fixture(loop_scope="module")
async def bridge(running: Bridge, standin: Standin) -> Bridge:
    """The module's server, with the reset stand-in."""
    return running


@pytest_asyncio.fixture(loop_scope="module")
async def tap(bridge: Bridge) -> AsyncIterator[Tap]:
    """Records what a client sends to the module's server."""
    async with open_tap(bridge.url) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the test's own server."""
    return tmp_path


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short path: sockets of a sandbox are below it, and a socket's path has a limit."""
    with tempfile.TemporaryDirectory(prefix="db-", ignore_cleanup_errors=True) as name:
        yield Path(name)
