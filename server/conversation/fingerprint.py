"""When two conversations are the same one: a short key of what was said, by which the worker that holds it is found."""

import hashlib
import json
from collections.abc import Iterable, Mapping

from server.conversation.parts import Document, Image, Message, Part, Text, Thinking, ToolCall, ToolResult


def conversation_key(messages: Iterable[Message], *, model: str | None) -> str:
    """Equal for equal conversations under the same model.

    What the user said counts to the letter. Of the assistant's turns the words count, trimmed, and the calls with their
    parsed arguments: clients send Claude's answers back trimmed, re-serialized and without its thoughts, and what stays
    upstream is Claude's own turn.
    """
    said = [[message.role, *_entries(message)] for message in messages]
    text = json.dumps([model, said], ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _entries(message: Message) -> list[object]:
    if message.role == "user":
        return [_exact(part) for part in message.parts]
    words = "".join(part.text for part in message.parts if isinstance(part, Text)).strip()
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    others = [_exact(part) for part in message.parts if isinstance(part, Image | Document | ToolResult)]
    return [["text", words], *calls, *others]


def _exact(part: Part) -> list[object]:
    match part:
        case Text():
            return ["text", part.text]
        case Thinking():
            return ["thinking", part.text, part.signature]
        case ToolCall():
            return _call(part)
        case ToolResult():
            return ["result", part.id, part.is_error, [_exact(inner) for inner in part.parts]]
        case Image():
            return ["image", part.media_type, part.data, part.url]
        case Document():
            return ["document", part.media_type, part.data, part.url, part.title]


def _call(part: ToolCall) -> list[object]:
    return ["call", part.id, part.name, _parsed(part.arguments)]


def _parsed(arguments: str) -> object:
    """The arguments as values, so that another order of names or other blanks make no difference."""
    try:
        parsed = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return arguments
    return dict(sorted(parsed.items())) if isinstance(parsed, Mapping) else parsed
