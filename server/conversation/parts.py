"""Messages and the parts that they consist of."""

from dataclasses import dataclass, field
from typing import Literal

Role = Literal["user", "assistant"]


@dataclass(frozen=True, slots=True)
class Text:
    """Text, exactly as it was written. `is_system`: a system message that stands in a user's message."""

    text: str
    is_system: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Thinking:
    """The model's reasoning. Without its `signature` it cannot be sent back; None while it is streamed.

    `model` is the id of the model that it is of, if known: no other model takes it back.
    """

    text: str
    signature: str | None = None
    model: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class RedactedThinking:
    """Reasoning that Claude's API encrypted: only the API can read `data`. `model` as for `Thinking`."""

    data: str
    model: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model calls one of the client's tools. `arguments` is the JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """The result of the call `id`."""

    id: str
    parts: "tuple[Text | Image | Document | SearchResult, ...]"
    is_error: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """An image: base64 `data` of `media_type`, or a `url` that Claude's API fetches (Drawbridge never does).

    `shrunk_at` is the place in the request of an image that was too large and was made smaller; else empty.
    """

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    shrunk_at: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """A PDF or text document, in the same two forms as an image, or as `blocks` of text.

    `cites`: Claude cites it in its answer. `context` describes it, and is not cited.
    """

    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    title: str | None = None
    context: str | None = None
    cites: bool = False
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A result of a search by the client, from `source`. `cites`: Claude cites it in its answer."""

    source: str
    title: str
    texts: tuple[str, ...]
    cites: bool = False


Part = Text | Thinking | RedactedThinking | ToolCall | ToolResult | Image | Document | SearchResult


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a conversation. Two in a row never have the same role."""

    role: Role
    parts: tuple[Part, ...]
