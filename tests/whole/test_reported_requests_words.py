"""Reported requests with small words: limits, efforts, stops, fields without effect, and names of models."""

import json
from typing import Any

import pytest

from server.standin.script import Gate, Hold, say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, data_of, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


def upstream(standin: Standin) -> dict[str, Any]:
    body = standin.requests[-1].body
    return {name: body.get(name) for name in ("model", "max_tokens", "stop_sequences", "output_config", "thinking")}


async def test_words_that_mean_not_given(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    plain = upstream(standin)
    not_given: list[dict[str, Any]] = [
        *[{"reasoning_effort": word} for word in ("", "auto", "default")],
        *[{"max_tokens": value} for value in (-1, "", "auto")],
        {"n": -1, "stream": "false", "stop": ""},
    ]
    for fields in not_given:
        reply = await bridge.chat("hi", **fields)
        assert reply.status_code == 200, (fields, reply.text)
        assert "x-drawbridge-ignored" not in reply.headers
        assert upstream(standin) == plain, fields
    reply = await bridge.chat("hi", max_tokens="100")
    assert upstream(standin)["max_tokens"] == 100


OFF: list[dict[str, Any]] = [
    {"reasoning_effort": "none"},
    {"thinking": {"type": "disabled"}},
    {"enable_thinking": False},
    {"chat_template_kwargs": {"enable_thinking": False}},
    {"reasoning": {"max_tokens": 0}},
    {"reasoning": {"enabled": False}},
    {"think": False},
]


async def test_every_way_to_switch_thinking_off(bridge: Bridge, standin: Standin) -> None:
    for fields in OFF:
        reply = await bridge.chat("hi", model="claude-sonnet-4-6", **fields)
        assert reply.status_code == 200, fields
        assert "x-drawbridge-ignored" not in reply.headers
        body = upstream(standin)
        assert (body["thinking"], body["output_config"]) == ({"type": "disabled"}, {"effort": "low"}), fields


async def test_an_unknown_effort_is_named(bridge: Bridge, standin: Standin) -> None:
    reply = await bridge.chat("hi", reasoning_effort="ultra")
    assert (reply.status_code, reply.headers["x-drawbridge-ignored"]) == (200, "reasoning_effort")


async def test_odd_values_of_fields_without_effect_are_named(bridge: Bridge, standin: Standin) -> None:
    odd: dict[str, Any] = {
        "temperature": -1,
        "seed": "42",
        "logprobs": 1,
        "top_p": 1.1,
        "logit_bias": [],
        "user": 5,
        "store": "x",
    }
    for name, value in odd.items():
        reply = await bridge.chat("hi", **{name: value})
        assert reply.status_code == 200, reply.text
        assert reply.headers["x-drawbridge-ignored"] == name
        assert name not in standin.requests[-1].body
    together = await bridge.chat("hi", **odd)
    assert set(together.headers["x-drawbridge-ignored"].split(", ")) == set(odd)


async def test_a_line_end_as_stop_cuts_the_answer(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda recorded: say("first", " line\nsec", "ond line"))
    reply = (await bridge.chat("hi", stop=["\n"])).json()["choices"][0]
    assert (reply["message"]["content"], reply["finish_reason"]) == ("first line", "stop")
    assert "stop_sequences" not in standin.requests[-1].body
    lines = await bridge.stream("hi", stop=["\n", "END"])
    assert text_of(lines) == "first line"
    assert [c["choices"][0]["finish_reason"] for c in data_of(lines)][-1] == "stop"
    assert lines[-1] == "data: [DONE]"
    assert standin.requests[-1].body["stop_sequences"] == ["END"]


async def test_a_cut_answer_is_stopped_upstream_and_the_next_one_is_whole(bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    standin.script(say("one\nMARKED", Hold(gate), " never"))
    reply = await bridge.chat("hi", stop="\n")
    assert reply.json()["choices"][0]["message"]["content"] == "one"
    assert reply.json()["usage"]["completion_tokens"] > 0
    await bridge.until_pool(answering=0)
    standin.script(say("whole\nanswer"))
    reply = await bridge.chat("hi", "one", "again")
    assert reply.json()["choices"][0]["message"]["content"] == "whole\nanswer"
    assert "MARKED" not in json.dumps(standin.requests[-1].body)


async def test_any_number_of_stops(bridge: Bridge, standin: Standin) -> None:
    names = [f"\nName{number}:" for number in range(20)]
    reply = await bridge.chat("hi", stop=names)
    assert reply.status_code == 200, reply.text
    assert "x-drawbridge-ignored" not in reply.headers
    assert standin.requests[-1].body["stop_sequences"] == names
    assert (await bridge.chat("hi", stop=["", "###"])).status_code == 200
    assert standin.requests[-1].body["stop_sequences"] == ["###"]


NAMES = {
    "openai/opus": "claude-opus-5-5",
    "drawbridge/opus": "claude-opus-5-5",
    "opus:latest": "claude-opus-5-5",
    "models/opus": "claude-opus-5-5",
    "openrouter/anthropic/claude-opus-4.5": "claude-opus-4-5",
    "us.anthropic.claude-sonnet-4-5-20250929-v1:0": "claude-sonnet-4-5-20250929",
    "claude-opus-4-5@20251101": "claude-opus-4-5-20251101",
    "Claude Haiku": "claude-haiku-5-5",
    "gpt-4o-mini": "claude-sonnet-5-5",
}


async def test_a_name_with_a_family_means_that_family(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    for name, answering in NAMES.items():
        reply = await bridge.chat("hi", model=name)
        assert reply.status_code == 200, reply.text
        assert standin.requests[-1].body["model"] == answering, name
        assert (reply.json()["model"], reply.headers["x-drawbridge-model"]) == (name, answering)
        for path in (name, name.replace("/", "%2F")):
            found = await bridge.client.get(f"/models/{path}")
            assert (found.status_code, found.json()["id"]) == (200, name), path
