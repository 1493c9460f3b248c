"""Whatever comes in, a reply goes out: never a failure of ours, always an error in OpenAI's shape."""

import asyncio
import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.web.hostile import RAW, bodies, json_values
from tests.server.web.scene import FakeServices, client, served

ADDRESS = "/v1/chat/completions"
REFUSALS = {400, 413, 415, 501}


async def sent(content: bytes, **headers: str) -> httpx.Response:
    async with client(served(FakeServices())) as c:
        return await c.post(ADDRESS, content=content, headers={"content-type": "application/json", **headers})


def assert_answered(reply: httpx.Response) -> None:
    """An answer, or an error that says what is wrong and repeats nothing of what was sent that is long."""
    if reply.status_code == 200:
        assert reply.content
        return
    assert reply.status_code in REFUSALS, reply.text
    error = reply.json()["error"]
    assert isinstance(error["message"], str)
    assert 0 < len(error["message"]) < 1_000
    assert error["type"] == "invalid_request_error"
    assert error["param"] is None or isinstance(error["param"], str)


@pytest.mark.parametrize("name", RAW)
async def test_what_is_no_request(name: str) -> None:
    assert_answered(await sent(RAW[name]))


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity"])
async def test_a_packed_body_is_no_json(encoding: str) -> None:
    assert_answered(await sent(RAW["gzip"], **{"content-encoding": encoding}))


@settings(max_examples=400, deadline=None)
@given(bodies())
def test_a_request_with_something_wrong_in_it(body: dict[str, Any]) -> None:
    assert_answered(asyncio.run(sent(json.dumps(body).encode())))


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_any_json_at_all(value: object) -> None:
    assert_answered(asyncio.run(sent(json.dumps(value).encode())))


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_at_all(content: bytes) -> None:
    assert_answered(asyncio.run(sent(content)))


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries(
        {"input": json_values}, optional={"tools": json_values, "instructions": json_values, "messages": st.none()}
    )
    | st.fixed_dictionaries(
        {"system": json_values, "messages": json_values}, optional={"tools": json_values, "max_tokens": json_values}
    )
)
def test_the_other_dialects_on_this_path(body: dict[str, Any]) -> None:
    assert_answered(asyncio.run(sent(json.dumps(body).encode())))
