"""The Messages API's requests as turns."""

import base64
import json
from typing import Any

import pytest

from server.conversation.parts import Document, Image, Message, RedactedThinking, Text, Thinking, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ToolChoice
from server.dialects.messages.request import parse_messages, request_from_messages
from server.errors import InvalidRequest
from tests.pictures import PNG as PICTURE
from tests.server.web.cursor_bodies import (
    APPLY_PATCH,
    ASK_ID,
    GRAMMAR,
    MESSAGES,
    MESSAGES_HISTORY,
    PARAMETERS,
    PATCH,
    QUESTION,
    READ_ID,
    SYSTEM,
)

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
HI = [{"role": "user", "content": "Hi"}]
TOOL = {"name": "t", "input_schema": {"type": "object"}}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "t", "input": {}}]}


def turn_of(body: dict[str, Any], **how: Any) -> ModelRequest:
    return request_from_messages(parse_messages(body), owner="local", **how)


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def test_cursors_first_request_is_a_turn_without_its_cache_marks() -> None:
    turn = turn_of(MESSAGES)
    assert turn.model == "claude-4.6-opus-high-thinking"
    assert turn.profile.system == SYSTEM
    assert turn.messages == (Message("user", (Text(QUESTION),)),)
    assert [(tool.name, tool.takes_text) for tool in turn.profile.tools] == [
        ("ReadFile", False),
        ("AskUserQuestion", False),
        ("ApplyPatch", True),
    ]
    assert json.loads(turn.profile.tools[0].schema) == PARAMETERS
    assert GRAMMAR in json.loads(turn.profile.tools[2].schema)["properties"]["input"]["description"]
    assert (turn.settings.effort, turn.settings.max_tokens, turn.settings.shows_thinking) == (None, 8192, False)
    assert set(turn.ignored) == {"temperature", "metadata"}


def test_cursors_history_has_its_true_roles_ids_and_raw_texts() -> None:
    turn = turn_of({**MESSAGES, "messages": MESSAGES_HISTORY})
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


def test_raw_text_that_comes_back_as_an_input_is_raw_text() -> None:
    call = {"type": "tool_use", "id": "p", "name": "ApplyPatch", "input": PATCH}
    result = {"type": "tool_result", "tool_use_id": "p", "content": "Done!"}
    turns = [*HI, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    turn = turn_of({"messages": turns, "tools": [APPLY_PATCH]})
    assert turn.messages[1].parts == (ToolCall("p", "ApplyPatch", json.dumps({"input": PATCH})),)


def test_pictures_and_documents_in_questions_and_results() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}}
    blocks: list[dict[str, Any]] = [
        image,
        {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/;base64,{PNG}"}},
        {"type": "document", "title": "x", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    ]
    turn = turn_of(user(*blocks))
    assert turn.messages[0].parts == (
        Image("image/png", PNG),
        Image(url="https://example.org/x.png"),
        Image("image/png", PNG),
        Document("application/pdf", PDF, title="x"),
        Document("text/plain", "words"),
    )
    result = {"type": "tool_result", "tool_use_id": "c1", "is_error": True, "content": [image]}
    answered = turn_of({"messages": [*HI, CALL, {"role": "user", "content": [result]}]})
    assert answered.messages[-1].parts == (ToolResult("c1", (Image("image/png", PNG),), is_error=True),)


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}]])
def test_an_error_without_a_word_is_refused_by_its_place_and_an_empty_result_is_not(content: object) -> None:
    result = {"type": "tool_result", "tool_use_id": "c1", "content": content}
    answered = turn_of({"messages": [*HI, CALL, {"role": "user", "content": [result]}]})
    assert answered.messages[-1].parts == (ToolResult("c1", ()),)
    with pytest.raises(InvalidRequest) as caught:
        turn_of({"messages": [*HI, CALL, {"role": "user", "content": [{**result, "is_error": True}]}]})
    assert caught.value.param == "messages[2].content[0].content"


def test_sealed_thoughts_go_back_and_others_are_left_out() -> None:
    thoughts = [
        {"type": "thinking", "thinking": "hm", "signature": "seal"},
        {"type": "redacted_thinking", "data": "secret"},
        {"type": "thinking", "thinking": "unsealed", "signature": ""},
        {"type": "text", "text": "Ho"},
    ]
    turn = turn_of({"messages": [*HI, {"role": "assistant", "content": thoughts}, *HI]})
    assert turn.messages[1].parts == (
        Thinking("hm", "seal"),
        RedactedThinking("secret"),
        Text("Ho"),
    )


CHOICES: list[tuple[object, ToolChoice]] = [
    ({"type": "auto"}, ToolChoice()),
    ({"type": "any"}, ToolChoice("any")),
    ({"type": "none"}, ToolChoice("none")),
    ({"type": "tool", "name": "t"}, ToolChoice("tool", "t")),
    ({"type": "auto", "disable_parallel_tool_use": True}, ToolChoice(parallel=False)),
    ("auto", ToolChoice()),
    ("required", ToolChoice("any")),
]


@pytest.mark.parametrize(("wanted", "meant"), CHOICES)
def test_what_may_be_called(wanted: object, meant: ToolChoice) -> None:
    assert turn_of({"messages": HI, "tools": [TOOL], "tool_choice": wanted}).settings.tool_choice == meant


def test_tools_of_anthropics_own_are_left_out_and_named() -> None:
    tools = [{"type": "web_search_20250305", "name": "web_search"}, {"type": "custom", **TOOL}]
    turn = turn_of({"messages": HI, "tools": tools})
    assert [tool.name for tool in turn.profile.tools] == ["t"]
    assert turn.ignored == ("tools[0] (web_search_20250305)",)


def test_effort_thinking_form_limits_and_sampling() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    body = {
        "messages": HI,
        "output_config": {"effort": "xhigh", "format": {"type": "json_schema", "schema": schema}},
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "stop_sequences": ["END", "  "],
        "top_p": 0.5,
    }
    settings = turn_of(body).settings
    assert (settings.effort, settings.thinks, settings.shows_thinking) == ("xhigh", True, True)
    assert json.loads(settings.schema or "") == schema
    assert (settings.stop_sequences, settings.top_p) == (("END",), None)
    assert turn_of(body).ignored == ("top_p", "stop_sequences", "thinking.budget_tokens")
    assert turn_of(body, forwards_sampling=True).settings.top_p == 0.5
    assert turn_of({**body, "thinking": {"type": "disabled"}}).settings.thinks is False


def test_a_system_message_among_the_others_is_part_of_the_prompt() -> None:
    assert (
        turn_of({"system": "one", "messages": [{"role": "system", "content": "two"}, *HI]}).profile.system == "one\ntwo"
    )


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].role"),
    ({"messages": HI, "system": 3}, "system"),
    (user({"type": "search_result"}), "messages[0].content[0].type"),
    (user({"type": "image", "source": {"type": "file", "file_id": "f"}}), "messages[0].content[0].source"),
    (user({"type": "image", "source": {"type": "base64"}}), "messages[0].content[0].source.data"),
    (user({"type": "image", "source": {"type": "base64", "data": "AAAA"}}), "messages[0].content[0].source.data"),
    (user({"type": "tool_use", "id": "c", "name": "t", "input": {}}), "messages[0].content[0]"),
    (user({"type": "tool_result", "tool_use_id": "nobody's"}), "messages"),
    (user({"type": "text", "text": " "}), "messages[0].content"),
    ({"messages": [*HI, CALL, *HI]}, "messages"),
    ({"messages": [*HI, {"role": "assistant", "content": "Ho"}]}, "messages[1]"),
    ({"messages": HI, "tools": [{"name": "t"}]}, "tools[0].input_schema"),
    ({"messages": HI, "tools": [{"input_schema": {}}]}, "tools[0].name"),
    ({"messages": HI, "tools": [TOOL, TOOL]}, "tools[1]"),
    ({"messages": HI, "tools": [TOOL], "tool_choice": {"type": "tool", "name": "u"}}, "tool_choice"),
    ({"messages": HI, "tool_choice": {"type": "any"}}, "tool_choice"),
    ({"messages": HI, "tools": [TOOL], "tool_choice": {"type": "sometimes"}}, "tool_choice"),
    ({"messages": HI, "output_config": {"effort": "much"}}, "output_config.effort"),
    ({"messages": HI, "output_config": {"format": {"type": "json_schema"}}}, "output_config.format"),
]


@pytest.mark.parametrize(("body", "param"), WRONG)
def test_what_cannot_be_asked_is_refused_by_its_place(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        turn_of(body)
    assert caught.value.param == param
