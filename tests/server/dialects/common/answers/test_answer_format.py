"""Answers in JSON: structured outputs where they express the schema, else a call of the answer tool."""

import json
import random
from typing import Any

import pytest

from server.conversation.request import ModelRequest, Tool, ToolChoice
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.common.answers.answer_format import ANSWER_TOOL, OutputFormat, answer_from
from server.dialects.common.answers.answer_unwrapper import AnswerUnwrapper
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.responses.request import parse_responses, request_from_responses
from server.errors import InvalidRequest

HELLO = {"role": "user", "content": "Hello"}
MAP = {"type": "object", "properties": {"tags": {"type": "object", "additionalProperties": {"type": "string"}}}}
PLAIN = {"type": "object", "properties": {"a": {"type": "null"}}, "required": ["a"], "additionalProperties": False}


def in_every_dialect(kind: str | None, schema: object) -> list[ModelRequest]:
    flat = {"type": kind, "schema": schema, "name": "x", "strict": True}
    nested = {"type": kind, "json_schema": {"name": "x", "schema": schema}}
    bare = {"type": kind, "json_schema": schema}
    return [
        *(
            request_from_chat(parse_chat({"messages": [HELLO], "response_format": form}), owner="me")
            for form in (flat, nested, *([bare] if isinstance(schema, dict) and "type" in schema else []))
        ),
        request_from_responses(parse_responses({"input": "Hi", "text": {"format": flat}}), owner="me"),
        request_from_messages(parse_messages({"messages": [HELLO], "output_config": {"format": flat}}), owner="me"),
    ]


@pytest.mark.parametrize("kind", ["json_schema", "json_object"])
def test_an_expressible_schema_is_a_structured_output(kind: str) -> None:
    for request in in_every_dialect(kind, PLAIN):
        assert json.loads(request.settings.schema or "") == PLAIN
        assert request.profile.tools == ()
        assert request.answer is not None
        assert (json.loads(request.answer.schema or ""), request.answer.tool) == (PLAIN, None)


@pytest.mark.parametrize("kind", ["json_schema", "json_object"])
def test_another_schema_is_that_of_the_answer_tool(kind: str) -> None:
    for request in in_every_dialect(kind, MAP):
        (tool,) = request.profile.tools
        assert (tool.name, json.loads(tool.schema)) == (ANSWER_TOOL, MAP)
        assert request.settings.tool_choice == ToolChoice("tool", ANSWER_TOOL, parallel=False)
        assert request.settings.schema is None
        assert request.answer is not None
        assert (request.answer.tool, request.answer.is_wrapped) == (ANSWER_TOOL, False)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "array", "items": {"type": "object", "additionalProperties": {"type": "integer"}}},
        {"anyOf": [MAP, {"type": "object"}]},
        {"$ref": "#/$defs/Tree", "$defs": {"Tree": {"type": "object", "properties": {"t": {"$ref": "#/$defs/Tree"}}}}},
        {"type": "object", "properties": {"filter[id]": {}}},
        {"description": "Anything."},
        {"type": "string", "not": {"const": "x"}},
    ],
    ids=str,
)
def test_a_schema_that_is_no_plain_object_is_wrapped(schema: dict[str, Any]) -> None:
    for request in in_every_dialect("json_schema", schema):
        (tool,) = request.profile.tools
        taken = json.loads(tool.schema)
        assert (taken["type"], taken["required"], [*taken["properties"]]) == ("object", ["answer"], ["answer"])
        assert taken["properties"]["answer"] == {name: value for name, value in schema.items() if name != "$defs"}
        assert taken.get("$defs") == schema.get("$defs")
        assert request.answer is not None
        assert request.answer.is_wrapped


def test_references_into_a_wrapped_schema_still_point_into_it() -> None:
    schema = {"type": ["object", "null"], "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/properties/a"}}}
    wanted = answer_from(OutputFormat.model_validate({"type": "json_schema", "schema": schema}), "f", is_nested=False)
    assert wanted.tool is not None
    inner = json.loads(wanted.tool.schema)["properties"]["answer"]["properties"]
    assert inner == {"a": {"$ref": "#/properties/answer"}, "b": {"$ref": "#/properties/answer/properties/a"}}


@pytest.mark.parametrize(
    "form", ["json_object", "json", {"type": "json_object"}, {"type": "json_object", "schema": {}}]
)
def test_any_object(form: object) -> None:
    request = request_from_chat(parse_chat({"messages": [HELLO], "response_format": form}), owner="me")
    assert [json.loads(tool.schema) for tool in request.profile.tools] == [
        {"type": "object", "additionalProperties": True}
    ]


@pytest.mark.parametrize("form", ["text", "", "auto", {}, {"type": "text"}, None])
def test_plain_text(form: object) -> None:
    request = request_from_chat(parse_chat({"messages": [HELLO], "response_format": form}), owner="me")
    assert (request.answer, request.profile.tools, request.settings.schema) == (None, (), None)


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InvalidRequest, match=r"response_format\.type must be"):
        request_from_chat(parse_chat({"messages": [HELLO], "response_format": {"type": "xml"}}), owner="me")


def test_a_required_call_of_the_clients_own_tool_goes_first() -> None:
    wanted = answer_from(OutputFormat.model_validate({"type": "json_schema", "schema": MAP}), "f", is_nested=False)
    own = (Tool("look", "", "{}"),)
    assert wanted.offered(ToolChoice("any"), own) == (ToolChoice("any"), own, None)
    choice, tools, answer = wanted.offered(ToolChoice(), own)
    assert (choice.mode, [tool.name for tool in tools], answer is not None) == ("any", ["look", ANSWER_TOOL], True)


VALUES = ["[1, 2]", '"a } , \\" \\\\"', "true", "-1.5e3", "null", '{"a": {"b": [1, "}"]}, "c": ""}', "[]", '"\\u00e9"']


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("seed", range(5))
def test_the_value_is_taken_out_of_the_arguments_at_every_split(value: str, seed: int) -> None:
    chance = random.Random(seed)
    for text in (f'{{"answer": {value}}}', f' {{ "answer"  :\n{value} \n}} ', f'{{"answer":{value}, "more": [1]}}'):
        at = sorted(chance.sample(range(len(text)), 4))
        chunks = [text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]
        unwrapper = AnswerUnwrapper()
        assert "".join([*map(unwrapper.feed, chunks), unwrapper.end()]) == value


def test_the_value_is_streamed() -> None:
    unwrapper = AnswerUnwrapper()
    assert [unwrapper.feed(chunk) for chunk in ('{"answer"', ": [1,", " 2", "]", "}")] == ["", "[1,", " 2", "]", ""]


@pytest.mark.parametrize("text", ["{}", '{"other": 1}', "", '{"answers": 1}'])
def test_other_arguments_are_not_lost(text: str) -> None:
    unwrapper = AnswerUnwrapper()
    assert "".join([*map(unwrapper.feed, text), unwrapper.end()]) == text
