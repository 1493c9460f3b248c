"""Pairing of tool calls with their results, and replacement of illegal call ids."""

import re

import pytest

from server.claude.protocol.tool_ids import with_legal_ids
from server.conversation.parts import Message, Part, Text, ToolCall, ToolResult
from server.dialects.common.tool_pairing import PairingErrors, pair_results
from server.errors import InvalidRequest

ERRORS = PairingErrors(call_without_result="no result for {ids}", result_without_call="no call for {ids}")


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def claude(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCall(call, "look", "{}") for call in ids) or (Text("Well."),))


def result(call: str, text: str = "seen") -> ToolResult:
    return ToolResult(call, (Text(text),))


def pairs(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    return pair_results(messages, ERRORS, field="messages")


def test_results_come_first_in_the_order_of_their_calls() -> None:
    found = pair_results(
        (user("hi"), claude("a", "b"), user("and", result("b"), result("a"), "now")), ERRORS, field="messages"
    )
    assert found[2] == user(result("a"), result("b"), "and", "now")


def test_calls_with_one_id_get_their_results_in_order() -> None:
    found = pair_results(
        (user("hi"), claude("a", "b", "a"), user(result("a", "1"), result("b"), result("a", "2"))),
        ERRORS,
        field="messages",
    )
    assert found[2] == user(result("a", "1"), result("b"), result("a", "2"))


WRONG = {
    "a call without its result": ((user("hi"), claude("a", "b"), user(result("a"))), "no result for b"),
    "a call at the end": ((user("hi"), claude("a")), "no result for a"),
    "a call with text instead": ((user("hi"), claude("a", "b"), user("well")), "no result for a, b"),
    "a result one message too late": (
        (user("hi"), claude("a"), user("x"), claude(), user(result("a"))),
        "no result for a",
    ),
    "a result without a call": ((user(result("a")),), "no call for a"),
    "a second result": ((user("hi"), claude("a"), user(result("a"), result("a"))), "no call for a"),
    "a result of an older call": (
        (user("hi"), claude("a"), user(result("a")), claude(), user(result("a"))),
        "no call for a",
    ),
}


@pytest.mark.parametrize(("messages", "text"), WRONG.values(), ids=WRONG.keys())
def test_unpaired_calls_and_results_are_refused(messages: tuple[Message, ...], text: str) -> None:
    with pytest.raises(InvalidRequest, match=text) as refused:
        pairs(messages)
    assert refused.value.param == "messages"


def ids(messages: tuple[Message, ...]) -> list[list[str]]:
    return [[part.id for part in message.parts if isinstance(part, ToolCall | ToolResult)] for message in messages]


def test_unique_legal_ids_are_unchanged() -> None:
    messages = (user("hi"), claude("toolu_1", "call-2"), user(result("call-2"), result("toolu_1"), "so"))
    assert with_legal_ids(messages) == messages


def test_repeated_and_illegal_ids_are_replaced_in_calls_and_results() -> None:
    exchange = (claude("call_0", "a.b:c", "", "ü"), user(result("ü"), result(""), result("call_0"), result("a.b:c")))
    found = ids(with_legal_ids((user("hi"), *exchange, *exchange, *exchange)))
    calls = [call for number in (1, 3, 5) for call in found[number]]
    assert len(set(calls)) == 12
    assert calls[0] == "call_0"
    assert all(re.fullmatch(r"[a-zA-Z0-9_-]+", call) for call in calls)
    for number in (1, 3, 5):
        first, second, third, fourth = found[number]
        assert found[number + 1] == [fourth, third, first, second]


def test_calls_with_one_id_in_one_message_get_different_ids() -> None:
    found = ids(with_legal_ids((user("hi"), claude("a", "a"), user(result("a", "1"), result("a", "2")))))
    assert found[1] == found[2]
    assert len(set(found[1])) == 2


def test_a_continued_conversation_keeps_its_ids() -> None:
    exchange = (claude("x", "é"), user(result("x"), result("é")))
    messages = (user("hi"), *exchange, *exchange, *exchange)
    whole = with_legal_ids(messages)
    for length in range(len(messages)):
        assert with_legal_ids(messages[:length]) == whole[:length]


def test_a_clients_id_that_equals_a_replacement_is_replaced() -> None:
    (made,) = ids(with_legal_ids((user("hi"), claude("é"))))[1]
    found = ids(with_legal_ids((user("hi"), claude("é"), user(result("é")), claude(made), user(result(made)))))
    assert found[3] != found[1]
    assert found[3] == found[4]
