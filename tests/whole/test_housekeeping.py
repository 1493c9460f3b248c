"""Requests for titles, tags and follow-up questions do not disturb the conversation beside them."""

import asyncio
from pathlib import Path

import pytest

from server.standin.script import Script, say
from server.standin.server import Recorded, open_standin
from tests.server.answering.test_background_requests import FOLLOW_UPS, OPENCODE, TAGS, TITLE, webui
from tests.whole.bridge import Bridge, conversation_of, messages, open_bridge


def echo(recorded: Recorded) -> Script:
    return say("to ", conversation_of(recorded.body)[-1][1])


async def way(bridge: Bridge, *turns: str) -> str:
    reply = await bridge.post({"messages": messages(*turns), "model": "sonnet"})
    assert reply.status_code == 200, reply.text
    return reply.headers["x-drawbridge-way"]


@pytest.mark.parametrize("size", ["2", "3"])
async def test_background_requests_keep_the_conversation(folder: Path, size: str) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", size) as bridge:
        standin.script(echo)
        await way(bridge, "one")
        for body in (webui(TITLE), webui(TAGS), webui(FOLLOW_UPS), OPENCODE):
            reply = await bridge.post(body)
            assert reply.status_code == 200, reply.text
            assert reply.headers["x-drawbridge-way"] != "continued"
        assert await way(bridge, "one", "to one", "two") == "continued"
        at_once = await asyncio.gather(*(bridge.post(webui(prompt)) for prompt in (TITLE, TAGS)[: int(size) - 1]))
        assert all(reply.status_code == 200 for reply in at_once)
        assert await way(bridge, "one", "to one", "two", "to two", "three") == "continued"
        assert [text for _, text in conversation_of(standin.requests[-1].body)] == [
            "one",
            "to one",
            "two",
            "to two",
            "three",
        ]


async def test_in_a_pool_of_one_background_requests_are_answered_and_the_conversation_is_replayed(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        standin.script(echo)
        await way(bridge, "one")
        for body in (webui(TITLE), webui(TAGS), OPENCODE):
            reply = await bridge.post(body)
            assert reply.status_code == 200, reply.text
        assert await way(bridge, "one", "to one", "two") != "continued"
        assert [text for _, text in conversation_of(standin.requests[-1].body)] == ["one", "to one", "two"]


async def test_background_requests_use_the_housekeeping_model(folder: Path) -> None:
    environment = {"DRAWBRIDGE_HOUSEKEEPING_MODEL": "haiku"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        reply = await bridge.post(webui(TITLE))
        await way(bridge, "one")
        await bridge.post(OPENCODE)
        assert reply.json()["model"] == "sonnet"
        assert reply.headers["x-drawbridge-model"] == "claude-haiku-5-5"
        assert [recorded.body["model"] for recorded in standin.requests] == [
            "claude-haiku-5-5",
            "claude-sonnet-5-5",
            "claude-haiku-5-5",
        ]
