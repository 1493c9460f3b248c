"""Documents and search results that Claude cites, and the citations in its answer."""

import json
from typing import Any

import pytest

from server.claude.protocol.request import user_frame
from server.claude.protocol.response import ResponseReader
from server.config import Config
from server.conversation.events import Event, PartDelta, PartEnded, PartStarted
from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Document, Message, SearchResult, Text, ToolResult
from server.conversation.request import ModelRequest
from server.dialects.base import ParseOptions
from server.dialects.messages.dialect import Messages
from server.errors import InvalidRequest
from tests.server.dialects.answers import answer
from tests.server.dialects.messages.test_replies import collected, frames, put_together

CITED: dict[str, Any] = {"citations": {"enabled": True}}
PLAIN = {"type": "text", "media_type": "text/plain", "data": "The grass is green."}
DOCUMENT = {"type": "document", "source": PLAIN, "title": "Grass", "context": "A note.", **CITED}
BLOCKS = {"type": "content", "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."}]}
CHUNKS = {"type": "document", "source": BLOCKS, **CITED}
FOUND = {
    "type": "search_result",
    "source": "https://e.org/grass",
    "title": "Grass",
    "content": [{"type": "text", "text": "It is green."}],
    **CITED,
}
CITATION = {
    "type": "char_location",
    "cited_text": "The grass is green.\u2028",
    "document_index": 0,
    "document_title": "Grass",
    "start_char_index": 0,
    "end_char_index": 19,
    "file_id": None,
}


def parsed(*messages: dict[str, Any]) -> ModelRequest:
    return Messages().parse({"messages": [*messages]}, "local", ParseOptions(Config(), "t", 0)).request


def asked(*parts: dict[str, Any]) -> Message:
    return parsed({"role": "user", "content": [*parts, {"type": "text", "text": "?"}]}).messages[-1]


@pytest.mark.parametrize(
    ("block", "part"),
    [
        (
            DOCUMENT,
            Document("text/plain", "The grass is green.", title="Grass", context="A note.", cites=True),
        ),
        (
            {**DOCUMENT, "citations": None},
            Document("text/plain", "The grass is green.", title="Grass", context="A note."),
        ),
        (CHUNKS, Document(cites=True, blocks=("One.", "Two."))),
        ({**CHUNKS, "source": {"type": "content", "content": "One."}}, Document(cites=True, blocks=("One.",))),
        (FOUND, SearchResult("https://e.org/grass", "Grass", ("It is green.",), cites=True)),
        ({**FOUND, "citations": {"enabled": False}}, SearchResult("https://e.org/grass", "Grass", ("It is green.",))),
    ],
)
def test_what_can_be_cited_is_read(block: dict[str, Any], part: Document | SearchResult) -> None:
    assert asked(block).parts == (part, Text("?"))


@pytest.mark.parametrize("block", [DOCUMENT, CHUNKS, FOUND])
def test_it_reaches_claude_code_as_it_was_sent(block: dict[str, Any]) -> None:
    frame: Any = user_frame(asked(block), ask=True)
    assert frame["message"]["content"][0] == block


def test_a_tool_may_return_search_results() -> None:
    call = {"role": "assistant", "content": [{"type": "tool_use", "id": "a", "name": "search", "input": {}}]}
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": [FOUND, FOUND]}]}
    found = SearchResult("https://e.org/grass", "Grass", ("It is green.",), cites=True)
    assert parsed({"role": "user", "content": "Hi"}, call, result).messages[-1].parts == (
        ToolResult("a", (found, found)),
    )


@pytest.mark.parametrize(
    "block",
    [{**FOUND, "content": []}, {**FOUND, "content": [{"type": "text", "text": " "}]}, {"type": "search_result"}],
)
def test_a_search_result_without_text_is_refused(block: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match=r"messages\[0\]\.content\[0\]\.content"):
        asked(block)


def test_conversations_that_differ_in_it_are_different() -> None:
    blocks = (DOCUMENT, {**DOCUMENT, "citations": None}, CHUNKS, FOUND, {**FOUND, "title": "Lawn"})
    assert len({conversation_key([asked(block)], model=None) for block in blocks}) == len(blocks)


def test_citations_of_claude_are_events_beside_the_text() -> None:
    reader = ResponseReader()
    reader.feed({"type": "stream_event", "event": {"type": "message_start", "message": {"model": "m"}}})
    start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    reader.feed({"type": "stream_event", "event": start})
    delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta", "citation": CITATION}}
    ((event,), kill) = reader.feed({"type": "stream_event", "event": delta})
    assert not kill
    assert isinstance(event, PartDelta)
    assert (event.index, event.text, json.loads(event.citation or "")) == (0, "", CITATION)


def test_a_client_reads_the_citations_streamed_and_whole() -> None:
    cited: list[Event] = [
        PartStarted(0, Text("")),
        PartDelta(0, "", citation=json.dumps(CITATION)),
        PartDelta(0, "It is green."),
        PartDelta(0, "", citation=json.dumps({**CITATION, "document_index": 1})),
        PartEnded(0),
    ]
    block = {"type": "text", "text": "It is green.", "citations": [CITATION, {**CITATION, "document_index": 1}]}
    assert collected(answer(cited))["content"] == [block]
    assert put_together(answer(cited))["content"] == [block]
    assert [
        frame.json["delta"]["citation"]["document_index"]
        for frame in frames(answer(cited))
        if "citation" in str(frame.data)
    ] == [0, 1]
