"""Builders of Chat Completions requests and their messages."""

import pytest

from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest
from server.dialects.chat_completions.request import parse_chat, request_from_chat
from server.errors import InvalidRequest

HELLO = {"role": "user", "content": "Hello"}


def request(*messages: object, **fields: object) -> ModelRequest:
    return request_from_chat(parse_chat({"messages": list(messages), **fields}), owner="local")


def refusal(*messages: object, **fields: object) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        request(*messages, **fields)
    return caught.value


def message_of(role: str, *texts: str) -> Message:
    assert role in {"user", "assistant"}
    return Message("user" if role == "user" else "assistant", tuple(map(Text, texts)))


def user(content: object) -> dict[str, object]:
    return {"role": "user", "content": content}


def assistant(content: object) -> dict[str, object]:
    return {"role": "assistant", "content": content}


def system(content: object) -> dict[str, object]:
    return {"role": "system", "content": content}


def text_part(text: object, kind: str = "text") -> dict[str, object]:
    return {"type": kind, "text": text}
