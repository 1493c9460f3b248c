"""Gives calls in a client's conversation the ids that Claude gave them: some clients drop ids, others write their own.

A worker that waits for results knows its calls by Claude's ids only, and so does the store of Claude's thinking.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from threading import Lock

from server.answering.conversation_keys import without_notes
from server.conversation.fingerprint import conversation_keys
from server.conversation.parts import Message, Part, ToolCall, ToolResult

MAX_CONVERSATIONS = 2000
# How many answers to one conversation: clients may ask the same thing at the same time.
_MOST_ANSWERS = 8

_Ids = tuple[str, ...]


class CallIdStore:
    """An LRU cache of the ids in answers that call tools, by the conversation up to the answer without any ids."""

    def __init__(self, *, max_conversations: int = MAX_CONVERSATIONS) -> None:
        self._max_conversations = max_conversations
        # The ids of the latest answers, the latest one last.
        self._answers: OrderedDict[tuple[str, str], tuple[_Ids, ...]] = OrderedDict()
        # Large conversations are read in threads.
        self._lock = Lock()

    def keep(self, owner: str, messages: Sequence[Message], answer: Message) -> None:
        """Stores the ids of the calls in `answer` to `messages`."""
        if not (ids := _ids_in(answer)):
            return
        key = owner, list(_keys((*messages, answer)))[-1]
        with self._lock:
            self._answers[key] = (*self._answers.get(key, ())[1 - _MOST_ANSWERS :], ids)
            self._answers.move_to_end(key)
            while len(self._answers) > self._max_conversations:
                self._answers.popitem(last=False)

    def restored(self, owner: str, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The conversation with Claude's ids in its calls and their results, where they are known."""
        if not any(_ids_in(message) for message in messages):
            return tuple(messages)
        renamed: list[Message] = []
        names: Mapping[str, str] = {}
        for message, key in zip(messages, _keys(messages), strict=True):
            if message.role == "assistant":
                names = self._names(message, (owner, key))
            renamed.append(replace(message, parts=tuple(_renamed(part, names) for part in message.parts)))
        return tuple(renamed)

    def _names(self, message: Message, key: tuple[str, str]) -> Mapping[str, str]:
        """Claude's ids of the calls in `message`, by the client's; those of the latest answer if it has others."""
        given = _ids_in(message)
        with self._lock:
            answers = self._answers.get(key, ())
            if not given or not answers:
                return {}
            self._answers.move_to_end(key)
        return {} if given in answers else dict(zip(given, answers[-1], strict=True))


def _keys(messages: Sequence[Message]) -> Iterator[str]:
    """The keys of the conversation up to each message, with numbers as ids, and without what clients may replace."""
    return conversation_keys(map(without_notes, _numbered(messages)), model=None)


def _numbered(messages: Sequence[Message]) -> Iterator[Message]:
    numbers: Mapping[str, str] = {}
    for message in messages:
        if message.role == "assistant":
            numbers = {id_: str(number) for number, id_ in enumerate(_ids_in(message))}
        yield replace(message, parts=tuple(_renamed(part, numbers) for part in message.parts))


def _ids_in(message: Message) -> _Ids:
    return tuple(part.id for part in message.parts if isinstance(part, ToolCall))


def _renamed(part: Part, names: Mapping[str, str]) -> Part:
    return replace(part, id=names.get(part.id, part.id)) if isinstance(part, ToolCall | ToolResult) else part
