"""A stand-in and two clients for its tests."""

from collections.abc import AsyncIterator

import anthropic
import httpx
import pytest

from server.standin.server import Standin, open_standin
from tests.server.standin.bodies import HEADERS


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    async with open_standin() as opened:
        yield opened


@pytest.fixture
async def http(standin: Standin) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=standin.url, headers=HEADERS, timeout=20) as client:
        yield client


@pytest.fixture
async def claude(standin: Standin) -> AsyncIterator[anthropic.AsyncAnthropic]:
    async with anthropic.AsyncAnthropic(base_url=standin.url, api_key="any", max_retries=0, timeout=20) as client:
        yield client
