"""Event sequences that every dialect must be able to reply with, and what a client must read from the reply."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason, Usage
from server.conversation.parts import Text, Thinking, ToolCall

USAGE = Usage(input=10, cache_read=5, output=7, thinking=2)


@dataclass(frozen=True)
class Answer:
    """An answer as a client reads it. A call is id, name and parsed arguments; `finish` is the dialect's own word."""

    text: str = ""
    reasoning: str = ""
    calls: tuple[tuple[str, str, object], ...] = ()
    finish: str | None = None
    tokens: tuple[int, int] | None = None


def text(index: int, *deltas: str) -> list[Event]:
    return [PartStarted(index, Text("")), *(PartDelta(index, delta) for delta in deltas), PartEnded(index)]


def thinking(index: int, *deltas: str) -> list[Event]:
    return [PartStarted(index, Thinking("")), *(PartDelta(index, delta) for delta in deltas), PartEnded(index, "seal")]


def call(index: int, name: str, *deltas: str) -> list[Event]:
    started = PartStarted(index, ToolCall(f"toolu_{index}", name))
    return [started, *(PartDelta(index, delta) for delta in deltas), PartEnded(index)]


def answer(*parts: Sequence[Event], reason: StopReason = StopReason.END) -> list[Event]:
    events = [event for part in parts for event in part]
    return [Started("claude-sonnet-5", way="process"), *events, Finished(reason, usage=USAGE)]


ANSWERS: dict[str, list[Event]] = {
    "text": answer(text(0, "Good", "", " day.\n")),
    "text that is hard to frame": answer(text(0, "a\n\nb\r\n", "data: x\n", "\u2028\u0085\x00", "Grüße 🌉", '"\\')),
    "text in two parts": answer(text(0, "one"), text(1, "two")),
    "nothing": answer(),
    "reasoning, then text": answer(thinking(0, "The user ", "greets me."), text(1, "Hello.")),
    "reasoning without text": answer(thinking(0), text(1, "Hello.")),
    "a call": answer(call(0, "look", '{"at": ', '"it"}'), reason=StopReason.TOOL_CALLS),
    "text and two calls, one without arguments": answer(
        text(0, "Wait."), call(1, "look", '{"at":"\u2028"}'), call(2, "patch"), reason=StopReason.TOOL_CALLS
    ),
    "an answer at its limit": answer(text(0, "Once upon"), reason=StopReason.LENGTH),
    "an answer at a stop sequence": answer(text(0, "Once"), reason=StopReason.STOP_SEQUENCE),
    "a refusal": answer(text(0, "I will not."), reason=StopReason.REFUSAL),
}


def expected_answer(events: Sequence[Event]) -> Answer:
    """What a client must read, whatever the dialect; `finish` and `tokens` are the dialect's own."""
    parts = {event.index: event.part for event in events if isinstance(event, PartStarted)}
    texts = {index: "".join(e.text for e in events if isinstance(e, PartDelta) and e.index == index) for index in parts}
    return Answer(
        text="".join(texts[index] for index, part in parts.items() if isinstance(part, Text)),
        reasoning="".join(texts[index] for index, part in parts.items() if isinstance(part, Thinking)),
        calls=tuple(
            (part.id, part.name, json.loads(texts[index] or "{}"))
            for index, part in parts.items()
            if isinstance(part, ToolCall)
        ),
    )
