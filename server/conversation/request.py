"""A request to a model: conversation, tools, settings, and what decides which process can answer it."""

from dataclasses import dataclass, field
from typing import Literal

from server.conversation.parts import Message

ALIAS_PREFIX = "cc:"


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
class ModelSettings:
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
class ModelRequest:
    """A request: a conversation that ends with the user's message, and how to answer it.

    `model` is the name as the client wrote it (empty: none); `answering` decides what answers to it.
    `ignored` names the fields that were accepted and have no effect. `choices`: how many answers are wanted.
    """

    messages: tuple[Message, ...]
    model: str = ""
    profile: Profile = field(default_factory=Profile)
    settings: ModelSettings = field(default_factory=ModelSettings)
    ignored: tuple[str, ...] = ()
    choices: int = 1
