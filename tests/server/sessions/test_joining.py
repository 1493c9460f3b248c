"""Requests join what is stored: whatever the client sends again counts once."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.parts import Message, Text, Thinking, ToolCall, ToolResult
from server.dialects.common.history.message_rules import FIRST_TURN
from server.sessions.joining import has_history, joined, loses_answers


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def claude(text: str) -> Message:
    return Message("assistant", (Text(text),))


CALLING = Message("assistant", (Thinking("hm", "signed"), Text("Look. "), ToolCall("toolu_1", "read", '{"a": 1}')))
RESULT = Message("user", (ToolResult("toolu_1", (Text("found"),)),))

# Few words, so that parts of a conversation are often equal.
words = st.sampled_from(("a", "b"))


@st.composite
def histories(draw: st.DrawFn, least: int = 0) -> tuple[Message, ...]:
    pairs = draw(st.lists(st.tuples(words, words), min_size=least, max_size=5))
    return tuple(message for asked, answered in pairs for message in (user(asked), claude(answered)))


@given(histories(least=1), words)
def test_a_history_that_is_sent_again_counts_once(stored: tuple[Message, ...], question: str) -> None:
    sent = (*stored, user(question))
    join = joined(stored, sent)
    assert (join.messages, join.how, join.is_whole) == (sent, "resent", True)


@given(histories(), histories(least=1), words)
def test_a_conversation_ends_with_what_was_sent_and_nothing_is_doubled(
    stored: tuple[Message, ...], history: tuple[Message, ...], question: str
) -> None:
    sent = (*history, user(question))
    join = joined(stored, sent)
    before = len(join.messages) - len(sent)
    assert join.messages[before:] == sent
    # What stands before it is the beginning of what was stored, and what was stored behind that is in the request.
    assert join.messages[:before] == stored[:before]
    assert before == 0 or stored[before:] == sent[: len(stored) - before] != ()


@given(histories(least=2), st.data())
def test_an_edited_history_replaces_what_follows_the_edit(stored: tuple[Message, ...], data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(stored) - 1))
    edited = replace(stored[at], parts=(Text("edited"),))
    sent = (*stored[:at], edited, *stored[at + 1 :], user("and now?"))
    assert joined(stored, sent).messages == sent
    assert joined(stored, sent).how == "changed"


def test_the_end_of_a_history_continues_all_of_it() -> None:
    stored = (user("read it"), claude("Which?"), user("that"), CALLING)
    # As an agent keeps the messages of one question only, and as one that sends the call and its result.
    for sent in ((user("that"), CALLING, RESULT), (user(FIRST_TURN), CALLING, RESULT)):
        join = joined(stored, sent)
        assert (join.messages, join.is_whole) == ((*stored, RESULT), False)


def test_messages_are_taken_as_they_are_stored() -> None:
    stored = (user("read it"), CALLING)
    as_sent = Message("assistant", (Text("Look."), ToolCall("toolu_1", "read", '{"a":1}')))
    assert joined(stored, (user("read it"), as_sent, RESULT)).messages == (*stored, RESULT)


def test_a_first_request_with_history_is_taken_as_it_is() -> None:
    sent = (user("a"), claude("b"), user("c"))
    assert (joined((), sent).messages, joined((), sent).how) == (sent, "new")
    assert has_history(sent)
    assert not has_history(sent[2:])


QUESTION, ANSWER = user("read it"), claude("Done.")
OLD = (user("a"), claude("b"), QUESTION, CALLING, RESULT, ANSWER)


@pytest.mark.parametrize(
    ("messages", "loses"),
    [
        # The last question again, or the last result: another answer instead of that one.
        (OLD[:3], False),
        (OLD[:5], False),
        # Another last question, an earlier one, and another answer.
        ((*OLD[:2], user("write it")), True),
        (OLD[:1], True),
        ((user("A"),), True),
        ((OLD[0], claude("B"), *OLD[2:], user("next")), True),
        ((*OLD[:5], claude("Else."), user("next")), True),
        # Every answer is still there.
        ((user("A"), *OLD[1:], user("next")), False),
        ((*OLD, user("next")), False),
        ((user("A"), *OLD[1:5]), True),
        # A question in the same message as a result is one.
        ((*OLD[:4], replace(RESULT, parts=(*RESULT.parts, Text("and?")))), True),
        ((), True),
    ],
)
def test_an_edit_loses_answers_unless_it_asks_again(messages: tuple[Message, ...], loses: bool) -> None:
    assert loses_answers(OLD, messages) is loses


def test_equal_answers_count_each() -> None:
    stored = (user("a"), claude("yes"), user("b"), claude("yes"), user("c"), claude("yes"))
    assert loses_answers(stored, (*stored[:2], user("B"), claude("yes"), user("next")))
    assert not loses_answers(stored, (user("A"), *stored[1:], user("next")))


def test_a_long_history_is_compared_in_time() -> None:
    stored: Sequence[Message] = [message for _ in range(2500) for message in (user("x"), claude("x"))]
    sent = [*stored[2:], user("y")]
    assert len(joined(stored, sent).messages) <= len(stored) + 1
