"""Fixtures for tests of the dashboard: a browser, and servers with and without the real Claude Code."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.whole.browser import Browser, driving, session
from tests.whole.conftest import bridge, folder, running, standin, upstream

__all__ = ["bridge", "folder", "running", "standin", "upstream"]


@pytest.fixture(scope="session")
def driver() -> Iterator[str]:
    """The browser's driver."""
    with driving() as url:
        yield url


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def tab(driver: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """One browser for all tests of a module."""
    async with session(driver, tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest_asyncio.fixture(loop_scope="module")
async def browser(tab: Browser) -> Browser:
    """The module's browser, without what earlier tests have left in its logs and in the page's storage."""
    await tab.open("about:blank")
    await tab.console()
    await tab.requested()
    return tab


@pytest_asyncio.fixture
async def own_browser(driver: str, tmp_path: Path) -> AsyncIterator[Browser]:
    """A browser for this test only."""
    async with session(driver, tmp_path) as browser:
        yield browser
