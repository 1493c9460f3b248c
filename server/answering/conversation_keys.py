"""Chooses the keys by which a request finds the worker that holds its conversation.

Clients that put the time into a system message behind the conversation send a new one with each request and drop the
old one. Such a conversation continues: Claude sees the short old message, followed by the new one.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from threading import Lock

from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, Part, Text
from server.conversation.request import Profile

# In characters, of all system messages in one user message. A replaced one stays in Claude's context.
SHORT = 200
MAX_CONVERSATIONS = 1000
NONE = Profile()


class ConversationKeys:
    """Remembers the conversations whose last question contains short system messages."""

    def __init__(self) -> None:
        # The key of the whole conversation by the key of the one without the messages.
        self._replaceable: OrderedDict[str, str] = OrderedDict()
        # Large conversations are read in threads.
        self._lock = Lock()

    def held(self, messages: Sequence[Message], answer: Message, *, model: str | None, profile: Profile = NONE) -> str:
        """The key of the conversation that a worker holds after `answer`."""
        whole = conversation_key((*messages, answer), model=model, profile=profile)
        bare = without_notes(messages[-1])
        if bare == messages[-1] or not bare.parts or _length_of_notes(messages[-1]) > SHORT:
            return whole
        key = conversation_key((*messages[:-1], bare, answer), model=model, profile=profile)
        with self._lock:
            self._replaceable[key] = whole
            self._replaceable.move_to_end(key)
            while len(self._replaceable) > MAX_CONVERSATIONS:
                self._replaceable.popitem(last=False)
        return _replaceable(key)

    def wanted(self, messages: Sequence[Message], *, model: str | None, profile: Profile = NONE) -> str | None:
        """The key of the conversation that a request continues, None for a new one."""
        if len(messages) < 2:
            return None
        history = messages[:-1]
        whole = conversation_key(history, model=model, profile=profile)
        bare = conversation_key(
            (*history[:-2], *map(without_notes, history[-2:-1]), history[-1]), model=model, profile=profile
        )
        with self._lock:
            held = self._replaceable.get(bare)
        is_replaced = whole == bare and _length_of_notes(messages[-1]) > 0
        return _replaceable(bare) if held is not None and (held == whole or is_replaced) else whole


def _replaceable(key: str) -> str:
    return f"{key} and system messages"


def _is_note(part: Part) -> bool:
    return isinstance(part, Text) and part.is_system


def without_notes(message: Message) -> Message:
    """The message without system messages in it, which clients may replace."""
    return replace(message, parts=tuple(part for part in message.parts if not _is_note(part)))


def _length_of_notes(message: Message) -> int:
    return sum(len(part.text) for part in message.parts if isinstance(part, Text) and part.is_system)
