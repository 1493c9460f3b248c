"""No body makes the server fail: each gets an answer, or an error as from OpenAI."""

import json
import random
from functools import cache

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.web.access.middleware import AccessMiddleware
from tests.server.web.oddities import GOOD, RAW, as_json, mutated
from tests.server.web.scene import FakeEngine, client, served

JSON = {"content-type": "application/json"}


@cache
def app() -> AccessMiddleware:
    """One for all bodies: making it takes longer than answering."""
    return served(FakeEngine())


async def posted(body: bytes, **headers: str) -> httpx.Response:
    async with client(app()) as c:
        return await c.post("/v1/chat/completions", content=body, headers={**JSON, **headers})


def check(reply: httpx.Response) -> None:
    """An answer, or an error in the published form about the request."""
    if reply.status_code == 200:
        assert reply.text.rstrip().endswith(("data: [DONE]", "}"))
        return
    assert 400 <= reply.status_code < 500, reply.text
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["type"] == "invalid_request_error"


@pytest.mark.parametrize("name", RAW)
async def test_no_odd_body_makes_the_server_fail(name: str) -> None:
    check(await posted(RAW[name]))


async def test_a_compressed_body_is_refused_in_the_same_form() -> None:
    check(await posted(RAW["packed"], **{"content-encoding": "gzip"}))


@pytest.mark.parametrize("name", GOOD)
async def test_the_bodies_to_mutate_are_valid(name: str) -> None:
    reply = await posted(as_json(GOOD[name]))
    assert reply.status_code == 200, reply.text


@settings(max_examples=400, deadline=None)
@given(name=st.sampled_from(sorted(GOOD)), seed=st.integers(0, 2**32), stream=st.sampled_from([None, True]))
async def test_no_mutation_of_a_valid_body_makes_the_server_fail(name: str, seed: int, stream: bool | None) -> None:
    body = mutated({**GOOD[name], **({"stream": True} if stream else {})}, random.Random(seed))
    check(await posted(as_json(body)))


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)
FIELDS = sorted({field for body in GOOD.values() for field in body})


@settings(max_examples=300, deadline=None)
@given(body=st.dictionaries(st.sampled_from(FIELDS), WILD, max_size=6))
async def test_no_random_body_makes_the_server_fail(body: dict[str, object]) -> None:
    check(await posted(json.dumps(body).encode()))
