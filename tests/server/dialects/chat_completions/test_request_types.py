"""Errors for fields of a wrong type name the field and never repeat what the client sent."""

from collections.abc import ItemsView
from typing import ClassVar

import pytest

from server.dialects.chat_completions.request import parse_chat
from server.dialects.chat_completions.request_types import ChatRequest
from server.errors import InvalidRequest

SECRET = "what-the-client-sent"
HELLO = {"role": "user", "content": "Hello"}
HALF = "\ud83d"
FILE = "messages[0].content[0].file"


def refusal(body: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        parse_chat(body)
    return caught.value


@pytest.mark.parametrize("body", [None, [], "x", 1, True, [HELLO]])
def test_a_body_that_is_not_an_object_is_refused(body: object) -> None:
    error = refusal(body)
    assert (error.message, error.param) == ("The request body must be a JSON object.", None)


@pytest.mark.parametrize(
    ("body", "param", "text"),
    [
        ({}, "messages", "is required"),
        ({"messages": None}, "messages", "is required"),
        ({"messages": SECRET}, "messages", "must be an array"),
        ({"messages": [SECRET]}, "messages[0]", "must be an object"),
        ({"messages": [None]}, "messages[0]", "must be an object"),
        ({"messages": [{"content": SECRET}]}, "messages[0].role", "is required"),
        ({"messages": [HELLO, {"role": 1}]}, "messages[1].role", "must be one of 'system', 'developer', 'user'"),
        ({"messages": [{"role": SECRET}]}, "messages[0].role", "must be one of 'system', 'developer', 'user'"),
        ({"messages": [{"role": "user", "content": [{"type": "file", "file": 5}]}]}, FILE, "must be an object"),
        (
            {"messages": [HELLO, HELLO, {"role": "user", "content": [{"type": "document", "source": {}}]}]},
            "messages[2].content[0].source.type",
            "is required",
        ),
        ({"messages": [HELLO], "system": 5}, "system", "must be a string or an array of text blocks"),
        ({"messages": [{"role": "assistant", "tool_calls": SECRET}]}, "messages[0].tool_calls", "must be an array"),
    ],
)
def test_an_error_in_the_messages_names_the_path(body: object, param: str, text: str) -> None:
    error = refusal(body)
    assert error.param == param
    assert error.message.startswith(f"{param} {text}")
    assert SECRET not in str(error)


@pytest.mark.parametrize(
    ("content", "texts"),
    [
        (5, ["5"]),
        (True, ["true"]),
        ({"temp": 5}, ['{"temp": 5}']),
        ([5, {"temp": 5}], ['[5, {"temp": 5}]']),
        ({"text": "a"}, ["a"]),
        ({"type": "text", "text": "a"}, ["a"]),
        ([{"text": "a"}, {"temp": 5}], ["a", '{"temp": 5}']),
        ([{"type": "text", "text": 5}], ["5"]),
        ([{"type": "Text", "text": "a"}, {"type": "text", "text": {"value": "b", "annotations": []}}], ["a", "b"]),
        ([{"type": "text", "content": "a"}, {"type": "text", "value": "b"}], ["a", "b"]),
        (["a", {"type": "text", "text": None}, {"type": "text"}, None, False], ["a", "", "", "", ""]),
    ],
)
def test_odd_content_is_the_text_that_it_means(content: object, texts: list[str]) -> None:
    """No message of this kind may end a conversation for good."""
    (parsed,) = parse_chat({"messages": [{"role": "user", "content": content}]}).messages
    parts = [parsed.content] if isinstance(parsed.content, str) else parsed.content or []
    assert [part if isinstance(part, str) else getattr(part, "text", part) for part in parts] == texts


@pytest.mark.parametrize(
    ("field", "value", "param", "text"),
    [
        ("model", 5, "model", "must be a string"),
        ("stream", "loud", "stream", "must be a boolean"),
        ("stream", 2, "stream", "must be a boolean"),
        ("stream_options", True, "stream_options", "must be an object"),
        ("stream_options", {"include_usage": "maybe"}, "stream_options.include_usage", "must be a boolean"),
        ("max_tokens", 0, "max_tokens", "must be greater than 0"),
        ("max_tokens", True, "max_tokens", "must be an integer"),
        ("max_tokens", "ten", "max_tokens", "must be an integer"),
        ("max_tokens", 1.5, "max_tokens", "must be an integer"),
        ("max_tokens", 10**400, "max_tokens", "must be at most 2147483647"),
        ("max_tokens", float("inf"), "max_tokens", "must be an integer"),
        ("max_completion_tokens", 0, "max_completion_tokens", "must be greater than 0"),
        ("stop", 5, "stop", "must be a string or an array of strings"),
        ("stop", ["a", 5], "stop[1]", "must be a string"),
        ("n", 0, "n", "must be at least 1"),
        ("n", "one", "n", "must be an integer"),
        ("tools", {"name": "x"}, "tools", "must be an array"),
        ("response_format", 5, "response_format", "must be an object"),
    ],
)
def test_a_field_of_a_wrong_type_is_named(field: str, value: object, param: str, text: str) -> None:
    error = refusal({"messages": [HELLO], field: value})
    assert (error.param, error.message) == (param, f"{param} {text}.")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({"messages": [{"role": "user", "content": f"a{HALF}"}]}, "messages[0].content"),
        ({"messages": [{"role": "system", "content": [HALF]}]}, "messages[0].content[0]"),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "refusal", "refusal": HALF}]}]},
            "messages[0].content[0].refusal",
        ),
        ({"messages": [{"role": "assistant", "refusal": HALF}]}, "messages[0].refusal"),
        ({"messages": [HELLO], "model": HALF}, "model"),
        ({"messages": [HELLO], "stop": HALF}, "stop"),
        ({"messages": [HELLO], "stop": ["a", HALF]}, "stop[1]"),
    ],
)
def test_half_of_a_surrogate_pair_is_replaced_and_named(body: dict[str, object], place: str) -> None:
    """Claude Code would silently replace it by another character."""
    parsed = parse_chat(body)
    parsed.model_dump_json().encode()
    assert "\ufffd" in str(parsed)
    assert parsed.repaired == (f"{place} (half of a surrogate pair)",)


def test_null_is_absent_everywhere() -> None:
    fields = [name for name in ChatRequest.model_fields if name != "messages"]
    message = {**HELLO, "name": None, "tool_calls": None, "function_call": None, "refusal": None, "audio": None}
    body = {"messages": [message], **dict.fromkeys(fields)}
    assert parse_chat(body) == parse_chat({"messages": [HELLO]})


class Watched(dict[str, object]):
    """A message without a role that records when it is read."""

    reads: ClassVar[list[object]] = []

    def items(self) -> ItemsView[str, object]:  # type: ignore[override] # the type of dict's own view has no public name
        self.reads.append(self)
        return super().items()


def test_validation_stops_at_the_first_error() -> None:
    """A body with millions of wrong entries must not produce millions of errors."""
    assert refusal({"messages": [HELLO, *(Watched(content="x") for _ in range(100))]}).param == "messages[1].role"
    assert len(Watched.reads) == 1


def test_the_type_has_a_json_schema() -> None:
    assert set(ChatRequest.model_json_schema()["required"]) == {"messages"}
