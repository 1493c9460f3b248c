"""Values that all request models refuse."""

import pytest

from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, ToolCall
from server.dialects.common.wire_types import MAX_DEPTH, JsonObject, JsonText, WireModel, validated
from server.errors import InvalidRequest
from server.large_json import MOST_VALUES


class Call(WireModel):
    """A call, as in a dialect."""

    arguments: JsonText = ""
    schema_: JsonObject | None = None


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels", [MAX_DEPTH, 800, 5000, 500_000])
def test_arguments_that_are_nested_too_deeply_are_refused(levels: int) -> None:
    with pytest.raises(InvalidRequest) as caught:
        validated(Call, {"arguments": f'{{"a": {nested(levels)}}}'})
    assert caught.value.param == "arguments"


def test_arguments_with_too_many_values_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="arguments contains more than 250,000 JSON values"):
        validated(Call, {"arguments": "[" + "1," * MOST_VALUES + "1]"})
    table = '["' + "1," * MOST_VALUES + '"]'
    assert validated(Call, {"arguments": table}).arguments == table


def test_an_object_that_is_nested_too_deeply_is_refused() -> None:
    value: dict[str, object] = {}
    for _ in range(5000):
        value = {"a": value}
    for field in ("arguments", "schema_"):
        with pytest.raises(InvalidRequest):
            validated(Call, {field: value})


@pytest.mark.parametrize(
    "text",
    [
        nested(MAX_DEPTH),
        '{"a": "' + "[{" * 5000 + '"}',
        '["\\"", "' + "[" * 5000 + '"]',
        "[" + "[]," * 5000 + "[]]",
        "for (;;) " + "{" * 5000,
    ],
)
def test_brackets_in_text_or_side_by_side_are_not_deep(text: str) -> None:
    assert validated(Call, {"arguments": text}).arguments == text


def test_a_deep_call_by_claude_has_a_conversation_key() -> None:
    call = ToolCall("a", "b", nested(5000))
    assert conversation_key([Message("assistant", (call,))], model=None)


@pytest.mark.parametrize("field", ["arguments", "schema_"])
def test_a_number_too_large_for_json_is_refused(field: str) -> None:
    with pytest.raises(InvalidRequest, match="too large") as caught:
        validated(Call, {field: {"maximum": float("inf")}})
    assert caught.value.param == field
