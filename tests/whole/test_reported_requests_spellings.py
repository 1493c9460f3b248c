"""Requests in the spellings of other servers and SDKs: what they ask for arrives upstream, or is named."""

import base64
import json
from typing import Any

import pytest

from server.standin.script import Reply, call, say
from server.standin.server import Standin
from tests.pictures import PNG
from tests.whole.bridge import Bridge, conversation_of, messages
from tests.whole.calling import blocks_of, form_of, offered, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

WEATHER: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
PICTURE = base64.b64encode(PNG).decode()


@pytest.mark.parametrize("field", ["parameters", "input_schema", "inputSchema", "parametersJsonSchema"])
@pytest.mark.parametrize("dialect", ["chat", "nested", "responses", "messages"])
async def test_a_tools_schema_under_any_known_name_arrives(
    bridge: Bridge, standin: Standin, dialect: str, field: str
) -> None:
    tool: dict[str, Any] = {"name": "get_weather", field: WEATHER}
    body: dict[str, Any] = {"messages": messages("hi"), "tools": [tool]}
    match dialect:
        case "nested":
            body["tools"] = [{"type": "function", "function": tool}]
        case "responses":
            body = {"input": "hi", "tools": [{"type": "function", **tool}]}
        case "messages":
            body |= {"system": "Be brief.", "max_tokens": 100}
    reply = await bridge.post(body)
    assert reply.status_code == 200, reply.text
    assert "x-drawbridge-ignored" not in reply.headers
    assert offered(standin.requests[-1].body)["get_weather"]["input_schema"] == WEATHER


async def test_lists_of_types_with_null_arrive_as_types(bridge: Bridge, standin: Standin) -> None:
    given = {"a": {"type": ["string", None]}, "b": {"type": "string|null"}, "c": {"type": "string"}}
    function = {"name": "act", "parameters": {"type": "object", "properties": given}}
    reply = await bridge.chat("hi", tools=[{"type": "function", "function": function}])
    assert (reply.status_code, reply.headers.get("x-drawbridge-ignored")) == (200, None)
    both = {"type": ["string", "null"]}
    properties = offered(standin.requests[-1].body)["act"]["input_schema"]["properties"]
    assert properties == {"a": both, "b": both, "c": {"type": "string"}}


async def test_a_schema_of_the_answer_as_json_text_arrives(bridge: Bridge, standin: Standin) -> None:
    schema = {**WEATHER, "additionalProperties": False}
    standin.script(lambda _: say('{"city": "Oslo"}'))
    for given in ({"json_schema": {"name": "x", "schema": json.dumps(schema)}}, {"schema": json.dumps(schema)}):
        reply = await bridge.chat("hi", response_format={"type": "json_schema", **given})
        assert reply.status_code == 200, reply.text
        assert form_of(standin.requests[-1].body) == schema


async def test_a_property_that_requires_itself_is_required(bridge: Bridge, standin: Standin) -> None:
    # Draft 3's form.
    schema = {"type": "object", "properties": {"city": {"type": "string", "required": True}}}
    standin.script(lambda recorded: Reply((call(*_answer(recorded.body)),), stop_reason="tool_use"))
    reply = await bridge.chat("hi", response_format={"type": "json_schema", "json_schema": {"schema": schema}})
    assert reply.json()["choices"][0]["message"]["content"] == '{"city": "Oslo"}'
    (tool,) = offered(standin.requests[-1].body).values()
    assert tool["input_schema"] == WEATHER


def _answer(body: Any) -> tuple[str, dict[str, Any]]:
    return str(body["tool_choice"]["name"]), {"city": "Oslo"}


@pytest.mark.parametrize(
    "message",
    [
        {"content": "hi", "images": [PICTURE]},
        {"content": "hi", "images": [f"data:image/png;base64,{PICTURE}"]},
        {"content": ["hi", {"type": "image", "image": f"data:image/png;base64,{PICTURE}"}]},
        {"content": ["hi", {"type": "image", "data": PICTURE, "mimeType": "image/png"}]},
    ],
)
async def test_a_picture_in_other_apis_form_arrives(bridge: Bridge, standin: Standin, message: dict[str, Any]) -> None:
    reply = await bridge.post({"messages": [{"role": "user", **message}]})
    assert reply.status_code == 200, reply.text
    text, picture = blocks_of(spoken(standin.requests[-1].body)[-1]["content"])
    assert text["text"] == "hi"
    assert picture["source"] == {"type": "base64", "media_type": "image/png", "data": PICTURE}


async def test_fields_of_other_servers_are_named(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    plain = standin.requests[-1].body
    odd: dict[str, Any] = {
        "guided_json": WEATHER,
        "repetition_penalty": 1.2,
        "provider": {"order": ["x"]},
        "a\r\nb: c": 1,
    }
    neutral: dict[str, Any] = {
        "min_p": False,
        "cache_prompt": False,
        "transforms": [],
        "tool_choice": "default",
        "seed": "",
        "stop": {},
    }
    reply = await bridge.chat("hi", **odd, **neutral)
    assert reply.status_code == 200, reply.text
    assert reply.headers["x-drawbridge-ignored"] == "guided_json, repetition_penalty, provider, a??b: c"
    assert "b" not in reply.headers
    for name in ("messages", "tools", "output_config", "max_tokens"):
        assert standin.requests[-1].body.get(name) == plain.get(name)


@pytest.mark.parametrize(
    ("name", "answering"), [("CLAUDE-OPUS-4-5", "claude-opus-4-5"), ("opus4.5", "claude-opus-4-5")]
)
async def test_other_spellings_of_a_version_mean_that_version(
    bridge: Bridge, standin: Standin, name: str, answering: str
) -> None:
    reply = await bridge.chat("hi", model=name)
    assert reply.status_code == 200, reply.text
    assert standin.requests[-1].body["model"] == answering


async def test_a_history_with_calls_arrives_without_the_tools(bridge: Bridge, standin: Standin) -> None:
    made = {"id": "call_1", "type": "function", "function": {"name": "read_clock", "arguments": "{}"}}
    conversation: list[dict[str, Any]] = [
        *messages("time?"),
        {"role": "assistant", "content": None, "tool_calls": [made]},
        {"role": "tool", "tool_call_id": "call_1", "content": "12:00"},
    ]
    reply = await bridge.post({"messages": conversation})
    assert reply.status_code == 200, reply.text
    assert offered(standin.requests[-1].body) == {}
    _, calling, result = spoken(standin.requests[-1].body)
    assert [(block["name"], block["input"]) for block in blocks_of(calling["content"])] == [("read_clock", {})]
    assert blocks_of(result["content"])[0]["content"] == [{"type": "text", "text": "12:00"}]


@pytest.mark.parametrize(
    "reasoning",
    [
        {"reasoning_content": "Two and two."},
        {"reasoning": "Two and two."},
        {"reasoning_details": [{"type": "reasoning.text", "text": "Two and two."}]},
    ],
)
async def test_reasoning_that_comes_back_is_not_said(
    bridge: Bridge, standin: Standin, reasoning: dict[str, Any]
) -> None:
    conversation: list[dict[str, Any]] = messages("2+2?", "4", "and 3?")
    conversation[1] |= reasoning
    reply = await bridge.post({"messages": conversation})
    assert reply.status_code == 200, reply.text
    assert conversation_of(standin.requests[-1].body) == [("user", "2+2?"), ("assistant", "4"), ("user", "and 3?")]
    assert "Two and two" not in json.dumps(standin.requests[-1].body)


async def test_a_limit_over_the_models_becomes_the_models(bridge: Bridge, standin: Standin) -> None:
    reply = await bridge.chat("hi", max_tokens=1_000_000)
    assert reply.status_code == 200, reply.text
    assert standin.requests[-1].body["max_tokens"] == 128_000
