"""Calls, results and questions in forms that clients write, as the chat path takes them."""

import json
from typing import Any

import pytest

from server.conversation.parts import Text, ToolCall, ToolResult
from server.errors import InvalidRequest
from tests.server.dialects.test_other_forms import HI, parsed

AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
TIME = {"role": "system", "content": "It is 12:00."}
CALL = {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f"}}]}


def call(id_: str, **more: str) -> dict[str, Any]:
    return {"type": "function_call", "call_id": id_, "name": f"of_{id_}", "arguments": "{}", **more}


def output(id_: str, **more: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": id_, "output": f"result of {id_}", **more}


def results(body: dict[str, Any]) -> dict[str, str]:
    """The text of each result by the name of its tool."""
    parts = [part for message in parsed(body).messages for part in message.parts]
    names = {part.id: part.name for part in parts if isinstance(part, ToolCall)}
    found = {names[part.id]: part.parts for part in parts if isinstance(part, ToolResult)}
    return {name: "|".join(part.text for part in parts if isinstance(part, Text)) for name, parts in found.items()}


@pytest.mark.parametrize("in_calls", [True, False])
def test_a_role_in_a_call_or_an_output_changes_nothing(in_calls: bool) -> None:
    role = {"role": "assistant"} if in_calls else {}
    items = [HI, call("a", **role), call("b", **role), output("b", role="tool"), output("a", role="tool")]
    assert results({"input": items}) == {"of_a": "result of a", "of_b": "result of b"}


def test_an_items_type_may_be_a_role() -> None:
    system, result = {"type": "system", "content": "Be brief."}, {"type": "tool", "tool_call_id": "a", "content": "x"}
    request = parsed({"input": [system, {"type": "human", "content": "hi"}, call("a"), result]})
    assert request.profile.system == "Be brief."
    assert results({"input": [system, HI, call("a"), result]}) == {"of_a": "x"}


@pytest.mark.parametrize("field", ["messages", "input"])
def test_a_system_message_behind_the_question_does_not_make_it_history(field: str) -> None:
    question = {"role": "user", "content": [AUDIO]}
    with pytest.raises(InvalidRequest, match="Audio"):
        parsed({field: [HI, {"role": "assistant", "content": "Hello."}, question, TIME]})
    assert parsed({field: [question, TIME, HI, TIME]}).messages


@pytest.mark.parametrize(
    "output",
    [
        {"result": "ok"},
        {"output": {"type": "text", "value": "ok"}},
        {"output": {"type": "content", "value": [{"type": "text", "text": "ok"}]}},
    ],
)
def test_results_of_the_ai_sdk_are_matched_by_their_ids(output: dict[str, Any]) -> None:
    calls = [{"type": "tool-call", "toolCallId": id_, "toolName": id_, "args": {}} for id_ in "ab"]
    content = [{"type": "tool-result", "toolCallId": "b", "toolName": "b", **output}]
    content.append(
        {"type": "tool-result", "toolCallId": "a", "toolName": "a", "output": {"type": "json", "value": [1]}}
    )
    turns = [HI, {"role": "assistant", "content": calls}]
    assert results({"messages": [*turns, {"role": "tool", "content": content}]}) == {"a": "[1]", "b": "ok"}
    assert results({"messages": [*turns, {"role": "user", "content": content}]}) == {"a": "[1]", "b": "ok"}


def test_a_failed_result_of_the_ai_sdk_is_one() -> None:
    calls = [{"type": "tool-call", "toolCallId": "a", "toolName": "a", "args": {}}]
    failed = {"type": "tool-result", "toolCallId": "a", "output": {"type": "error-text", "value": "no"}}
    messages = [HI, {"role": "assistant", "content": calls}, {"role": "tool", "content": [failed]}]
    assert parsed({"messages": messages}).messages[-1].parts == (ToolResult("a", (Text("no"),), is_error=True),)


@pytest.mark.parametrize(
    "body",
    [
        {"input": [HI, call("f"), {"type": "function_call_output", "call_id": "f", "output": None, "result": "42"}]},
        {"messages": [HI, CALL, {"role": "tool", "tool_call_id": "c", "content": None, "output": None, "text": "42"}]},
        {"messages": [HI, CALL, {"role": "tool", "content": [None, {"type": "text", "text": "42"}, False]}]},
    ],
)
def test_null_beside_a_result_is_no_result(body: dict[str, Any]) -> None:
    assert list(results(body).values()) == ["42"]


@pytest.mark.parametrize("schema", ['{"enum": [NaN]}', "[" * 600 + "]" * 600])
def test_a_schema_as_text_has_the_limits_of_one_that_is_not(schema: str) -> None:
    text = f'{{"type": "object", "properties": {{"a": {{"const": {schema}}}}}, "required": ["a"]}}'
    for nested in ({"name": "x", "schema": text}, json.dumps({"name": "x", "schema": text})):
        with pytest.raises(InvalidRequest) as raised:
            parsed({"messages": [HI], "response_format": {"type": "json_schema", "json_schema": nested}})
        assert str(raised.value.param).startswith("response_format.json_schema")


@pytest.mark.parametrize("empty", [False, [], {}, ""])
def test_an_empty_format_or_system_prompt_counts_as_absent(empty: object) -> None:
    plain = parsed({"input": [HI]})
    for fields in ({"text": {"format": empty}}, {"response_format": empty}, {"instructions": empty}):
        assert parsed({"input": [HI], **fields}).messages == plain.messages
    messages = {"messages": [HI], "max_tokens": 5, "system": empty, "output_config": {"format": empty}}
    assert parsed({**messages, "stop_sequences": []}).profile.system == plain.profile.system
