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


@sized("count", 60, small=6)
async def test_a_mixture_reaches_claude_as_the_plain_request(bridge: Bridge, standin: Standin, count: int) -> None:
    for seed in range(count):
        ugly = ugly_request(seed)
        sent: list[dict[str, Any]] = []
        for body in (ugly.plain, ugly.body):
            requests_before = len(standin.requests)
            # httpx refuses half of a surrogate pair unescaped.
            reply = await bridge.client.post(
                "/chat/completions", content=json.dumps(body), headers={"content-type": "application/json"}
            )
            if body is ugly.body and ugly.refused:
                assert len(standin.requests) == requests_before, (seed, ugly.kinds)
                assert (reply.status_code, reply.json()["error"]["param"]) == (400, ugly.refused[0]), reply.text
            else:
                assert reply.status_code == 200, (seed, ugly.kinds, reply.text)
                sent.append(upstream(standin))
                assert body is ugly.plain or not unnamed(ugly, reply), (seed, ugly.kinds, unnamed(ugly, reply))
        assert sent[0] == sent[-1], (seed, ugly.kinds)
