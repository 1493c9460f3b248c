"""The Responses API's requests as turns."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.parts import Document, Image, Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ToolChoice
from server.dialects.responses.request import parse_responses, request_from_responses
from server.errors import InvalidRequest
from tests.pictures import PNG as PICTURE
from tests.server.web.cursor_bodies import (
    ASK_ID,
    GRAMMAR,
    PATCH,
    QUESTION,
    READ_ID,
    RESPONSES,
    RESPONSES_HISTORY,
    SYSTEM,
)

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
CALL = {"type": "function_call", "call_id": "c1", "name": "t", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
TOOL = {"type": "function", "name": "t", "parameters": {"type": "object"}}


def turn_of(body: dict[str, Any], **how: Any) -> ModelRequest:
    return request_from_responses(parse_responses(body), owner="local", **how)


def refusal(body: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        turn_of(body)
    return caught.value


def test_cursors_first_request_is_a_turn_with_its_own_tools() -> None:
    turn = turn_of(RESPONSES)
    assert turn.model == "gpt-5.1-codex-high"
    assert turn.profile.system == SYSTEM
    assert turn.profile.owner == "local"
    assert turn.messages == (Message("user", (Text(QUESTION),)),)
    assert [(tool.name, tool.takes_text) for tool in turn.profile.tools] == [
        ("ReadFile", False),
        ("AskUserQuestion", False),
        ("ApplyPatch", True),
    ]
    patch = turn.profile.tools[2]
    assert patch.description == "Applies a patch."
    assert GRAMMAR in json.loads(patch.schema)["properties"]["input"]["description"]
    assert json.loads(patch.schema)["required"] == ["input"]
    settings = turn.settings
    assert (settings.effort, settings.thinks, settings.shows_thinking) == ("medium", True, True)
    assert settings.tool_choice == ToolChoice("auto", "", parallel=True)
    assert set(turn.ignored) == {"truncation", "metadata", "user", "text.verbosity", "tools[3] (web_search)"}


def test_cursors_history_has_its_true_roles_ids_and_raw_texts() -> None:
    turn = turn_of({**RESPONSES, "input": RESPONSES_HISTORY})
    assert turn.messages == (
        Message("user", (Text(QUESTION),)),
        Message(
            "assistant",
            (
                ToolCall(READ_ID, "ReadFile", '{"path": "x.py"}'),
                ToolCall("call_patch", "ApplyPatch", json.dumps({"input": PATCH})),
            ),
        ),
        Message("user", (ToolResult(READ_ID, (Text("a = 1\n"),)), ToolResult("call_patch", (Text("Done!"),)))),
        Message(
            "assistant",
            (
                Text("Is that all?"),
                ToolCall(ASK_ID, "AskUserQuestion", '{"path": "-"}'),
                ToolCall(READ_ID, "ReadFile", '{"path": "y.py"}'),
            ),
        ),
        Message("user", (ToolResult(ASK_ID, (Text("Yes"),)), ToolResult(READ_ID, ()), Text("Thanks. And now?"))),
    )


def test_raw_text_that_comes_back_as_a_functions_arguments_is_raw_text() -> None:
    """Cursor gets the patch as the arguments of a function, and may send it back so."""
    call = {"type": "function_call", "call_id": "p", "name": "ApplyPatch", "arguments": PATCH}
    output = {"type": "function_call_output", "call_id": "p", "output": "Done!"}
    turn = turn_of({**RESPONSES, "input": [*RESPONSES["input"], call, output]})
    assert turn.messages[1].parts == (ToolCall("p", "ApplyPatch", json.dumps({"input": PATCH})),)


@pytest.mark.parametrize("question", ["Hi", [{"role": "user", "content": "Hi"}], [{"content": "Hi", "role": "user"}]])
def test_input_is_a_text_or_items(question: object) -> None:
    turn = turn_of({"input": question, "instructions": "Be brief."})
    assert turn.messages == (Message("user", (Text("Hi"),)),)
    assert turn.profile.system == "Be brief."


def test_instructions_stand_before_the_systems_items() -> None:
    items = [{"role": "developer", "content": "two"}, {"role": "user", "content": "Hi"}]
    assert turn_of({"input": items, "instructions": "one"}).profile.system == "one\ntwo"


def test_pictures_and_files_are_told_by_their_bytes() -> None:
    parts = [
        {"type": "input_image", "image_url": f"data:;base64,{PNG}", "detail": "auto"},
        {"type": "input_image", "image_url": "https://example.org/x.png"},
        {"type": "input_file", "file_data": PDF, "filename": "x.pdf"},
        {"type": "input_file", "file_url": "https://example.org/x.pdf"},
        {"type": "input_text", "text": "What is it?"},
    ]
    turn = turn_of({"input": [{"role": "user", "content": parts}, CALL, {**RESULT, "output": parts[:1]}]})
    assert turn.messages[0].parts == (
        Image("image/png", PNG),
        Image(url="https://example.org/x.png"),
        Document("application/pdf", PDF, title="x.pdf"),
        Document(url="https://example.org/x.pdf"),
        Text("What is it?"),
    )
    assert turn.messages[2].parts == (ToolResult("c1", (Image("image/png", PNG),)),)


CHOICES: list[tuple[object, ToolChoice, int]] = [
    (None, ToolChoice(), 2),
    ("none", ToolChoice("none"), 2),
    ("required", ToolChoice("any"), 2),
    ({"type": "function", "name": "t"}, ToolChoice("tool", "t"), 2),
    ({"type": "custom", "name": "u"}, ToolChoice("tool", "u"), 2),
    ({"type": "auto"}, ToolChoice(), 2),
    ({"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "t"}]}, ToolChoice("any"), 1),
]


@pytest.mark.parametrize(("wanted", "meant", "left"), CHOICES)
def test_what_may_be_called(wanted: object, meant: ToolChoice, left: int) -> None:
    tools = [TOOL, {"type": "custom", "name": "u"}]
    turn = turn_of({"input": "Hi", "tools": tools, "tool_choice": wanted})
    assert turn.settings.tool_choice == meant
    assert len(turn.profile.tools) == left


def test_one_call_at_a_time_and_a_nested_tool() -> None:
    nested = {"type": "function", "function": {"name": "t", "description": "T.", "parameters": {"type": "object"}}}
    turn = turn_of({"input": "Hi", "tools": [nested], "parallel_tool_calls": False})
    assert turn.settings.tool_choice.parallel is False
    assert [(tool.name, tool.description) for tool in turn.profile.tools] == [("t", "T.")]


def test_the_form_the_limit_and_the_sampling() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = {"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}}
    body = {"input": "Hi", "text": form, "max_output_tokens": 100, "temperature": 0.5, "reasoning": {"effort": "none"}}
    turn = turn_of(body)
    assert json.loads(turn.settings.schema or "") == schema
    assert (turn.settings.max_tokens, turn.settings.thinks, turn.settings.temperature) == (100, False, None)
    assert turn.ignored == ("temperature",)
    forwarded = turn_of(body, forwards_sampling=True)
    assert (forwarded.settings.temperature, forwarded.ignored) == (0.5, ())


def test_a_previous_response_is_missed_only_where_the_input_is_no_whole_conversation() -> None:
    whole = turn_of({"input": RESPONSES_HISTORY, "tools": RESPONSES["tools"], "previous_response_id": "resp_1"})
    assert "previous_response_id" in whole.ignored
    for part in ("And now?", [{"role": "user", "content": "And now?"}], [RESULT]):
        assert refusal({"input": part, "previous_response_id": "resp_1"}).param == "previous_response_id"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "input"),
    ({"input": []}, "input"),
    ({"input": 3}, "input"),
    ({"input": [3]}, "input[0]"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
    ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input[0].content[0].type"),
    (
        {"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
        "input[0].content[0].file_id",
    ),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
    ({"input": [{"role": "user", "content": "\ud800"}]}, "input[0].content"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
    ({"input": [{"role": "user", "content": "Hi"}, CALL]}, "input"),
    ({"input": [{"role": "user", "content": "Hi"}, RESULT]}, "input"),
    ({"input": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Ho"}]}, "input[1]"),
    (
        {"input": [{"role": "assistant", "content": [{"type": "input_image", "image_url": "https://e.org/x"}]}]},
        "input[0].content[0]",
    ),
    ({"input": "Hi", "tools": [{"type": "function"}]}, "tools[0].name"),
    ({"input": "Hi", "tools": [TOOL, TOOL]}, "tools[1]"),
    ({"input": "Hi", "tool_choice": "required"}, "tool_choice"),
    ({"input": "Hi", "tools": [TOOL], "tool_choice": {"type": "function", "name": "u"}}, "tool_choice"),
    ({"input": "Hi", "tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
    ({"input": "Hi", "reasoning": {"effort": "much"}}, "reasoning.effort"),
    ({"input": "Hi", "text": {"format": {"type": "json_object"}}}, "text.format.type"),
    ({"input": "Hi", "text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
    ({"input": "Hi", "conversation": "conv_1"}, "conversation"),
    ({"input": "Hi", "max_output_tokens": 0}, "max_output_tokens"),
]


@pytest.mark.parametrize(("body", "param"), WRONG)
def test_what_cannot_be_asked_is_refused_by_its_place(body: dict[str, Any], param: str) -> None:
    assert refusal(body).param == param


@given(st.text(min_size=1).filter(lambda text: text.strip(" \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\ufeff") != ""))
def test_no_text_is_changed_in_a_result_or_a_raw_call(text: str) -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": text}
    output = {"type": "custom_tool_call_output", "call_id": "c", "output": text}
    turn = turn_of({"input": [{"role": "user", "content": "Hi"}, call, output]})
    said, got = turn.messages[1].parts[0], turn.messages[2].parts[0]
    assert isinstance(said, ToolCall)
    assert json.loads(said.arguments) == {"input": text}
    assert got == ToolResult("c", (Text(text),))
