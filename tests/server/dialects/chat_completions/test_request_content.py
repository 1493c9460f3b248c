"""Images and files in every form, and where they are allowed."""

import base64

import pytest

from server.conversation.parts import Document, Image, Text, ToolResult
from tests.pictures import PNG as PICTURE
from tests.server.dialects.chat_completions.test_request_tools import HELLO, call, calls, refusal, request, result

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()
CSV = base64.b64encode(b"a,b").decode()
AN_IMAGE = Image("image/png", PNG)
TALON = {"type": "image_url", "image_url": {"url": f"data:image/;base64,{PNG}"}}

FORMS: list[tuple[object, Image | Document]] = [
    (TALON, AN_IMAGE),
    ({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}, AN_IMAGE),
    ({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "high"}, AN_IMAGE),
    ({"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG}}, AN_IMAGE),
    ({"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}, Image(url="https://example.org/a.png")),
    (
        {"type": "image", "source": {"type": "url", "url": "https://example.org/a.png"}},
        Image(url="https://example.org/a.png"),
    ),
    (
        {"type": "image_url", "image_url": {"url": f"data:application/pdf;base64,{PDF}"}},
        Document("application/pdf", PDF),
    ),
    (
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "a.pdf"}},
        Document("application/pdf", PDF, title="a.pdf"),
    ),
    ({"type": "file", "file": {"file_data": PDF}}, Document("application/pdf", PDF)),
    ({"type": "input_file", "file_data": CSV, "filename": "a.csv"}, Document("text/plain", "a,b", title="a.csv")),
    ({"type": "input_file", "file_url": "https://example.org/a.pdf"}, Document(url="https://example.org/a.pdf")),
    (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "title": "t"},
        Document("application/pdf", PDF, title="t"),
    ),
    ({"type": "document", "source": {"type": "text", "data": "words"}}, Document("text/plain", "words")),
]


@pytest.mark.parametrize(("part", "expected"), FORMS, ids=range(len(FORMS)))
def test_an_image_or_file_in_a_user_message_and_in_a_result(part: object, expected: Image | Document) -> None:
    first = {"role": "user", "content": ["Look:", part, " "]}
    found = request(first, calls(call("c1")), result("c1", ["Seen:", part]))
    assert found.messages[0].parts == (Text("Look: "), expected)
    assert found.messages[2].parts == (ToolResult("c1", (Text("Seen:"), expected)),)


def test_an_image_needs_no_text() -> None:
    assert request({"role": "user", "content": [TALON]}).messages[0].parts == (AN_IMAGE,)
    assert request({"role": "user", "content": [" ", TALON]}).messages[0].parts == (AN_IMAGE,)


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_an_image_in_a_system_or_assistant_message_is_refused(role: str) -> None:
    error = refusal(HELLO, {"role": role, "content": ["a", TALON]})
    assert error.param == "messages[1].content[1]"
    assert "allowed only in user messages" in error.message


@pytest.mark.parametrize(
    ("part", "param"),
    [
        ({"type": "image_url"}, "messages[0].content[0].image_url"),
        ({"type": "image_url", "image_url": {}}, "messages[0].content[0].image_url.url"),
        ({"type": "image_url", "image_url": {"url": "http://example.org"}}, "messages[0].content[0].image_url"),
        ({"type": "image_url", "image_url": {"url": "https://localhost/a"}}, "messages[0].content[0].image_url"),
        ({"type": "input_image", "file_id": "file-1"}, "messages[0].content[0].file_id"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "messages[0].content[0].file.file_id"),
        ({"type": "file", "file": {}}, "messages[0].content[0].file.file_data"),
        ({"type": "file", "file": {"file_data": "*"}}, "messages[0].content[0].file.file_data"),
        ({"type": "image", "source": {"type": "base64", "data": "AAAA"}}, "messages[0].content[0].source.data"),
        ({"type": "image", "source": {"type": "url"}}, "messages[0].content[0].source.url"),
        ({"type": "image", "source": {"type": "file", "file_id": "f"}}, "messages[0].content[0].source"),
        ({"type": "image", "source": {"type": "tape"}}, "messages[0].content[0].source.type"),
        ({"type": "image"}, "messages[0].content[0].source"),
    ],
)
def test_a_bad_image_or_file_is_refused(part: object, param: str) -> None:
    error = refusal({"role": "user", "content": [part]})
    assert error.param == param
    assert param in error.message
