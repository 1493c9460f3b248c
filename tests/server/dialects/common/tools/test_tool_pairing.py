"""Pairing of tool calls with their results, and replacement of illegal call ids."""

import re

import pytest

from server.claude.protocol.tool_ids import with_legal_ids
from server.conversation.parts import Message, Part, Text, ToolCall, ToolResult
from server.dialects.common.tools.tool_pairing import LOST_RESULT, NO_RESULT, CallIds, pair_results


def user(*parts: Part | str) -> Message:
    return Message("user", tuple(Text(part) if isinstance(part, str) else part for part in parts))


def claude(*ids: str) -> Message:
    return Message("assistant", tuple(ToolCall(call, "look", "{}") for call in ids) or (Text("Well."),))


def result(call: str, text: str = "seen") -> ToolResult:
    return ToolResult(call, (Text(text),))


def test_results_come_first_in_the_order_of_their_calls() -> None:
    found, changes = pair_results(
        (user("hi"), claude("a", "b"), user("and", result("b"), result("a"), "now")), field="messages"
    )
    assert found[2] == user(result("a"), result("b"), "and", "now")
    assert changes == ()


def test_calls_with_one_id_get_their_results_in_order() -> None:
    found, changes = pair_results(
        (user("hi"), claude("a", "b", "a"), user(result("a", "1"), result("b"), result("a", "2"))), field="messages"
    )
    assert found[2] == user(result("a", "1"), result("b"), result("a", "2"))
    assert changes == ()


def missing(call: str) -> ToolResult:
    return ToolResult(call, (Text(NO_RESULT),), is_error=True)


ODD: dict[str, tuple[tuple[Message, ...], tuple[Message, ...], tuple[str, ...]]] = {
    "a call without its result": (
        (user("hi"), claude("a", "b"), user(result("a"))),
        (user("hi"), claude("a", "b"), user(result("a"), missing("b"))),
        ("no result for b",),
    ),
    "a call at the end": (
        (user("hi"), claude("a")),
        (user("hi"), claude("a"), user(missing("a"))),
        ("no result for a",),
    ),
    "a call with text instead": (
        (user("hi"), claude("a", "b"), user("well")),
        (user("hi"), claude("a", "b"), user(missing("a"), missing("b"), "well")),
        ("no result for a", "no result for b"),
    ),
    "a result one message too late": (
        (user("hi"), claude("a"), user("x"), claude(), user(result("a"), "y")),
        (user("hi"), claude("a"), user(result("a"), "x"), claude(), user("y")),
        ("the result of a was moved to its call",),
    ),
    "a late result at the end, alone": (
        (user("hi"), claude("a"), user("x"), claude(), user(result("a"))),
        (user("hi"), claude("a"), user(result("a"), "x"), claude()),
        ("the result of a was moved to its call",),
    ),
    "a late result between two messages of the assistant": (
        (user("hi"), claude("a"), user("x"), claude(), user(result("a")), claude(), user("y")),
        (
            *(user("hi"), claude("a"), user(result("a"), "x")),
            *(Message("assistant", (Text("Well."), Text("Well."))), user("y")),
        ),
        ("the result of a was moved to its call",),
    ),
    "a result without a call": (
        (user(result("a")),),
        (user(LOST_RESULT, "seen"),),
        ("a result without its call a",),
    ),
    "a result with an id that no call has": (
        (user("hi"), claude("a", "b"), user(result("z"), result("b"), "x")),
        (user("hi"), claude("a", "b"), user(result("a"), result("b"), "x")),
        ("the result of z was taken for a",),
    ),
    "a result with an id that no call has, behind the user's text": (
        (user("hi"), claude("a"), user("x", result("z"))),
        (user("hi"), claude("a"), user(missing("a"), LOST_RESULT, "seen", "x")),
        ("no result for a", "a result without its call z"),
    ),
    "a second result": (
        (user("hi"), claude("a"), user(result("a"), result("a", "again"))),
        (user("hi"), claude("a"), user(result("a"), LOST_RESULT, "again")),
        ("a result without its call a",),
    ),
    "a result of an older call": (
        (user("hi"), claude("a"), user(result("a")), claude(), user(result("a", "again"))),
        (user("hi"), claude("a"), user(result("a")), claude(), user(LOST_RESULT, "again")),
        ("a result without its call a",),
    ),
    "two calls with one id, and the first result late": (
        (user("hi"), claude("a"), user("x"), claude("a"), user(result("a", "2"), result("a", "1"))),
        (user("hi"), claude("a"), user(result("a", "1"), "x"), claude("a"), user(result("a", "2"))),
        ("the result of a was moved to its call",),
    ),
}


@pytest.mark.parametrize(("messages", "expected", "changes"), ODD.values(), ids=ODD.keys())
def test_every_call_gets_a_result_and_every_result_is_kept(
    messages: tuple[Message, ...], expected: tuple[Message, ...], changes: tuple[str, ...]
) -> None:
    assert pair_results(messages, field="messages") == (expected, tuple(f"messages ({change})" for change in changes))


def test_a_result_without_an_id_answers_a_call_of_its_name_else_the_first_one() -> None:
    ids = CallIds()
    assert [ids.of_call(None, name, f"made_{number}") for number, name in enumerate("aba")] == [
        "made_0",
        "made_1",
        "made_2",
    ]
    assert [ids.of_result(None, "b"), ids.of_result(None, None), ids.of_result("", "a")] == [
        "made_1",
        "made_0",
        "made_2",
    ]
    assert ids.of_result(None, "a") == "call_of_a"


def test_an_unknown_id_answers_only_a_call_without_one() -> None:
    ids = CallIds()
    ids.of_call("given", "a", "made_0")
    assert ids.of_result("other", "a") == "other"
    assert ids.of_result("given", None) == "given"
    ids.of_call(None, "a", "made_1")
    assert ids.of_result("other", "a") == "made_1"


def test_a_result_never_answers_a_call_of_an_earlier_message() -> None:
    ids = CallIds()
    ids.of_call(None, "a", "made_0")
    ids.end_turn()
    ids.of_call(None, "a", "made_1")
    assert ids.of_result(None, "a") == "made_1"


def test_a_result_after_the_users_words_still_finds_its_call() -> None:
    ids = CallIds()
    ids.of_call(None, "a", "made_0")
    ids.end_turn()
    assert ids.of_result(None, "a") == "made_0"


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
