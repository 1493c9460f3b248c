"""The events of an answer, from its start to its end."""

from dataclasses import dataclass, field
from enum import Enum

from server.conversation.parts import Text, Thinking, ToolCall
from server.errors import DrawbridgeError


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens. The prompt as its provider counts it is the sum of the three inputs; thinking is part of `output`."""

    input: int = 0
    cache_creation: int = 0
    cache_read: int = 0
    output: int = 0
    thinking: int = 0

    @property
    def prompt(self) -> int:
        """All tokens that were read, cached or not."""
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
    """Milliseconds since the request came to us: a worker was ready, the first event came, the last."""

    leased_ms: float = 0.0
    first_ms: float = 0.0
    total_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Started:
    """The answer begins. `model` is the id that really answers, `way` how its worker was found."""

    model: str
    usage: Usage = field(default_factory=Usage)
    way: str = ""


@dataclass(frozen=True, slots=True)
class PartStarted:
    """A part begins; its text, if any, follows in deltas. `choice`: in which answer, where there are several."""

    index: int
    part: Text | Thinking | ToolCall
    choice: int = 0


@dataclass(frozen=True, slots=True)
class PartDelta:
    """More text of the part `index`: words, thoughts, or the JSON text of a call's arguments."""

    index: int
    text: str
    choice: int = 0


@dataclass(frozen=True, slots=True)
class PartEnded:
    """The part `index` is complete. `signature` seals a thinking part, else None."""

    index: int
    signature: str | None = None
    choice: int = 0


@dataclass(frozen=True, slots=True)
class Finished:
    """The answer is whole. Nothing follows. `cost_usd` is None where Claude Code does not say.

    `reasons`: where several answers were wanted, why each of them ended; usage and cost are then those of all.
    """

    reason: StopReason
    stop_sequence: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    timings: Timings = field(default_factory=Timings)
    reasons: tuple[StopReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer broke after it had begun. Nothing follows. Before the first event a failure is an exception."""

    error: DrawbridgeError


Event = Started | PartStarted | PartDelta | PartEnded | Finished | Failed
