"""Reported requests whose tools have schemas that Claude's API refuses: what arrives upstream, and the reply."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from server.standin.script import Reply, Script, call, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, data_of, messages
from tests.whole.calling import blocks_of, offered, spoken

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLOCK = {"type": "object", "properties": {}}
PLACE = "filter_id__"
Schema = dict[str, Any]

TURN_ON: Schema = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("name", "area", "floor")},
    "anyOf": [{"required": ["name"]}, {"required": ["area"]}, {"required": ["floor"]}],
}
LIST_APPS: Schema = {
    "type": "object",
    "properties": {"filter[id]": {"type": "string"}, "limit": {"type": "integer"}},
    "required": ["filter[id]"],
}
NULLS: Schema = {
    "type": None,
    "properties": {"n": {"type": "string", "description": None, "enum": None}},
    "required": None,
    "additionalProperties": None,
}
LIST_OF_TYPES: Schema = {"type": ["object", "null"], "properties": {"x": {"type": "string"}}}
# The client's schema, the schema upstream (None: tested apart), and what of it is named.
CASES: dict[str, tuple[Schema, Schema, str | None]] = {
    "01": (
        TURN_ON,
        {
            "type": "object",
            "properties": TURN_ON["properties"],
            "description": "Give at least one of: name; area; floor.",
        },
        "anyOf",
    ),
    "05": (NULLS, {"type": "object", "properties": {"n": {"type": "string"}}}, None),
    "07": (LIST_OF_TYPES, {"type": "object", "properties": {"x": {"type": "string"}}}, None),
}
DEFINITIONS: dict[str, tuple[Callable[[str, Schema], dict[str, Any]], str]] = {
    "chat": (
        lambda name, schema: {"type": "function", "function": {"name": name, "parameters": schema}},
        "tools[1].function.parameters",
    ),
    "responses": (
        lambda name, schema: {"type": "function", "name": name, "parameters": schema},
        "tools[1].parameters",
    ),
    "messages": (lambda name, schema: {"name": name, "input_schema": schema}, "tools[1].input_schema"),
}


def body(dialect: str, conversation: list[dict[str, Any]], schema: Schema, **more: Any) -> dict[str, Any]:
    """Returns a request with two tools, of which `act` has the schema."""
    define, _ = DEFINITIONS[dialect]
    tools = [define("read_clock", CLOCK), define("act", schema)]
    field = "input" if dialect == "responses" else "messages"
    limit = {"max_tokens": 1000} if dialect == "messages" else {}
    return {"model": "sonnet", field: conversation, "tools": tools, **limit, **more}


@pytest.mark.parametrize("dialect", DEFINITIONS)
@pytest.mark.parametrize("case", CASES)
async def test_a_schema_arrives_as_claudes_api_takes_it(
    bridge: Bridge, standin: Standin, dialect: str, case: str
) -> None:
    schema, expected, changed = CASES[case]
    reply = await bridge.post(body(dialect, messages("SAY hello"), schema))
    assert reply.status_code == 200, reply.text
    assert reply.json()["choices"][0]["message"]["content"] == "Hello from the stand-in."
    tools = offered(standin.requests[-1].body)
    assert tools["read_clock"]["input_schema"] == CLOCK
    assert tools["act"]["input_schema"] == expected
    place = DEFINITIONS[dialect][1]
    assert reply.headers.get("x-drawbridge-ignored") == (changed and f"{place}.{changed}")


def legal_name(recorded: Recorded) -> str:
    """Returns the name upstream of the property `filter[id]`."""
    properties = offered(recorded.body)["act"]["input_schema"]["properties"]
    (name,) = properties.keys() - {"limit"}
    return str(name)


def calls_once(recorded: Recorded) -> Script:
    """Calls `act` under the name that it was offered with, then answers."""
    blocks = [block for message in spoken(recorded.body) for block in blocks_of(message["content"])]
    if any(block["type"] == "tool_result" for block in blocks):
        return say("Done.")
    arguments = {legal_name(recorded): '7, "filter_id"', "limit": 2, "more": {legal_name(recorded): 1}}
    return Reply((call("act", arguments, delta_size=3),), stop_reason="tool_use")


async def called(bridge: Bridge, request: dict[str, Any], *, stream: bool) -> dict[str, Any]:
    """Returns the call of the reply, assembled as clients do."""
    if not stream:
        reply = await bridge.post(request)
        assert reply.status_code == 200, reply.text
        made: dict[str, Any] = reply.json()["choices"][0]["message"]["tool_calls"][0]
        return made
    async with bridge.client.stream("POST", "/chat/completions", json={**request, "stream": True}) as response:
        assert response.status_code == 200, await response.aread()
        chunks = data_of([line async for line in response.aiter_lines()])
    parts = [part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert len(parts) > 3
    arguments = "".join(part["function"].get("arguments", "") for part in parts)
    return {"id": parts[0]["id"], "type": "function", "function": {"name": "act", "arguments": arguments}}


def with_result(dialect: str, made: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns the conversation of the second round."""
    question = messages("List them")
    arguments = made["function"]["arguments"]
    match dialect:
        case "chat":
            result = {"role": "tool", "tool_call_id": made["id"], "content": "none"}
            return [*question, {"role": "assistant", "content": None, "tool_calls": [made]}, result]
        case "responses":
            item = {"type": "function_call", "call_id": made["id"], "name": "act", "arguments": arguments}
            return [*question, item, {"type": "function_call_output", "call_id": made["id"], "output": "none"}]
        case _:
            block = {"type": "tool_use", "id": made["id"], "name": "act", "input": json.loads(arguments)}
            result = {"type": "tool_result", "tool_use_id": made["id"], "content": "none"}
            return [*question, {"role": "assistant", "content": [block]}, {"role": "user", "content": [result]}]


@pytest.mark.parametrize("dialect", DEFINITIONS)
@pytest.mark.parametrize("stream", [False, True])
async def test_arguments_have_the_clients_names(bridge: Bridge, standin: Standin, dialect: str, stream: bool) -> None:
    standin.script(calls_once)
    made = await called(bridge, body(dialect, messages("List them"), LIST_APPS), stream=stream)
    legal = legal_name(standin.requests[0])
    assert legal.startswith(PLACE)
    upstream = offered(standin.requests[0].body)["act"]["input_schema"]
    assert upstream == {
        "type": "object",
        "properties": {legal: {"title": "filter[id]", "type": "string"}, "limit": {"type": "integer"}},
        "required": [legal],
    }
    arguments = json.loads(made["function"]["arguments"])
    assert arguments == {"filter[id]": '7, "filter_id"', "limit": 2, "more": {legal: 1}}

    followed = await bridge.post(body(dialect, with_result(dialect, made), LIST_APPS))
    assert followed.status_code == 200, followed.text
    assert followed.headers["x-drawbridge-way"] == "continued"
    assert followed.json()["choices"][0]["message"]["content"] == "Done."
    assert input_of_the_call(standin.requests[-1]) == {legal: '7, "filter_id"', "limit": 2, "more": {legal: 1}}

    # A call that this server never made: the history is replayed.
    replayed = {**made, "id": "call_other"}
    followed = await bridge.post(body(dialect, with_result(dialect, replayed), LIST_APPS))
    assert followed.status_code == 200, followed.text
    assert followed.headers["x-drawbridge-way"] != "continued"
    assert input_of_the_call(standin.requests[-1]) == {legal: '7, "filter_id"', "limit": 2, "more": {legal: 1}}


def input_of_the_call(recorded: Recorded) -> Any:
    """Returns the input of the only call in the history that arrived."""
    blocks = [block for message in spoken(recorded.body) for block in blocks_of(message["content"])]
    (arrived,) = [block["input"] for block in blocks if block["type"] == "tool_use"]
    return arrived


@pytest.mark.parametrize("dialect", DEFINITIONS)
async def test_a_tool_that_is_not_an_objects_is_named(bridge: Bridge, standin: Standin, dialect: str) -> None:
    reply = await bridge.post(body(dialect, messages("hi"), {"type": "array", "items": {}}))
    error = reply.json()["error"]
    assert (reply.status_code, error["param"]) == (400, f"{DEFINITIONS[dialect][1]}.type")
    assert "'act'" in error["message"]
    assert standin.requests == []


@pytest.mark.parametrize("dialect", DEFINITIONS)
async def test_the_same_tool_twice_arrives_once(bridge: Bridge, standin: Standin, dialect: str) -> None:
    define, _ = DEFINITIONS[dialect]
    for other, ignored in ((CLOCK, None), (LIST_OF_TYPES, "tools[1]")):
        request = body(dialect, messages("SAY hello"), CLOCK)
        request["tools"][1] = define("read_clock", other)
        reply = await bridge.post(request)
        assert reply.status_code == 200, reply.text
        assert reply.headers.get("x-drawbridge-ignored") == ignored
        assert [tool["input_schema"] for tool in offered(standin.requests[-1].body).values()] == [CLOCK]
