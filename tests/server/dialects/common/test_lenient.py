"""Values that mean "not given", and numbers and booleans in strings."""

import json

import pytest

from server.conversation.request import ModelRequest
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.dialects.common.lenient import number_in
from server.dialects.common.options import WithoutEffect, sampling_value
from server.dialects.messages.request import parse_messages, request_from_messages
from server.dialects.responses.request import parse_responses, request_from_responses

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
