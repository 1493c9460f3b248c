"""Messages and the parts that they consist of."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "assistant"]


Extras = tuple[tuple[str, object], ...]


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
