"""Malformed and mutated bodies through the whole product: each is answered or refused, and the server answers after.

Every body goes through the HTTP layer in tests/server/web/test_oddities.py; here are samples, and all of them as soak.
"""

import random

import httpx
import pytest

from server.standin.server import Standin
from tests.server.web.oddities import GOOD, RAW, as_json, mutated
from tests.tiers import sized
from tests.whole.bridge import Bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def posted(bridge: Bridge, body: bytes) -> httpx.Response:
    return await bridge.client.post("/chat/completions", content=body, headers={"content-type": "application/json"})


def check(reply: httpx.Response, what: object) -> None:
    assert reply.status_code == 200 or 400 <= reply.status_code < 500, (what, reply.text)
    if reply.status_code != 200:
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}, what


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["half", "a lone surrogate", "thousands of messages"], id="samples"),
        pytest.param(list(RAW), id="all", marks=pytest.mark.soak),
    ],
)
async def test_no_malformed_body_makes_the_server_fail(bridge: Bridge, standin: Standin, names: list[str]) -> None:
    for name in names:
        check(await posted(bridge, RAW[name]), name)
    assert (await bridge.chat("hi")).status_code == 200


@pytest.mark.parametrize("name", GOOD)
@sized("count", 30)
async def test_no_mutation_of_a_good_body_makes_the_server_fail(
    bridge: Bridge, standin: Standin, name: str, count: int
) -> None:
    for seed in range(count):
        body = mutated(GOOD[name], random.Random(seed))
        check(await posted(bridge, as_json(body)), (seed, body))
    assert (await bridge.chat("hi")).status_code == 200
    assert "a bug in Drawbridge" not in bridge.log
