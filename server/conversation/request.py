"""The neutral middle: a request and its answer in nobody's dialect.

Every dialect translates its requests to a `Turn` and `Event`s to its replies; nothing else crosses between a dialect
and Claude. All of it is frozen values.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from server.errors import DrawbridgeError

Role = Literal["user", "assistant"]
ALIAS_PREFIX = "cc:"
Extras = tuple[tuple[str, object], ...]
"""What only like dialects understand (cache marks, citations), kept so that nothing is lost between them."""


@dataclass(frozen=True, slots=True)
class Text:
    """Words, exactly as they were written."""

    text: str
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model's reasoning. `signature` is the seal without which it cannot be sent back; None while streamed."""

    text: str
    signature: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls a tool of the client's. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str = ""
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class ToolResult:
    """What a tool gave back for the call `id`."""

    id: str
    parts: "tuple[Text | Image | Document, ...]"
    is_error: bool = False
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Image:
    """A picture: base64 `data` of `media_type`, or a `url` that Claude's API fetches (never we)."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    extras: Extras = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF or text document, in the same two forms as an image."""

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    title: str | None = None
    extras: Extras = ()


Part = Text | Thinking | ToolCall | ToolResult | Image | Document


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. Two messages in a row never have the same role."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool of the client's: `schema` is its JSON schema, an object's, as JSON text.

    `takes_text`: the client wants its argument as raw text. The schema then has the one text `input`, and the dialect
    unwraps it.
    """

    name: str
    description: str
    schema: str
    takes_text: bool = False


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether Claude may call, must call, must not, or must call the tool `name`; `parallel`: several at a time."""

    mode: Literal["auto", "any", "none", "tool"] = "auto"
    name: str = ""
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class Launch:
    """What is fixed when a process is spawned: which CLI, with which arguments of ours and which environment.

    `is_private` False: it uses the user's own config folder, since it would not find the sign-in from another one.
    """

    cli: str
    environment: tuple[tuple[str, str], ...] = ()
    is_private: bool = True
    mode: Literal["chat"] = "chat"


@dataclass(frozen=True, slots=True)
class Profile:
    """What is fixed when a process is initialized: the system prompt, the tools, and whose key asks.

    `owner` is an opaque name of the key and listener: workers are never shared between two of them.
    """

    system: str = ""
    tools: tuple[Tool, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Settings:
    """What may change with every request on a live process.

    `model` is an id or alias that Claude Code knows; None is Claude Code's own default. `schema` is the JSON schema, as
    JSON text, of an answer that shall be JSON. `thinks` False: without thinking where the model can do without.
    `shows_thinking`: a summary of its thoughts is wanted. Sampling is what the client asked for and is to be forwarded.
    """

    model: str | None = None
    effort: str | None = None
    max_tokens: int | None = None
    stop_sequences: tuple[str, ...] = ()
    tool_choice: ToolChoice = ToolChoice()
    schema: str | None = None
    thinks: bool = True
    shows_thinking: bool = False
    temperature: float | None = None
    top_p: float | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A request: a conversation that ends with the user's message, and how to answer it.

    `model` is the name as the client wrote it (empty: none); `answering` decides what answers to it.
    `ignored` names the fields that were accepted and have no effect. `choices`: how many answers are wanted.
    """

    messages: tuple[Message, ...]
    model: str = ""
    profile: Profile = field(default_factory=Profile)
    settings: Settings = field(default_factory=Settings)
    ignored: tuple[str, ...] = ()
    choices: int = 1


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


class Reason(Enum):
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

    reason: Reason
    stop_sequence: str | None = None
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    timings: Timings = field(default_factory=Timings)
    reasons: tuple[Reason, ...] = ()


@dataclass(frozen=True, slots=True)
class Failed:
    """The answer broke after it had begun. Nothing follows. Before the first event a failure is an exception."""

    error: DrawbridgeError


Event = Started | PartStarted | PartDelta | PartEnded | Finished | Failed


@dataclass(frozen=True, slots=True)
class ModelCard:
    """A model that this account may use. `id` is what to ask for, `resolved` the id it stands for today.

    `context_length` and `max_output_tokens` are None where nobody says. `efforts` is empty where it has none.
    """

    id: str
    resolved: str
    name: str
    description: str = ""
    efforts: tuple[str, ...] = ()
    context_length: int | None = None
    max_output_tokens: int | None = None

    @property
    def alias(self) -> str | None:
        """A name that no client takes for one of its own, as in `cc:opus`; None where there is only a full id."""
        return None if self.id.lower().startswith("claude-") else f"{ALIAS_PREFIX}{self.id}"


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """What an answer told of its model, in tokens: it is not in the list of models."""

    model: str
    context_length: int
    max_output_tokens: int
