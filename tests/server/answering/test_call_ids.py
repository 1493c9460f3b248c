"""Claude's ids in conversations whose client has dropped or changed them."""

from dataclasses import replace

from server.answering.call_ids import CallIdStore
from server.conversation.parts import Message, Text, ToolCall, ToolResult


def user(*parts: Text | ToolResult) -> Message:
    return Message("user", parts)


def calls(*ids: str, text: str = "") -> Message:
    made = tuple(ToolCall(id_, "look", f'{{"at": {number}}}') for number, id_ in enumerate(ids))
    return Message("assistant", (*([Text(text)] if text else []), *made))


def results(*ids: str) -> Message:
    return user(*(ToolResult(id_, (Text(f"r{number}"),)) for number, id_ in enumerate(ids)))


ASKED = (user(Text("Look.")),)
FIRST = (*ASKED, calls("t1", "t2"), results("t1", "t2"))
SECOND = (*FIRST, calls("t3"), results("t3"))


def kept() -> CallIdStore:
    store = CallIdStore()
    store.keep("me", ASKED, FIRST[1])
    store.keep("me", FIRST, SECOND[3])
    return store


def test_calls_and_results_get_claudes_ids() -> None:
    sent = (*ASKED, calls("a", "b"), results("a", "b"), calls("a"), results("a"))
    assert kept().restored("me", sent) == SECOND


def test_results_are_renamed_in_their_own_message_only() -> None:
    sent = (*ASKED, calls("a", "b"), results("b", "a"))
    assert kept().restored("me", sent)[2] == results("t2", "t1")


def test_ids_that_claude_gave_stay_even_if_the_same_question_was_answered_again() -> None:
    store = kept()
    store.keep("me", ASKED, calls("u1", "u2"))
    assert store.restored("me", FIRST) == FIRST
    assert store.restored("me", (*ASKED, calls("a", "b"), results("a", "b")))[1] == calls("u1", "u2")


def test_another_conversation_or_owner_keeps_its_ids() -> None:
    sent = (*ASKED, calls("a", "b"), results("a", "b"))
    assert kept().restored("you", sent) == sent
    for changed in (
        (user(Text("Look!")), *sent[1:]),
        (*ASKED, calls("a", "b", text="Yes."), sent[2]),
        (*ASKED, calls("a"), results("a")),
        (*ASKED, calls("a", "b", "c"), sent[2]),
    ):
        assert kept().restored("me", changed) == changed


def test_system_messages_that_clients_replace_do_not_count() -> None:
    note = Text("It is ten.", is_system=True)
    store = CallIdStore()
    store.keep("me", (user(Text("Look."), note),), FIRST[1])
    sent = (user(Text("Look."), replace(note, text="It is eleven.")), calls("a", "b"), results("a", "b"))
    assert store.restored("me", sent)[1] == FIRST[1]


def test_answers_without_calls_are_not_kept_and_the_store_is_bounded() -> None:
    store = CallIdStore(max_conversations=2)
    for name in ("one", "two", "three"):
        store.keep("me", (user(Text(name)),), calls(f"t {name}"))
        store.keep("me", (user(Text(name)),), Message("assistant", (Text("No."),)))

    def is_known(name: str) -> bool:
        return store.restored("me", (user(Text(name)), calls("a"), results("a")))[1] == calls(f"t {name}")

    assert [is_known(name) for name in ("one", "two", "three")] == [False, True, True]
