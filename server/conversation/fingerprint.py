"""A short key of a conversation, by which a follow-up request finds the worker that holds it."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

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
from server.conversation.request import Profile
from server.large_json import dumps, loads

_LONGEST = 1_000_000
_NONE = Profile()


def conversation_key(messages: Iterable[Message], *, model: str | None, profile: Profile = _NONE) -> str:
    """Equal for equal conversations with the same model, system prompt and tools, within one run of the server.

    Without a model and a profile it is the same in every run.

    User messages count exactly. Of assistant messages, the trimmed text and the calls with their parsed arguments
    count: clients send Claude's answers back trimmed, re-serialized and without thinking, while the worker keeps
    Claude's original message.
    """
    digest = _digest(model, profile)
    for message in messages:
        digest.update(_bytes(message))
    return digest.hexdigest()


def conversation_keys(messages: Iterable[Message], *, model: str | None, profile: Profile = _NONE) -> Iterator[str]:
    """The keys of the conversation up to and with each message."""
    digest = _digest(model, profile)
    for message in messages:
        digest.update(_bytes(message))
        yield digest.hexdigest()


def _digest(model: str | None, profile: Profile) -> "hashlib.blake2b":
    number = 0 if profile == _NONE else hash(profile)
    return hashlib.blake2b(dumps([model, number]).encode(), digest_size=16)


def _bytes(message: Message) -> bytes:
    return dumps([message.role, *_entries(message)], sort_keys=True).encode()


def _entries(message: Message) -> list[object]:
    if message.role == "user":
        return [_exact(part) for part in message.parts]
    text = "".join(part.text for part in message.parts if isinstance(part, Text)).strip()
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    others = [_exact(part) for part in message.parts if isinstance(part, Image | Document | SearchResult | ToolResult)]
    return [["text", text], *calls, *others]


def _exact(part: Part) -> list[object]:
    match part:
        case Text():
            return ["text", part.text]
        case Thinking():
            return ["thinking", part.text, part.signature]
        case RedactedThinking():
            return ["redacted thinking", part.data]
        case ToolCall():
            return _call(part)
        case ToolResult():
            return ["result", part.id, part.is_error, [_exact(inner) for inner in part.parts]]
        case Image():
            return ["image", part.media_type, part.data, part.url]
        case Document():
            return [
                "document",
                part.media_type,
                part.data,
                part.url,
                part.title,
                part.context,
                part.cites,
                *part.blocks,
            ]
        case SearchResult():
            return ["search result", part.source, part.title, part.cites, *part.texts]


def _call(part: ToolCall) -> list[object]:
    return ["call", part.id, part.name, _parsed(part.arguments)]


def _parsed(arguments: str) -> object:
    """The arguments as values, so that key order and whitespace do not matter, unless they are too long to be parsed.

    Claude writes no such arguments, and the parser cannot be interrupted.
    """
    if len(arguments) > _LONGEST:
        return arguments
    try:
        parsed = loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments
    return dict(sorted(parsed.items())) if isinstance(parsed, Mapping) else parsed
