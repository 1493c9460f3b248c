"""Requests of the Messages API: what the shared conversations do not cover."""

import base64
import json
from typing import Any

import pytest

from server.conversation.parts import Document, Image, Message, Text, ToolResult
from server.conversation.request import ModelRequest
from server.dialects.common.content.reader import EMPTY_ERROR
from server.dialects.messages.request import parse_messages, request_from_messages
from server.errors import InvalidRequest
from tests.pictures import PNG as PICTURE
from tests.server.web.cursor_bodies import (
    GRAMMAR,
    MESSAGES,
    PARAMETERS,
    QUESTION,
    SYSTEM,
)

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
HI = [{"role": "user", "content": "Hi"}]
TOOL = {"name": "t", "input_schema": {"type": "object"}}
CALL = {"role": "assistant", "content": [{"type": "tool_use", "id": "c1", "name": "t", "input": {}}]}


def request_of(body: dict[str, Any], **how: Any) -> ModelRequest:
    return request_from_messages(parse_messages(body), owner="local", **how)


def user(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(blocks)}]}


def test_cursors_first_request_loses_its_cache_marks() -> None:
    request = request_of(MESSAGES)
    assert request.model == "claude-4.6-opus-high-thinking"
    assert request.profile.system == SYSTEM
    assert request.messages == (Message("user", (Text(QUESTION),)),)
    assert [(tool.name, tool.takes_text) for tool in request.profile.tools] == [
        ("ReadFile", False),
        ("AskUserQuestion", False),
        ("ApplyPatch", True),
    ]
    assert json.loads(request.profile.tools[0].schema) == PARAMETERS
    assert GRAMMAR in json.loads(request.profile.tools[2].schema)["properties"]["input"]["description"]
    assert (request.settings.effort, request.settings.max_tokens, request.settings.shows_thinking) == (
        None,
        8192,
        False,
    )
    assert set(request.ignored) == {"temperature", "metadata"}


def test_images_and_documents_in_user_messages_and_results() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}}
    blocks: list[dict[str, Any]] = [
        image,
        {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
        {"type": "image_url", "image_url": {"url": f"data:image/;base64,{PNG}"}},
        {"type": "document", "title": "x", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}},
    ]
    request = request_of(user(*blocks))
    assert request.messages[0].parts == (
        Image("image/png", PNG),
        Image(url="https://example.org/x.png"),
        Image("image/png", PNG),
        Document("application/pdf", PDF, title="x"),
        Document("text/plain", "words"),
    )
    result = {"type": "tool_result", "tool_use_id": "c1", "is_error": True, "content": [image]}
    answered = request_of({"messages": [*HI, CALL, {"role": "user", "content": [result]}]})
    assert answered.messages[-1].parts == (ToolResult("c1", (Image("image/png", PNG),), is_error=True),)


@pytest.mark.parametrize("content", ["", [], [{"type": "text", "text": ""}]])
def test_an_empty_error_gets_a_text_and_an_empty_result_does_not(content: object) -> None:
    """Claude's API refuses an error without text."""
    result = {"type": "tool_result", "tool_use_id": "c1", "content": content}
    answered = request_of({"messages": [*HI, CALL, {"role": "user", "content": [result]}]})
    assert answered.messages[-1].parts == (ToolResult("c1", ()),)
    failed = request_of({"messages": [*HI, CALL, {"role": "user", "content": [{**result, "is_error": True}]}]})
    assert failed.messages[-1].parts == (ToolResult("c1", (Text(EMPTY_ERROR),), is_error=True),)


def test_effort_thinking_format_stops_and_sampling() -> None:
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
    settings = request_of(body).settings
    assert (settings.effort, settings.thinks, settings.shows_thinking) == ("xhigh", True, True)
    assert json.loads(settings.schema or "") == schema
    assert (settings.stop_sequences, settings.top_p) == (("END",), None)
    assert request_of(body).ignored == ("top_p", "thinking.budget_tokens")
    assert request_of(body).cut_at == ("  ",)
    assert request_of(body, forwards_sampling=True).settings.top_p == 0.5
    assert request_of({**body, "thinking": {"type": "disabled"}}).settings.thinks is False


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"messages": HI, "system": 3}, "system"),
    (user({"type": "image", "source": {"type": "base64"}}), "messages[0].content[0].source.data"),
    (user({"type": "image", "source": {"type": "base64", "data": "AAAA"}}), "messages[0].content[0].source.data"),
    (user({"type": "tool_use", "id": "c", "name": "t", "input": {}}), "messages[0].content[0]"),
    ({"messages": HI, "output_config": {"format": {"type": "xml"}}}, "output_config.format.type"),
    ({"messages": HI, "output_format": {"type": "xml"}}, "output_format.type"),
]


@pytest.mark.parametrize(("body", "param"), WRONG)
def test_an_unsupported_request_names_the_field(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        request_of(body)
    assert caught.value.param == param
