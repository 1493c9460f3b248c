"""Claude's sealed thoughts before its calls: clients do not send them back, and Claude goes on better with them."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from server.conversation.fingerprint import conversation_key
from server.conversation.parts import Message, RedactedThinking, Text, Thinking, ToolCall

MOST_TURNS = 500
MOST_BYTES = 32 * 2**20

_Key = tuple[str, str | None, str]


@dataclass(frozen=True, slots=True)
class _Kept:
    turn: Message
    size: int


class Thoughts:
    """Turns in which Claude thought and then called, in memory alone; the least recently used make room for new ones.

    Each is found by whose conversation it was, the model, and the id of its first call.
    """

    def __init__(self, *, most_turns: int = MOST_TURNS, most_bytes: int = MOST_BYTES) -> None:
        self._most_turns = most_turns
        self._most_bytes = most_bytes
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._bytes = 0

    def keep(self, owner: str, model: str | None, turn: Message) -> None:
        """Keeps Claude's turn, if it called in it and sealed its thoughts."""
        call = _first_call(turn)
        sealed = replace(turn, parts=tuple(part for part in turn.parts if _can_go_back(part)))
        if call is None or not any(isinstance(part, Thinking | RedactedThinking) for part in sealed.parts):
            return
        key = (owner, model, call)
        self._drop(key)
        kept = _Kept(sealed, sum(map(_size, sealed.parts)))
        self._kept[key] = kept
        self._bytes += kept.size
        while len(self._kept) > self._most_turns or self._bytes > self._most_bytes:
            self._drop(next(iter(self._kept)))

    def restored(self, owner: str, model: str | None, messages: Iterable[Message]) -> tuple[Message, ...]:
        """The conversation with Claude's thoughts in those turns of which they are kept.

        A turn that says what Claude's did becomes Claude's; in a changed one its thoughts stand first.
        """
        return tuple(self._with_thoughts(owner, model, message) for message in messages)

    def _with_thoughts(self, owner: str, model: str | None, message: Message) -> Message:
        call = _first_call(message)
        has_own = any(isinstance(part, Thinking | RedactedThinking) for part in message.parts)
        if message.role != "assistant" or call is None or has_own or (owner, model, call) not in self._kept:
            return message
        self._kept.move_to_end((owner, model, call))
        turn = self._kept[owner, model, call].turn
        if conversation_key((turn,), model=None) == conversation_key((message,), model=None):
            return turn
        thoughts = [part for part in turn.parts if isinstance(part, Thinking | RedactedThinking)]
        return replace(message, parts=(*thoughts, *message.parts))

    def _drop(self, key: _Key) -> None:
        kept = self._kept.pop(key, None)
        self._bytes -= kept.size if kept is not None else 0


def _first_call(turn: Message) -> str | None:
    return next((part.id for part in turn.parts if isinstance(part, ToolCall)), None)


def _can_go_back(part: object) -> bool:
    """Claude's API refuses thinking without its signature."""
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
