"""What makes two conversations the same one, and what does not."""

import pytest

from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Image, Message, Part, Text, Thinking, ToolCall, ToolResult


def key(*messages: Message, model: str | None = "sonnet") -> str:
    return conversation_key(messages, model=model)


def user(*parts: Part) -> Message:
    return Message("user", parts)


def assistant(*parts: Part) -> Message:
    return Message("assistant", parts)


HI = user(Text("hi"))

SAME = [
    (assistant(Text("Hello.")), assistant(Text(" Hello.\n"))),
    (assistant(Text("Hel"), Text("lo.")), assistant(Text("Hello."))),
    (assistant(Thinking("Hm.", "seal"), Text("Hello.")), assistant(Text("Hello."))),
    (assistant(ToolCall("c1", "look", '{"a": 1, "b": [2]}')), assistant(ToolCall("c1", "look", '{"b":[2],"a":1}'))),
    (assistant(ToolCall("c1", "look", "")), assistant(ToolCall("c1", "look", "{}"))),
]

DIFFERENT = [
    (user(Text("hi")), user(Text("hi "))),
    (user(Text("a"), Text("b")), user(Text("ab"))),
    (user(Text("hi")), assistant(Text("hi"))),
    (assistant(Text("Hello.")), assistant(Text("hello."))),
    (assistant(ToolCall("c1", "look", "{}")), assistant(ToolCall("c2", "look", "{}"))),
    (assistant(ToolCall("c1", "look", '{"a": 1}')), assistant(ToolCall("c1", "look", '{"a": "1"}'))),
    (user(Image(data="QQ==")), user(Image(data="Qg=="))),
    (user(ToolResult("c1", (Text("x"),))), user(ToolResult("c1", (Text("x"),), is_error=True))),
]


@pytest.mark.parametrize(("one", "other"), SAME, ids=range(len(SAME)))
def test_it_is_the_same_conversation(one: Message, other: Message) -> None:
    assert key(HI, one) == key(HI, other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT, ids=range(len(DIFFERENT)))
def test_it_is_another_conversation(one: Message, other: Message) -> None:
    assert key(HI, one) != key(HI, other)


def test_another_model_is_another_conversation() -> None:
    assert key(HI, model="sonnet") != key(HI, model="opus")
    assert key(HI, model=None) != key(HI, model="default")


def test_where_one_message_ends_counts() -> None:
    assert key(user(Text("a")), assistant(Text("b"))) != key(user(Text("a"), Text("b")))
    assert key() != key(HI)
