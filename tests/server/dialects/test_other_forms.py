"""Tools, images and small words in forms of other libraries, as the chat path takes them."""

import base64
import json
from typing import Any

import pytest

from server.conversation.parts import Document, Image, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest
from tests.pictures import PNG as PICTURE
from tests.server.dialects.own_paths import parsed_on_both_paths

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7 and more").decode()
HI = {"role": "user", "content": "Hi"}
SCHEMA = {"type": "object", "properties": {"q": {"type": "string"}}}
AN_IMAGE = Image("image/png", PNG)
LINKED = Image(url="https://e.org/x.png")
FILE = Document("application/pdf", PDF)


def parsed(body: dict[str, Any]) -> ModelRequest:
    return parsed_on_both_paths(body)


def asked(shape: str) -> dict[str, Any]:
    """A question in the format of one API."""
    bodies: dict[str, dict[str, Any]] = {
        "chat": {"messages": [HI], "n": 1},
        "responses": {"input": [HI]},
        "messages": {"messages": [HI], "system": "s"},
    }
    return bodies[shape]


@pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
@pytest.mark.parametrize(
    ("tool", "description", "schema"),
    [
        ({"name": "a", "description": "d", "inputSchema": SCHEMA}, "d", SCHEMA),
        (
            {"type": "function", "function": {"name": "a", "description": ["d", 1], "parameters": SCHEMA}},
            '["d", 1]',
            SCHEMA,
        ),
        (
            {"type": "Function", "function": {"name": "a", "description": None, "parameters": json.dumps(SCHEMA)}},
            "",
            SCHEMA,
        ),
        ({"type": "function", "name": "a", "description": 5, "parameters": SCHEMA}, "5", SCHEMA),
    ],
)
def test_a_tool_in_another_form(shape: str, tool: dict[str, Any], description: str, schema: object) -> None:
    request = parsed({**asked(shape), "tools": [None, tool]})
    (made,) = request.profile.tools
    assert (made.name, made.description, json.loads(made.schema)) == ("a", description, SCHEMA)
    assert request.ignored == ()


def test_a_custom_tool_with_the_name_of_its_format() -> None:
    (made,) = parsed(
        {"messages": [HI], "tools": [{"type": "custom", "custom": {"name": "a", "format": "text"}}]}
    ).profile.tools
    assert (made.name, made.takes_text) == ("a", True)


@pytest.mark.parametrize("field", ["messages", "input"])
@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image", "data": PNG, "mimeType": "image/png"}, AN_IMAGE),
        ({"type": "image", "source_type": "base64", "data": PNG, "mime_type": "image/png"}, AN_IMAGE),
        ({"type": "image", "image": PNG}, AN_IMAGE),
        ({"type": "image", "image": f"data:image/png;base64,{PNG}"}, AN_IMAGE),
        ({"type": "image", "url": "https://e.org/x.png"}, LINKED),
        ({"type": "image_url", "url": "https://e.org/x.png"}, LINKED),
        ({"type": "IMAGE_URL", "image_url": "https://e.org/x.png"}, LINKED),
        ({"image_url": {"url": "https://e.org/x.png"}}, LINKED),
        ({"type": "file", "data": PDF, "mediaType": "application/pdf"}, FILE),
        ({"type": "file", "base64": PDF, "mime_type": "application/pdf"}, FILE),
        ({"file": {"file_data": PDF}}, FILE),
    ],
)
def test_an_image_or_file_in_another_form(field: str, part: dict[str, Any], expected: object) -> None:
    request = parsed({field: [{"role": "user", "content": [part, {"type": "text", "text": "?"}]}]})
    assert request.messages[0].parts == (expected, Text("?"))


def test_images_beside_the_content_as_ollama_writes_them() -> None:
    request = parsed({"messages": [{"role": "user", "content": "?", "images": [PNG]}]})
    assert request.messages[0].parts == (Text("?"), AN_IMAGE)
    assert request.ignored == ()


@pytest.mark.parametrize("name", ["images", "attachments", "experimental_attachments"])
def test_what_stands_beside_the_content_and_is_left_out_is_named(name: str) -> None:
    answer = {"role": "assistant", "content": "x", name: [{"url": "data:"}]}
    assert parsed({"messages": [HI, answer, HI]}).ignored == (f"messages[1].{name}",)


@pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
def test_fields_that_no_api_has_are_named(shape: str) -> None:
    more = {"guided_json": {"a": 1}, "extra_body": {}, "cache": None, "debug": False, "raw": "", "top_a": 0.5}
    assert parsed({**asked(shape), **more}).ignored == ("guided_json", "top_a")
    many = parsed({**asked(shape), **{f"field_{number}_{'x' * 99}": 1 for number in range(99)}}).ignored
    assert (len(many), {len(name) for name in many}) == (10, {40})


@pytest.mark.parametrize("value", [[], {}, "", None, "default"])
@pytest.mark.parametrize("shape", ["chat", "responses", "messages"])
def test_an_empty_switch_is_not_given(shape: str, value: object) -> None:
    assert parsed({**asked(shape), "stream": value}) == parsed(asked(shape))
    assert parsed({"input": "Hi", "parallel_tool_calls": value}) == parsed({"input": "Hi"})


@pytest.mark.parametrize("value", [False, {}, [], "", None, [None, ""]])
def test_an_empty_stop_is_not_given(value: object) -> None:
    assert parsed({"messages": [HI], "stop": value}) == parsed({"messages": [HI]})


def test_a_format_of_the_answer_in_a_string() -> None:
    nested = {"name": "x", "schema": SCHEMA}
    plain = parsed({"messages": [HI], "response_format": {"type": "json_schema", "json_schema": nested}})
    assert plain.answer is not None
    for form in (json.dumps(nested), {"name": "x", "schema": json.dumps(SCHEMA)}):
        request = parsed({"messages": [HI], "response_format": {"type": "json_schema", "json_schema": form}})
        assert (request.answer, request.settings) == (plain.answer, plain.settings)


@pytest.mark.parametrize("field", ["messages", "input"])
@pytest.mark.parametrize("name", ["output", "result", "text", "parts"])
def test_a_result_in_another_field(field: str, name: str) -> None:
    call = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "look"}}]}
    result = {"role": "tool", "tool_call_id": "c", name: ["x"], "is_error": "true"}
    request = parsed({field: [HI, call, result]})
    assert request.messages[-1].parts == (ToolResult("c", (Text("x"),), is_error=True),)
    assert request.ignored == ()


@pytest.mark.parametrize("name", ["content", "result"])
def test_an_output_in_another_field(name: str) -> None:
    call = {"type": "function_call", "call_id": "c", "function": {"name": "look", "arguments": '{"a": 1}'}}
    request = parsed({"input": [HI, call, {"type": "function_call_output", "call_id": "c", name: {"temp": 5}}]})
    assert request.messages[1].parts == (ToolCall("c", "look", '{"a": 1}'),)
    assert request.messages[2].parts == (ToolResult("c", (Text('{"temp": 5}'),)),)


@pytest.mark.parametrize("field", ["messages", "input"])
@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "c", "name": "look", "input": {"a": 1}},
        {"type": "tool_call", "id": "c", "name": "look", "args": {"a": 1}},
        {"type": "tool-call", "toolCallId": "c", "toolName": "look", "input": {"a": 1}},
    ],
)
def test_a_call_in_the_content_and_beside_it_is_one_call(field: str, block: dict[str, Any]) -> None:
    call = {"role": "assistant", "content": [block]}
    beside = {**call, "tool_calls": [{"id": "c", "function": {"name": "look", "arguments": '{"a": 1}'}}]}
    result = {"role": "tool", "tool_call_id": "c", "content": "x"}
    request = parsed({field: [HI, call, result]})
    assert request.messages[1].parts == (ToolCall("c", "look", '{"a": 1}'),)
    assert request.ignored == ()
    assert parsed({field: [HI, beside, result]}) == request


@pytest.mark.parametrize("field", ["messages", "input"])
@pytest.mark.parametrize("value", ["auto", [], 0, False, "null"])
def test_a_function_call_that_is_none(field: str, value: object) -> None:
    turns = [HI, {"role": "assistant", "content": "x", "function_call": value}, HI]
    assert parsed({field: turns}) == parsed({field: [HI, {"role": "assistant", "content": "x"}, HI]})
