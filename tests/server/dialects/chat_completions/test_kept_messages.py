"""Kept messages as those of chat completions: what a client reads, it can send again."""

from base64 import b64encode

from server.conversation.parts import (
    Document,
    Image,
    Message,
    RedactedThinking,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from server.dialects.chat_completions.kept_messages import MOST_DATA, chat_messages
from server.dialects.chat_completions.request_messages import conversation_from
from server.dialects.chat_completions.request_types import ChatRequest
from tests.pictures import PNG

PICTURE = Image("image/png", b64encode(PNG).decode())
CALLS = (ToolCall("toolu_1", "read", '{"a": 1}'), ToolCall("toolu_2", "look", ""))


def test_what_a_client_reads_it_can_send_again() -> None:
    messages = (
        Message("user", (Text("What is"), Text("on it?"), PICTURE, Image(url="https://example.com/a.png"))),
        Message("assistant", (Thinking("hm", "signed"), RedactedThinking("x"), Text("Let me see."), *CALLS)),
        Message(
            "user",
            (ToolResult("toolu_1", (Text("a cat"),)), ToolResult("toolu_2", (Text("this"), PICTURE)), Text("Well?")),
        ),
        Message("assistant", (Text("A cat."),)),
        Message("user", (Document("application/pdf", b64encode(b"%PDF-1.4").decode(), title="a.pdf"),)),
    )
    shown = chat_messages(messages)
    assert [message["role"] for message in shown] == ["user", "assistant", "tool", "tool", "user", "assistant", "user"]
    assert "hm" not in str(shown)
    again = conversation_from(ChatRequest.model_validate({"messages": shown}), ()).messages
    without_thinking = Message("assistant", (Text("Let me see."), CALLS[0], ToolCall("toolu_2", "look", "{}")))
    assert again == (messages[0], without_thinking, *messages[2:])


def test_text_alone_is_a_string_and_calls_alone_have_no_content() -> None:
    messages = [Message("user", (Text("hi"),)), Message("assistant", CALLS[:1]), Message("assistant", ())]
    asked, called, empty = chat_messages(messages)
    assert (asked["content"], called["content"], empty) == ("hi", None, {"role": "assistant", "content": ""})


def test_a_system_message_keeps_its_place() -> None:
    parts = (Text("one"), Text("be brief", is_system=True), Text("two"))
    assert chat_messages([Message("user", parts)]) == [
        {"role": "user", "content": "one"},
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "two"},
    ]


def test_what_is_too_large_is_left_out_and_named() -> None:
    data = "A" * (MOST_DATA + 4)
    (message,) = chat_messages(
        [Message("user", (Image("image/png", data), Document("application/pdf", data), Image("image/png", data[4:])))]
    )
    content = message["content"]
    assert isinstance(content, list)
    assert [part.get("text") for part in content] == [
        "[Left out here: an image (image/png, 0.8 MB)]",
        "[Left out here: a document (application/pdf, 0.8 MB)]",
        None,
    ]


def test_documents_of_text_and_search_results_are_text() -> None:
    parts = (
        Document("text/plain", "all of it"),
        Document(blocks=("one", "two")),
        Document(url="https://example.com/a.pdf"),
        SearchResult("https://example.com", "A title", ("first", "second")),
    )
    (message,) = chat_messages([Message("user", parts)])
    assert message["content"] == [
        {"type": "text", "text": text}
        for text in (
            "all of it",
            "one\ntwo",
            "[A document: https://example.com/a.pdf]",
            "A title\nhttps://example.com\nfirst\nsecond",
        )
    ]
