"""A sample of the random odd requests: what reaches Claude's API is what the plain request sends."""

import json
from typing import Any

import httpx
import pytest

from server.standin.server import Standin
from tests.server.dialects.ugly_requests import UglyRequest, ugly_request
from tests.tiers import sized
from tests.whole.bridge import Bridge
from tests.whole.calling import blocks_of, offered, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIELDS = ("model", "max_tokens", "stop_sequences", "tool_choice", "thinking", "output_config")


def upstream(standin: Standin) -> dict[str, Any]:
    """The last body, without Claude Code's own notes and without cache marks, whose places depend on the way."""
    body = standin.requests[-1].body
    blocks = [(sent["role"], block) for sent in spoken(body) for block in blocks_of(sent["content"])]
    plain = [
        (role, {name: value for name, value in block.items() if name != "cache_control"}) for role, block in blocks
    ]
    # The other blocks of the system prompt are Claude Code's own.
    prompt = blocks_of(body["system"])[-1]["text"]
    return {"system": prompt, "messages": plain, "tools": offered(body), **{name: body.get(name) for name in FIELDS}}


def unnamed(ugly: UglyRequest, reply: httpx.Response) -> list[str]:
    """What `reply` should name and does not, as far as its header goes: it is cut after 1000 characters."""
    named = reply.headers.get("x-drawbridge-ignored", "")
    return [] if len(named) == 1000 else [name for name in ugly.named if name not in named]


# The path of each body's own API, besides the chat path.
OWN_PATHS = {"responses": "/responses", "messages": "/messages"}


def paths(ugly: UglyRequest) -> list[str]:
    """The paths that take the odd body. The Responses API refuses references to items that it has not stored."""
    refers = "item_reference" in json.dumps(ugly.body)
    return ["/chat/completions"] + ([OWN_PATHS[ugly.shape]] if ugly.shape in OWN_PATHS and not refers else [])


async def post(bridge: Bridge, path: str, body: object) -> httpx.Response:
    # httpx refuses half of a surrogate pair unescaped.
    return await bridge.client.post(path, content=json.dumps(body), headers={"content-type": "application/json"})


def assert_refused(reply: httpx.Response, place: str) -> None:
    """Anthropic's errors name the place in their text, OpenAI's in a field."""
    error = reply.json()["error"]
    assert reply.status_code == 400, reply.text
    assert place in error.get("param", error["message"]), reply.text


@sized("count", 60, small=6)
async def test_a_mixture_reaches_claude_as_the_plain_request(bridge: Bridge, standin: Standin, count: int) -> None:
    for seed in range(count):
        ugly = ugly_request(seed)
        plain = await post(bridge, "/chat/completions", ugly.plain)
        assert plain.status_code == 200, (seed, ugly.kinds, plain.text)
        expected = upstream(standin)
        for path in paths(ugly):
            requests_before = len(standin.requests)
            reply = await post(bridge, path, ugly.body)
            if ugly.refused:
                assert len(standin.requests) == requests_before, (seed, path, ugly.kinds)
                assert_refused(reply, ugly.refused[0])
            else:
                assert reply.status_code == 200, (seed, path, ugly.kinds, reply.text)
                assert upstream(standin) == expected, (seed, path, ugly.kinds)
                assert not unnamed(ugly, reply), (seed, path, ugly.kinds, unnamed(ugly, reply))
