"""One server for all tests of a module."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.server.agents.scene import Agency, open_agency


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Agency]:
    """The server."""
    with pytest.MonkeyPatch.context() as patch:
        async with open_agency(tmp_path_factory.mktemp("agency"), patch) as opened:
            yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def agency(running: Agency) -> Agency:
    """The server, with a new folder for each test."""
    await running.renew()
    return running
