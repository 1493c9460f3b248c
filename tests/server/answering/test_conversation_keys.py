"""The keys of conversations whose system messages at the end are replaced."""

from server.answering.conversation_keys import SHORT, ConversationKeys
from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, Text

ANSWER = Message("assistant", (Text("ho"),))


def user(text: str, note: str = "") -> Message:
    return Message("user", (Text(text), *([Text(note, is_system=True)] if note else [])))


def test_a_conversation_without_system_messages_has_its_own_key() -> None:
    keys = ConversationKeys()
    held = keys.held((user("hi"),), ANSWER, model="m")
    assert held == conversation_key((user("hi"), ANSWER), model="m")
    assert keys.wanted((user("hi"), ANSWER, user("and")), model="m") == held
    assert keys.wanted((user("hi"), ANSWER, user("and", "ten")), model="m") == held
    assert keys.wanted((user("hi"),), model="m") is None


def test_a_short_system_message_may_be_kept_or_replaced_but_not_changed_or_removed() -> None:
    keys = ConversationKeys()
    held = keys.held((user("hi", "ten"),), ANSWER, model="m")
    assert keys.wanted((user("hi", "ten"), ANSWER, user("and")), model="m") == held
    assert keys.wanted((user("hi", "ten"), ANSWER, user("and", "eleven")), model="m") == held
    assert keys.wanted((user("hi"), ANSWER, user("and", "eleven")), model="m") == held
    assert keys.wanted((user("hi"), ANSWER, user("and")), model="m") != held
    assert keys.wanted((user("hi", "nine"), ANSWER, user("and", "eleven")), model="m") != held
    assert keys.wanted((user("hi"), ANSWER, user("and", "eleven")), model="other") != held


def test_a_long_system_message_must_be_kept() -> None:
    keys = ConversationKeys()
    long = "x" * (SHORT + 1)
    held = keys.held((user("hi", long),), ANSWER, model="m")
    assert keys.wanted((user("hi", long), ANSWER, user("and", "ten")), model="m") == held
    assert keys.wanted((user("hi"), ANSWER, user("and", "ten")), model="m") != held


def test_later_turns_follow_the_clients_view() -> None:
    keys = ConversationKeys()
    keys.held((user("hi", "ten"),), ANSWER, model="m")
    second = (user("hi"), ANSWER, user("and", "eleven"))
    held = keys.held(second, ANSWER, model="m")
    assert keys.wanted((user("hi"), ANSWER, user("and"), ANSWER, user("so", "twelve")), model="m") == held
