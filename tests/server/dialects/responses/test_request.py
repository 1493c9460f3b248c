"""Requests of the Responses API: what the shared conversations do not cover."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ToolChoice
from server.dialects.responses.request import parse_responses, request_from_responses
from server.errors import InvalidRequest
from tests.pictures import PNG as PICTURE
from tests.server.web.cursor_bodies import (
    GRAMMAR,
    QUESTION,
    RESPONSES,
    RESPONSES_HISTORY,
    SYSTEM,
)

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
CALL = {"type": "function_call", "call_id": "c1", "name": "t", "arguments": "{}"}
RESULT = {"type": "function_call_output", "call_id": "c1", "output": "ok"}
TOOL = {"type": "function", "name": "t", "parameters": {"type": "object"}}


def request_of(body: dict[str, Any], **how: Any) -> ModelRequest:
    return request_from_responses(parse_responses(body), owner="local", **how)


def refusal(body: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        request_of(body)
    return caught.value


def test_cursors_first_request() -> None:
    request = request_of(RESPONSES)
    assert request.model == "gpt-5.1-codex-high"
    assert request.profile.system == SYSTEM
    assert request.profile.owner == "local"
    assert request.messages == (Message("user", (Text(QUESTION),)),)
    assert [(tool.name, tool.takes_text) for tool in request.profile.tools] == [
        ("ReadFile", False),
        ("AskUserQuestion", False),
        ("ApplyPatch", True),
    ]
    patch = request.profile.tools[2]
    assert patch.description == "Applies a patch."
    assert GRAMMAR in json.loads(patch.schema)["properties"]["input"]["description"]
    assert json.loads(patch.schema)["required"] == ["input"]
    settings = request.settings
    assert (settings.effort, settings.thinks, settings.shows_thinking) == ("medium", True, True)
    assert settings.tool_choice == ToolChoice("auto", "", parallel=True)
    assert set(request.ignored) == {"truncation", "metadata", "user", "text.verbosity", "tools[3] (web_search)"}


@pytest.mark.parametrize("question", ["Hi", [{"role": "user", "content": "Hi"}], [{"content": "Hi", "role": "user"}]])
def test_input_is_a_string_or_an_array_of_items(question: object) -> None:
    request = request_of({"input": question, "instructions": "Be brief."})
    assert request.messages == (Message("user", (Text("Hi"),)),)
    assert request.profile.system == "Be brief."


def test_format_limit_and_sampling() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    form = {"format": {"type": "json_schema", "name": "x", "schema": schema, "strict": True}}
    body = {"input": "Hi", "text": form, "max_output_tokens": 100, "temperature": 0.5, "reasoning": {"effort": "none"}}
    request = request_of(body)
    assert json.loads(request.settings.schema or "") == schema
    assert (request.settings.max_tokens, request.settings.thinks, request.settings.temperature) == (100, False, None)
    assert request.ignored == ("temperature",)
    forwarded = request_of(body, forwards_sampling=True)
    assert (forwarded.settings.temperature, forwarded.ignored) == (0.5, ())


def test_a_previous_response_is_refused_unless_the_input_is_a_whole_conversation() -> None:
    whole = request_of({"input": RESPONSES_HISTORY, "tools": RESPONSES["tools"], "previous_response_id": "resp_1"})
    assert "previous_response_id" in whole.ignored
    for part in ("And now?", [{"role": "user", "content": "And now?"}], [RESULT]):
        assert refusal({"input": part, "previous_response_id": "resp_1"}).param == "previous_response_id"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"input": 3}, "input"),
    ({"input": [3]}, "input[0]"),
    ({"input": [{"role": "user"}]}, "input[0].content"),
    ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input[0].content[0].image_url"),
    ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].file_data"),
    ({"input": [{"type": "item_reference", "id": "x"}]}, "input[0].type"),
    ({"input": "Hi", "tool_choice": "required"}, "tool_choice"),
    ({"input": "Hi", "text": {"format": {"type": "xml"}}}, "text.format.type"),
    ({"input": "Hi", "conversation": "conv_1"}, "conversation"),
]


@pytest.mark.parametrize(("body", "param"), WRONG)
def test_an_unsupported_request_names_the_field(body: dict[str, Any], param: str) -> None:
    assert refusal(body).param == param


@given(st.text(min_size=1).filter(lambda text: text.strip(" \t\r\n\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\ufeff") != ""))
def test_results_and_raw_calls_keep_their_text(text: str) -> None:
    call = {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": text}
    output = {"type": "custom_tool_call_output", "call_id": "c", "output": text}
    request = request_of({"input": [{"role": "user", "content": "Hi"}, call, output]})
    call_part, result_part = request.messages[1].parts[0], request.messages[2].parts[0]
    assert isinstance(call_part, ToolCall)
    assert json.loads(call_part.arguments) == {"input": text}
    assert result_part == ToolResult("c", (Text(text),))
