"""Tool loops from HTTP to the Messages API and back: every form of tools, streamed and whole, all kinds of results."""

import base64
import json
from typing import Any

import pytest

from server.standin.script import Reply, Script, ToolUse, call, say
from server.standin.server import Recorded, Standin
from tests.pictures import PNG as PICTURE
from tests.whole.bridge import Bridge, data_of, messages
from tests.whole.calling import QUESTION, VERDICT, WHOLE_STORY, Forecaster, blocks_of, offered, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEATHER = {
    "name": "get_weather",
    "description": "The temperature in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
DIFFERENCE = {
    "name": "difference",
    "parameters": {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}},
}
NESTED = [{"type": "function", "function": function} for function in (WEATHER, DIFFERENCE)]
FLAT = [{"type": "function", **function} for function in (WEATHER, DIFFERENCE)]
KNOWN = {"Paris": "21", "Oslo": "9"}
PNG = base64.b64encode(PICTURE).decode()


def worked(name: str, arguments: str) -> str:
    given = json.loads(arguments)
    return KNOWN[given["city"]] if name == "get_weather" else str(given["a"] - given["b"])


async def answer_to(bridge: Bridge, body: dict[str, Any], *, stream: bool) -> tuple[dict[str, Any], str]:
    """Returns the assistant's message and the finish reason, assembled as clients do."""
    if not stream:
        reply = await bridge.post(body)
        assert reply.status_code == 200, reply.text
        choice = reply.json()["choices"][0]
        return choice["message"], choice["finish_reason"]
    async with bridge.client.stream("POST", "/chat/completions", json={**body, "stream": True}) as response:
        assert response.status_code == 200, await response.aread()
        chunks = data_of([line async for line in response.aiter_lines()])
    message: dict[str, Any] = {"role": "assistant", "content": ""}
    calls: dict[int, dict[str, Any]] = {}
    for chunk in chunks:
        assert "error" not in chunk, chunk
        delta = chunk["choices"][0]["delta"]
        message["content"] += delta.get("content") or ""
        for piece in delta.get("tool_calls", []):
            made = calls.setdefault(piece["index"], {"function": {"name": "", "arguments": ""}})
            made |= {name: piece[name] for name in ("id", "type") if name in piece}
            for name, text in piece["function"].items():
                made["function"][name] += text
        if "function_call" in delta:
            made = message.setdefault("function_call", {"name": "", "arguments": ""})
            for name, text in delta["function_call"].items():
                made[name] += text
    if calls:
        message["tool_calls"] = [calls[index] for index in sorted(calls)]
    return message, chunks[-1]["choices"][0]["finish_reason"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("tools", [NESTED, FLAT], ids=["nested", "flat"])
@pytest.mark.parametrize("order", [1, -1], ids=["in order", "out of order"])
async def test_a_loop_of_two_rounds(
    bridge: Bridge, standin: Standin, stream: bool, tools: list[dict[str, Any]], order: int
) -> None:
    standin.script(Forecaster())
    conversation: list[dict[str, Any]] = list(messages(QUESTION))
    for reason in ("tool_calls", "tool_calls", "stop"):
        message, finished = await answer_to(bridge, {"messages": conversation, "tools": tools}, stream=stream)
        assert finished == reason
        conversation.append(message)
        results = [
            {"role": "tool", "tool_call_id": made["id"], "content": worked(**made["function"])}
            for made in message.get("tool_calls", [])
        ]
        conversation += results[::order]
    assert conversation[-1]["content"] == VERDICT
    assert list(offered(standin.requests[-1].body)) == ["get_weather", "difference"]
    steps = [step[0] for step in steps_of(standin.requests[-1])]
    assert steps == [step[0] for step in WHOLE_STORY]
    assert len(standin.requests) == 3


def steps_of(recorded: Recorded) -> list[tuple[str, Any]]:
    """Returns what arrived: text, calls and results, in order."""
    steps: list[tuple[str, Any]] = []
    for message in spoken(recorded.body):
        for block in blocks_of(message["content"]):
            match block["type"]:
                case "text":
                    steps.append((message["role"], block["text"]))
                case "tool_use":
                    steps.append(("call", (block["name"], block["input"])))
                case "tool_result":
                    content = block.get("content") or ""
                    texts = [part["text"] if part["type"] == "text" else part for part in blocks_of(content)]
                    steps.append(("result", content if isinstance(content, str) else texts))
    return steps


def result_of(recorded: Recorded) -> Any:
    """Returns the content of the last result that arrived."""
    return [step for step in steps_of(recorded) if step[0] == "result"][-1][1]


def once(block: ToolUse) -> Any:
    """Calls a tool once, then answers."""

    def answer(recorded: Recorded) -> Script:
        has_result = any(step[0] == "result" for step in steps_of(recorded))
        return say("Done.") if has_result else Reply((block,), stop_reason="tool_use")

    return answer


@pytest.mark.parametrize("stream", [False, True])
async def test_a_loop_in_the_form_of_2023(bridge: Bridge, standin: Standin, stream: bool) -> None:
    standin.script(once(call("get_weather", {"city": "Oslo"})))
    conversation: list[dict[str, Any]] = list(messages("Weather?"))
    body = {"functions": [WEATHER], "function_call": "auto"}
    message, finished = await answer_to(bridge, {"messages": conversation, **body}, stream=stream)
    assert finished == "function_call"
    assert message["function_call"]["name"] == "get_weather"
    assert json.loads(message["function_call"]["arguments"]) == {"city": "Oslo"}
    conversation += [
        {"role": "assistant", "content": None, "function_call": message["function_call"]},
        {"role": "function", "name": "get_weather", "content": "9"},
    ]
    message, finished = await answer_to(bridge, {"messages": conversation, **body}, stream=stream)
    assert (message["content"], finished) == ("Done.", "stop")
    assert steps_of(standin.requests[-1])[1:] == [("call", ("get_weather", {"city": "Oslo"})), ("result", ["9"])]
    assert standin.requests[0].body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_that_takes_raw_text(bridge: Bridge, standin: Standin, stream: bool) -> None:
    patch = '*** Begin Patch\n+ "quoted" \\ 😀\ttab\u2028\n*** End Patch'
    standin.script(once(call("ApplyPatch", {"input": patch}, delta_size=3)))
    tools = [{"type": "custom", "name": "ApplyPatch", "description": "Edits.", "format": {"type": "text"}}]
    conversation: list[dict[str, Any]] = list(messages("Edit."))
    message, finished = await answer_to(bridge, {"messages": conversation, "tools": tools}, stream=stream)
    assert finished == "tool_calls"
    (made,) = message["tool_calls"]
    assert (made["type"], made["function"]) == ("function", {"name": "ApplyPatch", "arguments": patch})
    conversation += [message, {"role": "tool", "tool_call_id": made["id"], "content": "ok"}]
    message, _ = await answer_to(bridge, {"messages": conversation, "tools": tools}, stream=stream)
    assert message["content"] == "Done."
    assert ("call", ("ApplyPatch", {"input": patch})) in steps_of(standin.requests[-1])


CHOICES: list[tuple[dict[str, Any], Any]] = [
    ({}, None),
    ({"tool_choice": "auto"}, None),
    ({"tool_choice": "none"}, {"type": "none"}),
    ({"tool_choice": "required"}, {"type": "any"}),
    (
        {"tool_choice": {"type": "function", "function": {"name": "difference"}}},
        {"type": "tool", "name": "difference"},
    ),
    ({"tool_choice": {"type": "function", "name": "difference"}}, {"type": "tool", "name": "difference"}),
    ({"parallel_tool_calls": False}, {"type": "auto", "disable_parallel_tool_use": True}),
]


async def test_each_choice_arrives_and_does_not_stick(bridge: Bridge, standin: Standin) -> None:
    for fields, upstream in CHOICES:
        assert (await bridge.post({"messages": messages("hi"), "tools": NESTED, **fields})).status_code == 200
        assert standin.requests[-1].body.get("tool_choice") == upstream, fields
        assert len(offered(standin.requests[-1].body)) == 2
        assert (await bridge.post({"messages": messages("hi"), "tools": NESTED})).status_code == 200
        assert "tool_choice" not in standin.requests[-1].body
    assert (await bridge.chat("hi")).status_code == 200
    assert offered(standin.requests[-1].body) == {}


async def test_tools_arrive_as_they_were_written(bridge: Bridge, standin: Standin) -> None:
    schema = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {"a": {"$ref": "https://example.org/never.json"}, "b": {"type": "string", "pattern": "^(a+)+$"}},
        "required": ["b"],
        "additionalProperties": False,
        "x-own": ["é", "\u202e", "<tag>"],
    }
    description = "Line\r\nline <system>@/etc/passwd</system> /clear \u200f e\u0301 \x07 " + "x" * 10_000
    tool = {"type": "function", "function": {"name": "a_tool", "description": description, "parameters": schema}}
    assert (await bridge.post({"messages": messages("hi"), "tools": [tool]})).status_code == 200
    assert offered(standin.requests[-1].body)["a_tool"] == {
        "name": "a_tool",
        "description": description,
        "input_schema": schema,
    }


async def test_results_hold_words_and_pictures(bridge: Bridge, standin: Standin) -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/;base64,{PNG}"}}
    for content, arrived in [
        ("seen", ["seen"]),
        ("", ""),
        (None, ""),
        (" \n", " \n"),
        (
            ["a", {"type": "text", "text": "b"}, picture],
            [
                "a",
                "b",
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ],
        ),
    ]:
        made = {
            "id": "call_1",
            "type": "function",
            "function": {"name": "get_weather", "arguments": '{"city": "Oslo"}'},
        }
        conversation = [
            *messages("hi"),
            {"role": "assistant", "content": None, "tool_calls": [made]},
            {"role": "tool", "tool_call_id": "call_1", "name": "get_weather", "content": content},
        ]
        reply = await bridge.post({"messages": conversation, "tools": NESTED})
        assert reply.status_code == 200, reply.text
        assert result_of(standin.requests[-1]) == arrived


async def test_an_empty_list_of_tools_with_a_choice_is_a_plain_request(bridge: Bridge, standin: Standin) -> None:
    """The active fork of Talon's AI tools sends this."""
    body = {
        "messages": messages("hi"),
        "model": "gpt-5",
        "max_completion_tokens": 5000,
        "n": 1,
        "tools": [],
        "reasoning_effort": "minimal",
        "tool_choice": "auto",
        "verbosity": "low",
    }
    reply = await bridge.post(body)
    assert reply.status_code == 200
    assert offered(standin.requests[-1].body) == {}
    assert standin.requests[-1].body["output_config"] == {"effort": "low"}
    assert standin.requests[-1].body["max_tokens"] == 5000
