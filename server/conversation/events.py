"""The events of an answer, from its start to its end."""

from dataclasses import dataclass, field
from enum import Enum

from server.conversation.parts import RedactedThinking, Text, Thinking, ToolCall
from server.errors import DrawbridgeError

AnswerPart = Text | Thinking | RedactedThinking | ToolCall


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts. The provider's prompt count is the sum of the three inputs; `output` includes thinking."""

    input: int = 0
    cache_creation: int = 0
    cache_read: int = 0
    output: int = 0
    thinking: int = 0

    @property
    def prompt(self) -> int:
        """All input tokens, cached or not."""
        return self.input + self.cache_creation + self.cache_read


class StopReason(Enum):
    """Why an answer ended."""

    END = "end"
    LENGTH = "length"
    STOP_SEQUENCE = "stop sequence"
    TOOL_CALLS = "tool calls"
    REFUSAL = "refusal"


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds from the arrival of the request until a worker was leased, the first event, and the end.

    `sent_ms`: until the worker had everything, with a replay of the earlier messages.
    """

    leased_ms: float = 0.0
    first_ms: float = 0.0
    total_ms: float = 0.0
    sent_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Started:
    """The answer begins. `model` is the id of the answering model, `way` how the request found its worker.

    `timings`: what is known of them at the first event.
    """

    model: str
    usage: Usage = field(default_factory=Usage)
    way: str = ""
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class PartStarted:
    """A part begins; its text follows in deltas. `choice`: the number of the answer if the request wants several."""

    index: int
    part: AnswerPart
    choice: int = 0


@dataclass(frozen=True, slots=True)
class PartDelta:
    """More text of the part `index`: text, thinking, or the JSON text of a call's arguments.

    `citation`: a citation of the text so far, as the JSON text that Claude's API writes; then `text` is empty.
    """

    index: int
    text: str
    choice: int = 0
    citation: str | None = None


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part `index` is complete. `signature` is that of a thinking part, else None."""

    index: int
    signature: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of a complete answer. `reasons`: one for each of several answers; usage and cost are the sums."""

    reason: StopReason
    stop_sequence: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    timings: Timings = field(default_factory=Timings)
    reasons: tuple[StopReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer failed after it had begun; the last event. Before the first event a failure is an exception."""

    error: DrawbridgeError


Event = Started | PartStarted | PartDelta | PartEnded | Finished | Failed
