"""Keeps Claude's signed thinking before tool calls: clients drop it, and Claude continues better with it."""

from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, RedactedThinking, Text, Thinking, ToolCall

MAX_MESSAGES = 500
MAX_BYTES = 32 * 2**20

_Key = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class _Entry:
    message: Message
    size: int


class ThinkingStore:
    """An LRU cache of assistant messages with thinking, by their conversation's owner, model and first call."""

    def __init__(self, *, max_messages: int = MAX_MESSAGES, max_bytes: int = MAX_BYTES) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._bytes = 0

    def keep(self, owner: str, model: str | None, message: Message) -> None:
        """Stores the message if it has a tool call and signed thinking."""
        call = _first_call(message)
        signed = replace(message, parts=tuple(part for part in message.parts if _can_be_sent_back(part)))
        if call is None or not any(isinstance(part, Thinking | RedactedThinking) for part in signed.parts):
            return
        key = (owner, model, call)
        self._drop(key)
        entry = _Entry(signed, sum(map(_size, signed.parts)))
        self._entries[key] = entry
        self._bytes += entry.size
        while len(self._entries) > self._max_messages or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def restored(self, owner: str, model: str | None, messages: Iterable[Message]) -> tuple[Message, ...]:
        """The conversation with the stored thinking, put in front of messages that the client has changed."""
        return tuple(self._with_thinking(owner, model, message) for message in messages)

    def _with_thinking(self, owner: str, model: str | None, message: Message) -> Message:
        call = _first_call(message)
        has_own = any(isinstance(part, Thinking | RedactedThinking) for part in message.parts)
        if message.role != "assistant" or call is None or has_own:
            return message
        key = (owner, model, call)
        # A large conversation is read in a thread, so an entry may be dropped meanwhile.
        if (entry := self._entries.get(key)) is None:
            return message
        with suppress(KeyError):
            self._entries.move_to_end(key)
        stored = entry.message
        if conversation_key((stored,), model=None) == conversation_key((message,), model=None):
            return stored
        thinking = [part for part in stored.parts if isinstance(part, Thinking | RedactedThinking)]
        return replace(message, parts=(*thinking, *message.parts))

    def _drop(self, key: _Key) -> None:
        entry = self._entries.pop(key, None)
        self._bytes -= entry.size if entry is not None else 0


def _first_call(message: Message) -> str | None:
    return next((part.id for part in message.parts if isinstance(part, ToolCall)), None)


def _can_be_sent_back(part: object) -> bool:
    """Whether Claude's API accepts the part: it refuses thinking without its signature."""
    return not isinstance(part, Thinking) or part.signature is not None


def _size(part: object) -> int:
    match part:
        case Thinking():
            return len(part.text) + len(part.signature or "")
        case RedactedThinking():
            return len(part.data)
        case Text():
            return len(part.text)
        case ToolCall():
            return len(part.arguments)
    return 0
