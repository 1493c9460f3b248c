"""Odd bodies through the whole product: never a failure of ours, never a wait without an end, and it answers after."""

import random

import httpx
import pytest

from server.standin.server import Standin
from tests.server.web.oddities import GOOD, RAW, as_json, mutated
from tests.whole.bridge import Bridge

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(180)]


async def posted(bridge: Bridge, body: bytes) -> httpx.Response:
    return await bridge.client.post("/chat/completions", content=body, headers={"content-type": "application/json"})


def check(reply: httpx.Response, what: object) -> None:
    assert reply.status_code == 200 or 400 <= reply.status_code < 500, (what, reply.text)
    if reply.status_code != 200:
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}, what


async def test_no_odd_body_makes_it_fail(bridge: Bridge, standin: Standin) -> None:
    for name, body in RAW.items():
        check(await posted(bridge, body), name)
    assert (await bridge.chat("hi")).status_code == 200


@pytest.mark.parametrize("name", GOOD)
async def test_no_mutation_of_a_good_body_makes_it_fail(bridge: Bridge, standin: Standin, name: str) -> None:
    for seed in range(30):
        body = mutated(GOOD[name], random.Random(seed))
        check(await posted(bridge, as_json(body)), (seed, body))
    assert (await bridge.chat("hi")).status_code == 200
    assert "a bug in Drawbridge" not in bridge.log
