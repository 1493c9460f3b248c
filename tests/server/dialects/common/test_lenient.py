"""Values that mean "not given", and numbers and booleans in strings."""

import json
from typing import Any

import pytest

from server.conversation.parts import ToolResult
from server.conversation.request import ModelRequest
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.common.lenient import number_in
from server.dialects.common.options import WithoutEffect, sampling_value
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.responses.request import parse_responses, request_from_responses
from server.errors import InvalidRequest

HELLO = {"role": "user", "content": "Hello"}


def chat(*, forwards: bool = False, **fields: object) -> ModelRequest:
    return request_from_chat(parse_chat({"messages": [HELLO], **fields}), owner="me", forwards_sampling=forwards)


@pytest.mark.parametrize("value", [-1, -1.0, "", "auto", "Default", "-1", None, " "])
def test_words_for_not_given_set_no_limit(value: object) -> None:
    assert chat(max_tokens=value).settings.max_tokens is None
    assert chat(max_completion_tokens=value, max_tokens=5).settings.max_tokens == 5
    assert chat(n=value).choices == 1
    responses = parse_responses({"input": "hi", "max_output_tokens": value})
    assert request_from_responses(responses, owner="me").settings.max_tokens is None
    messages = parse_messages({"messages": [HELLO], "max_tokens": value})
    assert request_from_messages(messages, owner="me").settings.max_tokens is None


@pytest.mark.parametrize(("value", "expected"), [("100", 100), (" 7 ", 7), ("100.0", 100), (100.0, 100)])
def test_an_integer_in_a_string_is_taken(value: object, expected: int) -> None:
    assert chat(max_tokens=value).settings.max_tokens == expected


def test_a_boolean_in_a_string_is_taken() -> None:
    assert parse_chat({"messages": [HELLO], "stream": "True"}).stream is True
    assert parse_chat({"messages": [HELLO], "stream": "false"}).stream is False
    assert chat(n="2").choices == 2


ODD: list[object] = ["x", -7, 3.5, True, [], {"a": 1}, "42", ["x"]]


@pytest.mark.parametrize("value", ODD, ids=json.dumps)
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_any_value_of_a_field_without_effect_is_named(dialect: str, value: object) -> None:
    body = {"input": "hi"} if dialect == "responses" else {"messages": [HELLO]}
    parse = {"chat": parse_chat, "responses": parse_responses, "messages": parse_messages}[dialect]
    fields = type(parse(body)).model_fields.items()
    marks = {name: mark for name, field in fields for mark in field.metadata if isinstance(mark, WithoutEffect)}
    assert len(marks) > 7
    full = {**body, **dict.fromkeys(marks, value)}
    if dialect == "chat":
        request = request_from_chat(parse_chat(full), owner="me")
    elif dialect == "responses":
        request = request_from_responses(parse_responses(full), owner="me")
    else:
        request = request_from_messages(parse_messages(full), owner="me")
    assert set(request.ignored) == {name for name, mark in marks.items() if value not in mark.neutral}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0.3, 0.3), ("0.7", 0.7), (1, 1.0), (1.7, 1.0), (-1, None), ("x", None), (True, None), ([], None), (1e400, None)],
)
def test_sampling_is_forwarded_where_claude_takes_it(value: object, expected: float | None) -> None:
    assert sampling_value(value) == expected
    request = chat(forwards=True, temperature=value)
    assert request.settings.temperature == expected
    assert request.ignored == (() if expected == number_in(value) and expected is not None else ("temperature",))


ON: list[object] = [1, 1.0, "1", "true", "True ", "yes", "on"]
OFF: list[object] = [0, 0.0, "0", "false", "FALSE", "no", "off"]


@pytest.mark.parametrize("value", [*ON, *OFF], ids=json.dumps)
@pytest.mark.parametrize("dialect", ["chat", "responses", "messages"])
def test_every_boolean_is_taken_as_a_number_or_a_word(dialect: str, value: object) -> None:
    body = {"input": "hi"} if dialect == "responses" else {"messages": [HELLO]}
    parse = {"chat": parse_chat, "responses": parse_responses, "messages": parse_messages}[dialect]
    parsed: Any = parse({**body, "stream": value, "stream_options": {"include_usage": value}})
    assert (parsed.stream, parsed.stream_options.include_usage) == (value in ON, value in ON)


@pytest.mark.parametrize("value", [*ON, *OFF], ids=json.dumps)
def test_booleans_of_tools_are_taken_as_numbers_or_words(value: object) -> None:
    strict = chat(
        tools=[{"type": "function", "function": {"name": "look", "strict": value}}], parallel_tool_calls=value
    )
    assert ("tools[].function.strict" in strict.ignored) == (value in ON)
    assert strict.settings.tool_choice.parallel == (value in ON)
    turns = [
        HELLO,
        {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "look", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "x", "is_error": value}]},
    ]
    choice = {"type": "auto", "disable_parallel_tool_use": value}
    tools = [{"name": "look", "input_schema": {"type": "object"}}]
    parsed = request_from_messages(
        parse_messages({"messages": turns, "tools": tools, "tool_choice": choice}), owner="me"
    )
    (result,) = parsed.messages[-1].parts
    assert isinstance(result, ToolResult)
    assert result.is_error == (value in ON)
    assert parsed.settings.tool_choice.parallel == (value in OFF)


@pytest.mark.parametrize("value", ["", "auto", "null", None])
def test_words_for_not_given_leave_a_booleans_default(value: object) -> None:
    assert parse_chat({"messages": [HELLO], "stream": value, "parallel_tool_calls": value}) == parse_chat(
        {"messages": [HELLO]}
    )
    assert parse_responses({"input": "hi", "parallel_tool_calls": value}).parallel_tool_calls is True


ARRAYS_AND_OBJECTS = {
    "chat": (
        *("stream_options", "tools", "tool_choice", "functions", "function_call", "response_format", "modalities"),
        "output_config",
    ),
    "responses": ("stream_options", "tools", "tool_choice", "response_format", "text"),
    "messages": ("stream_options", "tools", "tool_choice", "output_config"),
}


@pytest.mark.parametrize("value", ["", [], {}, False], ids=json.dumps)
@pytest.mark.parametrize("dialect", ARRAYS_AND_OBJECTS)
def test_an_empty_array_or_object_of_any_type_is_not_given(dialect: str, value: object) -> None:
    body = {"input": "hi"} if dialect == "responses" else {"messages": [HELLO]}
    parse = {"chat": parse_chat, "responses": parse_responses, "messages": parse_messages}[dialect]
    for name in ARRAYS_AND_OBJECTS[dialect]:
        assert parse({**body, name: value}) == parse(body), name


@pytest.mark.parametrize("value", ["", [], {}, False], ids=json.dumps)
def test_a_message_without_calls_may_write_them_in_any_type(value: object) -> None:
    turn = {"role": "assistant", "content": "x", "tool_calls": value, "function_call": value}
    expected = parse_chat({"messages": [HELLO, {"role": "assistant", "content": "x"}, HELLO]})
    assert parse_chat({"messages": [HELLO, turn, HELLO]}) == expected


@pytest.mark.parametrize("value", ["text", "Text", ["text"], ["TEXT"]], ids=json.dumps)
def test_modalities_that_mean_text(value: object) -> None:
    assert chat(modalities=value) == chat()


@pytest.mark.parametrize("value", ["audio", ["text", "audio"]], ids=json.dumps)
def test_other_modalities_are_refused(value: object) -> None:
    with pytest.raises(InvalidRequest) as caught:
        chat(modalities=value)
    assert caught.value.param == "modalities"


@pytest.mark.parametrize("value", ["Required", " required", "ANY"])
def test_a_tool_choice_in_any_case(value: str) -> None:
    tools = [{"type": "function", "function": {"name": "look"}}]
    assert chat(tools=tools, tool_choice=value).settings.tool_choice.mode == "any"
