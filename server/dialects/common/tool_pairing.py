"""Calls and their results: every call has one result in the turn after it, under an id that Claude's API takes."""

from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, replace

from server.conversation.parts import Message, Part, ToolCall, ToolResult
from server.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class PairingErrors:
    """How a dialect says what is wrong; `{ids}` stands for the ids of the calls.

    `unanswered`: calls without a result; `unasked`: results without a call. `param` is the field to name.
    """

    unanswered: str
    unasked: str
    param: str = "messages"


def paired(messages: Iterable[Message], words: PairingErrors) -> tuple[Message, ...]:
    """The conversation, with each turn's results first and in the order of their calls, as Claude's API wants them.

    Calls of the same id in one turn have their results in the same order. Raises `InvalidRequest` in `words` where a
    call has no result in the next turn, or a result no call in the turn before.
    """
    found: list[Message] = []
    open_calls: list[str] = []
    for message in messages:
        if message.role == "assistant":
            _refuse(open_calls, words.unanswered, words)
            open_calls = [part.id for part in message.parts if isinstance(part, ToolCall)]
            found.append(message)
        else:
            found.append(_in_order(message, open_calls, words))
            open_calls = []
    _refuse(open_calls, words.unanswered, words)
    return tuple(found)


def _in_order(message: Message, calls: list[str], words: PairingErrors) -> Message:
    results: dict[str, deque[ToolResult]] = defaultdict(deque)
    others: list[Part] = []
    for part in message.parts:
        if isinstance(part, ToolResult):
            results[part.id].append(part)
        else:
            others.append(part)
    ordered, missing = [], []
    for call in calls:
        if results[call]:
            ordered.append(results[call].popleft())
        else:
            missing.append(call)
    _refuse(missing, words.unanswered, words)
    _refuse([left.id for queue in results.values() for left in queue], words.unasked, words)
    return replace(message, parts=(*ordered, *others))


def _refuse(ids: list[str], text: str, words: PairingErrors) -> None:
    if ids:
        raise InvalidRequest(text.replace("{ids}", ", ".join(ids)), param=words.param)
