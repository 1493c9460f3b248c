"""Pictures and files in every spelling, where they may stand and where not."""

import base64

import pytest

from server.conversation.parts import Document, Image, Text, ToolResult
from tests.pictures import PNG as PICTURE
from tests.server.dialects.chat_completions.test_tools import HELLO, call, calls, refusal, result, turn

PNG = base64.b64encode(PICTURE).decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()
WORDS = base64.b64encode(b"a,b").decode()
AN_IMAGE = Image("image/png", PNG)
TALON = {"type": "image_url", "image_url": {"url": f"data:image/;base64,{PNG}"}}

SPELLINGS: list[tuple[object, Image | Document]] = [
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
    ({"type": "input_file", "file_data": WORDS, "filename": "a.csv"}, Document("text/plain", "a,b", title="a.csv")),
    ({"type": "input_file", "file_url": "https://example.org/a.pdf"}, Document(url="https://example.org/a.pdf")),
    (
        {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": PDF}, "title": "t"},
        Document("application/pdf", PDF, title="t"),
    ),
    ({"type": "document", "source": {"type": "text", "data": "words"}}, Document("text/plain", "words")),
]


@pytest.mark.parametrize(("part", "meant"), SPELLINGS, ids=range(len(SPELLINGS)))
def test_a_picture_or_file_in_a_users_turn_and_in_a_result(part: object, meant: Image | Document) -> None:
    first = {"role": "user", "content": ["Look:", part, " "]}
    found = turn(first, calls(call("c1")), result("c1", ["Seen:", part]))
    assert found.messages[0].parts == (Text("Look: "), meant)
    assert found.messages[2].parts == (ToolResult("c1", (Text("Seen:"), meant)),)


def test_a_picture_needs_no_words_beside_it() -> None:
    assert turn({"role": "user", "content": [TALON]}).messages[0].parts == (AN_IMAGE,)
    assert turn({"role": "user", "content": [" ", TALON]}).messages[0].parts == (AN_IMAGE,)


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_a_picture_where_none_may_stand_is_told_where_it_may(role: str) -> None:
    error = refusal(HELLO, {"role": role, "content": ["a", TALON]}, HELLO)
    assert error.param == "messages[1].content[1]"
    assert "user's messages" in error.message


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
def test_what_is_no_picture_or_file_is_refused_by_its_place(part: object, param: str) -> None:
    error = refusal({"role": "user", "content": [part]})
    assert error.param == param
    assert param in error.message
