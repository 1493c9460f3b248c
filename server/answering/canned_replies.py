"""What is answered here without Claude: the prompt by which Cursor verifies an address and a key."""

from dataclasses import dataclass

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest

WAY = "local"


@dataclass(frozen=True, slots=True)
class _Known:
    """A request as it was recorded: the words of its two messages, and its limit where one was seen."""

    system: str
    question: str
    max_tokens: int | None
    answer: str


_KNOWN = (
    # Cursor's check of a key. It looks at nothing but the status, and asks for whatever model it knows by name.
    _Known(
        system="You are a helpful assistant.",
        question="Test prompt using gpt-3.5-turbo",
        max_tokens=10,
        answer="Drawbridge is here.",
    ),
    # The command that its error dialog offers to copy.
    _Known(
        system="You are a test assistant.",
        question="Testing. Just say hi and nothing else.",
        max_tokens=None,
        answer="hi",
    ),
)


def local_answer(turn: ModelRequest) -> tuple[Event, ...]:
    """The whole answer to a request that needs no Claude; empty for all others."""
    known = next((known for known in _KNOWN if _is(known, turn)), None)
    if known is None:
        return ()
    return (
        Started(model="", way=WAY),
        PartStarted(0, Text("")),
        PartDelta(0, known.answer),
        PartEnded(0),
        Finished(StopReason.END),
    )


def _is(known: _Known, turn: ModelRequest) -> bool:
    return (
        turn.messages == (Message("user", (Text(known.question),)),)
        and turn.profile.system == known.system
        and not turn.profile.tools
        and turn.choices == 1
        and (known.max_tokens is None or turn.settings.max_tokens == known.max_tokens)
    )
