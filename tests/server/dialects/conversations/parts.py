"""Conversations with images, files, and thinking."""

import base64

from server.conversation.parts import Document, Image, RedactedThinking, Thinking, ToolCall, ToolResult
from tests.pictures import PNG as PICTURE
from tests.server.dialects.bodies import (
    ASKED,
    HI,
    assistant,
    chat_call,
    chat_calls,
    chat_result,
    expected_request,
    function_call,
    message,
    output,
    text_part,
    tool_result,
    tool_use,
    user,
    with_input,
    with_messages,
)
from tests.server.dialects.conversations.conversation import Conversation

PNG = base64.b64encode(PICTURE).decode()

PDF = base64.b64encode(b"%PDF-1.7 and more").decode()

_PNG_URL = f"data:image/;base64,{PNG}"

_IMAGE = Image("image/png", PNG)

_LINKED = Image(url="https://example.org/x.png")

_FILE = Document("application/pdf", PDF, title="x.pdf")

_MIXED = (
    message("user", [text_part("Hi"), {"type": "file", "file": {"file_data": PDF, "filename": "x.pdf"}}]),
    message("assistant", [{"type": "refusal", "refusal": "No."}]),
    message(
        "user",
        [
            {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
            text_part("And?", "input_text"),
        ],
    ),
)

PARTS: dict[str, Conversation] = {
    "parts of other dialects": Conversation(
        expected_request(
            user("Hi", Document("application/pdf", PDF, title="x.pdf")), assistant("No."), user(_LINKED, "And?")
        ),
        {
            "chat_completions": with_messages(*_MIXED),
            "responses": with_input(*_MIXED),
            "messages": with_messages(*_MIXED),
        },
    ),
    "images and files": Conversation(
        expected_request(user(_IMAGE, _LINKED, _FILE, Document(url="https://example.org/x.pdf"), "What is it?")),
        {
            "chat_completions": with_messages(
                message(
                    "user",
                    [
                        {"type": "image_url", "image_url": {"url": _PNG_URL}},
                        {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}},
                        {"type": "file", "file": {"file_data": PDF, "filename": "x.pdf"}},
                        {"type": "input_file", "file_url": "https://example.org/x.pdf"},
                        text_part("What is it?"),
                    ],
                )
            ),
            "responses": with_input(
                message(
                    "user",
                    [
                        {"type": "input_image", "image_url": _PNG_URL, "detail": "auto"},
                        {"type": "input_image", "image_url": "https://example.org/x.png"},
                        {"type": "input_file", "file_data": PDF, "filename": "x.pdf"},
                        {"type": "input_file", "file_url": "https://example.org/x.pdf"},
                        text_part("What is it?", "input_text"),
                    ],
                )
            ),
            "messages": with_messages(
                message(
                    "user",
                    [
                        {"type": "image_url", "image_url": {"url": _PNG_URL}},
                        {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}},
                        {
                            "type": "document",
                            "title": "x.pdf",
                            "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                        },
                        {"type": "document", "source": {"type": "url", "url": "https://example.org/x.pdf"}},
                        text_part("What is it?"),
                    ],
                )
            ),
        },
    ),
    "an image in a result": Conversation(
        expected_request(ASKED, assistant(ToolCall("c1", "look", "{}")), user(ToolResult("c1", (_IMAGE,)))),
        {
            "chat_completions": with_messages(
                HI,
                chat_calls(chat_call("c1")),
                chat_result("c1", [{"type": "image_url", "image_url": {"url": _PNG_URL}}]),
            ),
            "responses": with_input(
                HI, function_call("c1"), output("c1", [{"type": "input_image", "image_url": _PNG_URL}])
            ),
            "messages": with_messages(
                HI,
                message("assistant", [tool_use("c1")]),
                message(
                    "user",
                    [
                        tool_result(
                            "c1",
                            [
                                {
                                    "type": "image",
                                    "source": {"type": "base64", "media_type": "image/jpeg", "data": PNG},
                                }
                            ],
                        )
                    ],
                ),
            ),
        },
    ),
    "thinking": Conversation(
        expected_request(
            ASKED,
            assistant(
                Thinking("hm", "seal"),
                RedactedThinking("secret"),
                "Ho",
            ),
            ASKED,
        ),
        {
            "messages": with_messages(
                HI,
                message(
                    "assistant",
                    [
                        {"type": "thinking", "thinking": "hm", "signature": "seal"},
                        {"type": "redacted_thinking", "data": "secret"},
                        {"type": "thinking", "thinking": "unsealed", "signature": ""},
                        text_part("Ho"),
                    ],
                ),
                HI,
            ),
        },
        {"messages": ("messages[1].content[2] (thinking)",)},
    ),
    "Anthropic's thinking, signed": Conversation(
        expected_request(ASKED, assistant(Thinking("hm", "seal"), RedactedThinking("secret"), "Ho"), ASKED),
        {
            "chat_completions": with_messages(
                HI,
                message(
                    "assistant",
                    [
                        {"type": "thinking", "thinking": "hm", "signature": "seal"},
                        {"type": "redacted_thinking", "data": "secret"},
                        text_part("Ho"),
                    ],
                ),
                HI,
            ),
        },
    ),
}
