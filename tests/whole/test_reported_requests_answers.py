"""Reported requests for answers in JSON: what schema arrives upstream, and what the client gets."""

import json
from typing import Any

import pytest

from server.standin.script import Reply, Script, call, say
from server.standin.server import Recorded, Standin
from tests.whole.bridge import Bridge, data_of, text_of
from tests.whole.calling import form_of
from tests.whole.others import makes_others_wait

pytestmark = pytest.mark.asyncio(loop_scope="module")

CAT = {"type": "object", "properties": {"kind": {"const": "cat", "type": "string"}}, "required": ["kind"]}
DOG = {"type": "object", "properties": {"kind": {"const": "dog", "type": "string"}}, "required": ["kind"]}


def closed(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


def wanted(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}


def answering(value: object) -> Any:
    """A script that gives `value` as the input of the offered answer tool."""

    def script(recorded: Recorded) -> Script:
        tool = recorded.body["tools"][-1]  # type: ignore[index]
        given = {"answer": value} if "answer" in tool["input_schema"].get("properties", {}) else value
        return Reply((call(tool["name"], given, delta_size=3),), stop_reason="tool_use")  # type: ignore[arg-type]

    return script


async def test_a_tagged_union(bridge: Bridge, standin: Standin) -> None:
    mapping = {"cat": "#/$defs/Cat", "dog": "#/$defs/Dog"}
    union = {
        "discriminator": {"mapping": mapping, "propertyName": "kind"},
        "oneOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}],
    }
    schema = {**closed(pet=union), "$defs": {"Cat": CAT, "Dog": DOG}}
    standin.script(lambda recorded: say('{"pet": {"kind": "cat"}}'))
    reply = await bridge.chat("hi", response_format=wanted(schema))
    assert reply.status_code == 200, reply.text
    pet = form_of(dict(standin.requests[-1].body))["properties"]["pet"]
    assert pet == {"anyOf": [{"$ref": "#/$defs/Cat"}, {"$ref": "#/$defs/Dog"}]}
    assert "properties.pet.discriminator" in reply.headers["x-drawbridge-ignored"]


async def test_nullable(bridge: Bridge, standin: Standin) -> None:
    number = {"type": "number", "nullable": True}
    standin.script(lambda recorded: say('{"lower": null, "upper": 1}'))
    reply = await bridge.chat("hi", response_format=wanted(closed(lower=number, upper=number)))
    assert reply.json()["choices"][0]["message"]["content"] == '{"lower": null, "upper": 1}'
    lower = form_of(dict(standin.requests[-1].body))["properties"]["lower"]
    assert lower == {"anyOf": [{"type": "number"}, {"type": "null"}]}


TREE = {"type": "object", "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/Tree"}}}}
BY_TOOL: list[tuple[dict[str, Any], object]] = [
    # A map, as pydantic and as zod write it.
    (closed(tags={"type": "object", "additionalProperties": {"type": "string"}}), {"tags": {"a b": "c"}}),
    (
        closed(
            tags={
                "type": "object",
                "propertyNames": {"type": "string"},
                "additionalProperties": {"type": "string"},
            }
        ),
        {"tags": {}},
    ),
    # A tree, whose top is a reference or not.
    ({"$ref": "#/$defs/Tree", "$defs": {"Tree": TREE}}, {"children": [{"children": []}]}),
    ({**closed(root={"$ref": "#/$defs/Tree"}), "$defs": {"Tree": TREE}}, {"root": {}}),
    # Any, a tuple, a list of maps, an enumeration at the top.
    (closed(any={}, all={"title": "All"}), {"any": [1], "all": None}),
    (closed(pair={"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]}), {"pair": ["a", 1]}),
    ({"type": "array", "items": {"type": "object", "additionalProperties": True}}, [{"a": 1}, {}]),
    ({"not": {"const": "x"}, "type": "string"}, 'a "quoted"} one'),
]


@pytest.mark.parametrize("number", range(len(BY_TOOL)))
async def test_what_structured_outputs_cannot_say_is_asked_for_by_a_tool(
    bridge: Bridge, standin: Standin, number: int
) -> None:
    schema, value = BY_TOOL[number]
    standin.script(answering(value))
    reply = await bridge.chat("hi", response_format=wanted(schema))
    assert reply.status_code == 200, reply.text
    choice = reply.json()["choices"][0]
    assert (json.loads(choice["message"]["content"]), choice["finish_reason"]) == (value, "stop")
    assert "tool_calls" not in choice["message"]
    body: dict[str, Any] = dict(standin.requests[-1].body)
    assert form_of(body) is None
    (tool,) = body["tools"]
    assert body["tool_choice"] == {"type": "tool", "name": tool["name"], "disable_parallel_tool_use": True}
    arrived = tool["input_schema"]
    inner = arrived["properties"]["answer"] if arrived.get("required") == ["answer"] else arrived
    expected = {name: item for name, item in schema.items() if name != "$defs" or inner is arrived}
    assert inner == expected
    lines = await bridge.stream("hi", response_format=wanted(schema))
    assert json.loads(text_of(lines)) == value
    assert data_of(lines)[-1]["choices"][0]["finish_reason"] == "stop"


async def test_every_place_of_a_schema(bridge: Bridge, standin: Standin) -> None:
    schema = closed(city={"type": "string"})
    standin.script(lambda recorded: say('{"city": "Oslo"}'))
    for form in (
        {"type": "json_object", "schema": schema},
        {"type": "json_schema", "schema": schema},
        {"type": "json_schema", "name": "x", "strict": True, "schema": schema},
        wanted(schema),
    ):
        reply = await bridge.chat("hi", response_format=form)
        assert reply.json()["choices"][0]["message"]["content"] == '{"city": "Oslo"}'
        assert form_of(dict(standin.requests[-1].body)) == schema


async def test_the_clients_own_tools_beside_the_answer_tool(bridge: Bridge, standin: Standin) -> None:
    schema, value = BY_TOOL[0]
    look = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    fields: dict[str, Any] = {"response_format": wanted(schema), "tools": [look]}
    standin.script(Reply((call("look", {}, id="toolu_1"),), stop_reason="tool_use"), answering(value))
    first = (await bridge.chat("hi", **fields)).json()["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    body: dict[str, Any] = dict(standin.requests[-1].body)
    assert [tool["name"] for tool in body["tools"]] == ["look", "drawbridge_json_answer"]
    assert body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    call_id = first["message"]["tool_calls"][0]["id"]
    history = [{"role": "user", "content": "hi"}, first["message"]]
    history.append({"role": "tool", "tool_call_id": call_id, "content": "seen"})
    second = (await bridge.post({"messages": history, **fields})).json()["choices"][0]
    assert (json.loads(second["message"]["content"]), second["finish_reason"]) == (value, "stop")


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": ["array", "array"], "items": schema}
    return closed(a=schema)


def chained(length: int) -> dict[str, Any]:
    definitions: dict[str, Any] = {f"D{n}": closed(a={"$ref": f"#/$defs/D{n + 1}"}) for n in range(length)}
    return {**closed(a={"$ref": "#/$defs/D0"}), "$defs": {**definitions, f"D{length}": {"type": "string"}}}


async def test_no_schema_makes_others_wait(bridge: Bridge, standin: Standin) -> None:
    await bridge.chat("hi")
    for schema in (nested(40), chained(1000)):

        async def ask(schema: dict[str, Any] = schema) -> None:
            reply = await bridge.chat("hi", response_format=wanted(schema))
            assert reply.status_code in {200, 400}

        assert not await makes_others_wait(bridge, ask)


async def test_an_answer_that_misses_the_schema_is_told(bridge: Bridge, standin: Standin) -> None:
    schema = closed(age={"type": "integer", "minimum": 1})
    standin.script(lambda recorded: say('{"age": 0}'))
    reply = await bridge.chat("hi", response_format=wanted(schema))
    assert reply.headers["x-drawbridge-schema"] == "mismatch at /age"
    assert reply.json()["choices"][0]["message"]["content"] == '{"age": 0}'
    assert "does not match the schema of the request: minimum" in bridge.log
    assert text_of(await bridge.stream("hi", response_format=wanted(schema))) == '{"age": 0}'
    standin.script(lambda recorded: say('{"age": 5}'))
    assert "x-drawbridge-schema" not in (await bridge.chat("hi", response_format=wanted(schema))).headers
    tags = BY_TOOL[0][0]
    standin.script(answering({"tags": {"a": 5}}))
    reply = await bridge.chat("hi", response_format=wanted(tags))
    assert reply.headers["x-drawbridge-schema"] == "mismatch at /tags/a"


async def test_the_other_formats_on_the_chat_path(bridge: Bridge, standin: Standin) -> None:
    schema, value = BY_TOOL[6]
    form = {"type": "json_schema", "name": "x", "schema": schema}
    look = {"name": "look", "input_schema": {"type": "object", "properties": {}}}
    bodies: list[dict[str, Any]] = [
        {"input": "hi", "text": {"format": form}, "reasoning": {"effort": "ultra"}},
        {
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [look],
            "tool_choice": {"type": "none"},
            "output_config": {"format": form, "effort": "ultra"},
        },
    ]
    for body in bodies:
        standin.script(answering(value))
        reply = await bridge.post(body)
        assert reply.status_code == 200, reply.text
        choice = reply.json()["choices"][0]
        assert (json.loads(choice["message"]["content"]), choice["finish_reason"]) == (value, "stop")
        assert "effort" in reply.headers["x-drawbridge-ignored"]
        assert standin.requests[-1].body["tool_choice"]["name"] == "drawbridge_json_answer"  # type: ignore[index]
