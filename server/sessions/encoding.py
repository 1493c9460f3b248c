"""Messages as JSON, without losing anything of them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, fields
from types import MappingProxyType
from typing import Any  # parsed JSON

from server.conversation.parts import (
    Document,
    Image,
    Message,
    Part,
    RedactedThinking,
    SearchResult,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
)
from server.large_json import dumps, loads

_TYPES: Mapping[str, type[Part]] = MappingProxyType(
    {
        "text": Text,
        "thinking": Thinking,
        "redacted_thinking": RedactedThinking,
        "tool_call": ToolCall,
        "tool_result": ToolResult,
        "image": Image,
        "document": Document,
        "search_result": SearchResult,
    }
)
_NAMES = {type_: name for name, type_ in _TYPES.items()}
# The place in one request of an image that was made smaller; no later request has it there.
_NOT_KEPT = frozenset({"shrunk_at"})


def encoded(message: Message) -> str:
    """The message as JSON text."""
    return dumps([message.role, [_values(part) for part in message.parts]], ensure_ascii=False)


def decoded(text: str) -> Message:
    """The message in the JSON text that `encoded` made."""
    role, parts = loads(text)
    return Message(role, tuple(map(_part, parts)))


def size_of(messages: Iterable[Message]) -> int:
    """How many bytes the messages have when they are stored."""
    return sum(len(encoded(message).encode()) for message in messages)


def _values(part: Part) -> dict[str, object]:
    """The type of the part, and its fields that have other values than by default."""
    values: dict[str, object] = {"type": _NAMES[type(part)]}
    for field in fields(part):
        value = getattr(part, field.name)
        if field.name in _NOT_KEPT or (field.default is not MISSING and value == field.default):
            continue
        values[field.name] = value
    if isinstance(part, ToolResult):
        values["parts"] = [_values(inner) for inner in part.parts]
    return values


def _part(values: dict[str, Any]) -> Part:
    type_ = _TYPES[values.pop("type")]
    if type_ is ToolResult:
        values["parts"] = tuple(map(_part, values["parts"]))
    make: Callable[..., Part] = type_
    return make(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
