"""The whole server as its user runs it, `python -m server` in a process of its own, over real CLIs and the stand-in."""

from collections.abc import AsyncIterator
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
    # One test's failure upstream is no reason for the next one's.
    alone = {"DRAWBRIDGE_WITHOUT_BREAKER": "yes", "DRAWBRIDGE_RETRIES": "0"}
    async with open_bridge(upstream, tmp_path_factory.mktemp("bridge"), environment=alone) as bridge:
        yield bridge


@pytest_asyncio.fixture(loop_scope="module")
async def standin(upstream: Standin) -> Standin:
    """The stand-in, fresh for each test: nothing recorded, the friendly answer."""
    upstream.requests.clear()
    upstream.others.clear()
    upstream.script(default_answer)
    return upstream


@pytest_asyncio.fixture(loop_scope="module")
async def bridge(running: Bridge, standin: Standin) -> Bridge:
    """The module's server, over the fresh stand-in."""
    return running


@pytest_asyncio.fixture(loop_scope="module")
async def tap(bridge: Bridge) -> AsyncIterator[Tap]:
    """What a client in front of the module's server asks."""
    async with open_tap(bridge.url) as found:
        yield found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for a server of the test's own."""
    return tmp_path
