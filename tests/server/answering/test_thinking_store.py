from server.answering.thinking_store import ThinkingStore
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import PartDelta, PartEnded, PartStarted
from server.conversation.parts import Message, Part, RedactedThinking, Text, Thinking, ToolCall, ToolResult

THINKING = Thinking("Hm.", signature="seal")
REDACTED = RedactedThinking("x")
CALL = ToolCall("toolu_1", "look", '{"a": 1}')


def claude(*parts: Part) -> Message:
    return Message("assistant", parts)


def test_an_equal_message_is_restored_with_its_thinking() -> None:
    store = ThinkingStore()
    message = claude(THINKING, Text(" Let me. "), REDACTED, CALL)
    store.keep("me", "sonnet", message)
    sent = (
        Message("user", (Text("hi"),)),
        claude(Text("Let me."), CALL),
        Message("user", (ToolResult("toolu_1", ()),)),
    )
    assert store.restored("me", "sonnet", sent) == (sent[0], message, sent[2])


def test_a_changed_message_gets_the_thinking_in_front() -> None:
    store = ThinkingStore()
    store.keep("me", None, claude(THINKING, Text("Let me."), CALL))
    changed = claude(CALL)
    assert store.restored("me", None, (changed,)) == (claude(THINKING, CALL),)


def test_thinking_is_not_shared_with_another_owner_or_model() -> None:
    store = ThinkingStore()
    store.keep("me", "sonnet", claude(THINKING, CALL))
    for owner, model in (("you", "sonnet"), ("me", "opus"), ("me", None)):
        assert store.restored(owner, model, (claude(CALL),)) == (claude(CALL),)


def test_a_message_with_its_own_thinking_keeps_it() -> None:
    store = ThinkingStore()
    store.keep("me", None, claude(THINKING, CALL))
    own = claude(Thinking("Mine.", signature="mine"), CALL)
    assert store.restored("me", None, (own,)) == (own,)


def test_unsigned_thinking_and_messages_without_calls_are_not_kept() -> None:
    store = ThinkingStore()
    store.keep("me", None, claude(Thinking("Hm."), CALL))
    store.keep("me", None, claude(THINKING, Text("Well.")))
    assert store.restored("me", None, (claude(CALL), claude(Text("Well.")))) == (claude(CALL), claude(Text("Well.")))


def test_the_store_is_bounded_by_number_and_size_and_drops_the_least_recently_used() -> None:
    calls = [ToolCall(f"toolu_{number}", "look", "{}") for number in range(4)]

    def kept(store: ThinkingStore) -> list[int]:
        found = [store.restored("me", None, (claude(call),))[0] for call in calls]
        return [number for number, message in enumerate(found) if len(message.parts) == 2]

    store = ThinkingStore(max_messages=2)
    for call in calls[:2]:
        store.keep("me", None, claude(THINKING, call))
    store.restored("me", None, (claude(calls[0]),))
    store.keep("me", None, claude(THINKING, calls[2]))
    assert kept(store) == [0, 2]
    store = ThinkingStore(max_bytes=250)
    for call in calls:
        store.keep("me", None, claude(Thinking("x" * 100, signature="s"), call))
    assert kept(store) == [2, 3]
    store.keep("me", None, claude(Thinking("x" * 1000, signature="s"), calls[0]))
    assert kept(store) == []


def test_the_accumulated_message_has_the_thinking_only_where_wanted() -> None:
    accumulator = MessageAccumulator()
    for event in (
        PartStarted(0, Thinking("")),
        PartDelta(0, "H"),
        PartDelta(0, "m."),
        PartEnded(0, "seal"),
        PartStarted(1, ToolCall("toolu_1", "look")),
        PartDelta(1, '{"a": '),
        PartDelta(1, "1}"),
        PartEnded(1),
    ):
        accumulator.add(event)
    assert accumulator.message_with_thinking == claude(THINKING, CALL)
    assert accumulator.message == claude(CALL)
