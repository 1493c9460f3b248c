"""Conversations with tools."""

import pytest
import pytest_asyncio

from server.standin.server import Standin
from tests.server.claude.conftest import Bench
from tests.server.claude.tool_loop import Loop


@pytest.fixture
def loop(bench: Bench, standin: Standin) -> Loop:
    return Loop(bench, standin)


@pytest_asyncio.fixture(loop_scope="module")
async def fresh_loop(bench: Bench, standin: Standin) -> Loop:
    """With a worker that has not been used before."""
    return Loop(bench, standin, worker=await bench.fresh())
