from server.answering.thinking_store import ThinkingStore
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import PartDelta, PartEnded, PartStarted
from server.conversation.parts import Message, Part, RedactedThinking, Text, Thinking, ToolCall, ToolResult

THOUGHT = Thinking("Hm.", signature="seal")
REDACTED = RedactedThinking("x")
CALL = ToolCall("toolu_1", "look", '{"a": 1}')


def claude(*parts: Part) -> Message:
    return Message("assistant", parts)


def test_claudes_turn_comes_back_as_claude_said_it() -> None:
    thoughts = ThinkingStore()
    turn = claude(THOUGHT, Text(" Let me. "), REDACTED, CALL)
    thoughts.keep("me", "sonnet", turn)
    said = (
        Message("user", (Text("hi"),)),
        claude(Text("Let me."), CALL),
        Message("user", (ToolResult("toolu_1", ()),)),
    )
    assert thoughts.restored("me", "sonnet", said) == (said[0], turn, said[2])


def test_a_changed_turn_gets_the_thoughts_alone() -> None:
    thoughts = ThinkingStore()
    thoughts.keep("me", None, claude(THOUGHT, Text("Let me."), CALL))
    changed = claude(CALL)
    assert thoughts.restored("me", None, (changed,)) == (claude(THOUGHT, CALL),)


def test_thoughts_are_nobody_elses_and_no_other_models() -> None:
    thoughts = ThinkingStore()
    thoughts.keep("me", "sonnet", claude(THOUGHT, CALL))
    for owner, model in (("you", "sonnet"), ("me", "opus"), ("me", None)):
        assert thoughts.restored(owner, model, (claude(CALL),)) == (claude(CALL),)


def test_what_has_thoughts_of_its_own_keeps_them() -> None:
    thoughts = ThinkingStore()
    thoughts.keep("me", None, claude(THOUGHT, CALL))
    own = claude(Thinking("Mine.", signature="mine"), CALL)
    assert thoughts.restored("me", None, (own,)) == (own,)


def test_unsealed_thoughts_and_turns_without_calls_are_not_kept() -> None:
    thoughts = ThinkingStore()
    thoughts.keep("me", None, claude(Thinking("Hm."), CALL))
    thoughts.keep("me", None, claude(THOUGHT, Text("Well.")))
    assert thoughts.restored("me", None, (claude(CALL), claude(Text("Well.")))) == (claude(CALL), claude(Text("Well.")))


def test_they_are_bounded_by_number_and_by_size_and_the_least_used_go_first() -> None:
    calls = [ToolCall(f"toolu_{number}", "look", "{}") for number in range(4)]

    def kept(thoughts: ThinkingStore) -> list[int]:
        found = [thoughts.restored("me", None, (claude(call),))[0] for call in calls]
        return [number for number, turn in enumerate(found) if len(turn.parts) == 2]

    thoughts = ThinkingStore(max_messages=2)
    for call in calls[:2]:
        thoughts.keep("me", None, claude(THOUGHT, call))
    thoughts.restored("me", None, (claude(calls[0]),))
    thoughts.keep("me", None, claude(THOUGHT, calls[2]))
    assert kept(thoughts) == [0, 2]
    thoughts = ThinkingStore(max_bytes=250)
    for call in calls:
        thoughts.keep("me", None, claude(Thinking("x" * 100, signature="s"), call))
    assert kept(thoughts) == [2, 3]
    thoughts.keep("me", None, claude(Thinking("x" * 1000, signature="s"), calls[0]))
    assert kept(thoughts) == []


def test_a_turn_is_gathered_with_its_thoughts_and_goes_back_without_them() -> None:
    spoken = MessageAccumulator()
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
        spoken.add(event)
    assert spoken.message_with_thinking == claude(THOUGHT, CALL)
    assert spoken.message == claude(CALL)
