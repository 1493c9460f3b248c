"""A request to a model: conversation, tools, settings, and the profile that decides which process can answer it."""

from dataclasses import dataclass, field
from typing import Literal

from server.conversation.parts import Message
from server.projects.project import Project

ALIAS_PREFIX = "cc:"


@dataclass(frozen=True, slots=True)
class Tool:
    """One of the client's tools. `schema` is the JSON text of its JSON schema, which describes an object.

    `takes_text`: the client expects raw text as the argument. The schema then has one string, `input`, which the
    dialect unwraps. `keys` maps the client's names of arguments to those in `schema`, where they differ. `changed`:
    places of the client's definition that have no effect.
    """

    name: str
    description: str
    schema: str
    takes_text: bool = False
    keys: tuple[tuple[str, str], ...] = ()
    changed: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """Whether Claude may, must or must not call, or must call the tool `name`; `parallel`: several calls at once."""

    mode: Literal["auto", "any", "none", "tool"] = "auto"
    name: str = ""
    parallel: bool = True


@dataclass(frozen=True, slots=True)
class Launch:
    """What is fixed when a process is spawned.

    `is_private`: it does not use the user's own config folder. `is_live`: its system prompt and tools may change.
    `arguments`: the whole command line after the program; empty: that of a chat worker. `folder` is the working
    directory and `config` the config folder; empty: private ones, removed when the process has ended.
    """

    cli: str
    environment: tuple[tuple[str, str], ...] = ()
    is_private: bool = True
    is_live: bool = False
    arguments: tuple[str, ...] = ()
    folder: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class Profile:
    """What only a live process can change between conversations.

    `owner`: a listener and its key; two owners never share a worker.
    """

    system: str = ""
    tools: tuple[Tool, ...] = ()
    owner: str = ""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What may change with every request on a live process.

    `model` is an id or alias that Claude Code knows; None is its default. `schema` is the JSON text of the JSON schema
    of a structured answer. `thinks` False: no thinking if the model supports that. `shows_thinking`: include summaries
    of the thinking. `temperature` and `top_p` are set only if they are to be forwarded.
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
class AnswerFormat:
    """How to read an answer in JSON. `schema` is the client's own schema as JSON text; None is any object.

    `tool`: the arguments of calls of this tool are the answer; None: it is the text. `is_wrapped`: the answer is the
    value of the only property of those arguments.
    """

    schema: str | None
    tool: str | None = None
    is_wrapped: bool = False


@dataclass(frozen=True, slots=True)
class Work:
    """An answer for which Claude Code's own tools work in the folder of `project`.

    `session`: the name of the session that the answer belongs to; empty: none. `request_id` is the one in the log.
    `turns`: the most requests to Claude, if the client wants fewer than the settings allow.
    `uses_desktop`: the tools for screen, pointer and keyboard are offered too, while the user lets Claude use them.
    """

    project: Project
    session: str = ""
    request_id: str = ""
    uses_desktop: bool = False
    turns: int | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """A request: a conversation that ends with the user's message, and how to answer it.

    `model` is the name as the client wrote it (empty: none), which `answering` resolves. `ignored` names the fields
    that were accepted without effect. `choices`: how many answers the client wants. `cut_at`: stop sequences at which
    Drawbridge itself cuts the answer. `answer` is the format of an answer in JSON. `allowed_models`: the models that
    may answer, by names with `*` for any text; empty: every model. `work`: an agent answers; None: a chat.
    """

    messages: tuple[Message, ...]
    model: str = ""
    profile: Profile = field(default_factory=Profile)
    settings: ModelSettings = field(default_factory=ModelSettings)
    ignored: tuple[str, ...] = ()
    choices: int = 1
    cut_at: tuple[str, ...] = ()
    answer: AnswerFormat | None = None
    allowed_models: tuple[str, ...] = ()
    work: Work | None = None
