"""Calls and their results: every call has one result in the turn after it, under an id that Claude's API takes."""

import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from server.dialogue import Message, Part, ToolCall, ToolResult
from server.errors import InvalidRequest

_LEGAL = re.compile(r"[a-zA-Z0-9_-]+")
_STEM = 40


@dataclass(frozen=True, slots=True)
class PairWords:
    """How a dialect says what is wrong; `{ids}` stands for the ids of the calls.

    `unanswered`: calls without a result; `unasked`: results without a call. `param` is the field to name.
    """

    unanswered: str
    unasked: str
    param: str = "messages"


def paired(messages: Iterable[Message], words: PairWords) -> tuple[Message, ...]:
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


def _in_order(message: Message, calls: list[str], words: PairWords) -> Message:
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


def _refuse(ids: list[str], text: str, words: PairWords) -> None:
    if ids:
        raise InvalidRequest(text.replace("{ids}", ", ".join(ids)), param=words.param)


def with_legal_ids(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The conversation with ids that Claude's API takes, each used once; legal ones that come once stay as they are.

    A longer conversation that begins with this one gets the same ids for it.
    """
    uses: dict[str, int] = defaultdict(int)
    taken: set[str] = set()
    found: list[Message] = []
    # The new ids of the last turn's calls, by the client's: the results that follow use them up in their order.
    renamed: dict[str, deque[str]] = {}
    for message in messages:
        if message.role == "assistant":
            renamed = defaultdict(deque)
            for part in message.parts:
                if isinstance(part, ToolCall):
                    renamed[part.id].append(_free_id(part.id, uses, taken))
        names = {old: iter(tuple(new)) for old, new in renamed.items()}
        found.append(replace(message, parts=tuple(_renamed(part, names) for part in message.parts)))
    return tuple(found)


def _free_id(wanted: str, uses: dict[str, int], taken: set[str]) -> str:
    """An id that nothing before has, made of `wanted` and of how often that was used before."""
    while True:
        number = uses[wanted]
        uses[wanted] += 1
        if number == 0 and _LEGAL.fullmatch(wanted):
            free = wanted
        else:
            digest = hashlib.blake2b(f"{number} {wanted}".encode(), digest_size=6).hexdigest()
            free = f"{re.sub(r'[^a-zA-Z0-9_-]', '_', wanted)[:_STEM] or 'call'}_{digest}"
        if free not in taken:
            taken.add(free)
            return free


def _renamed(part: Part, names: dict[str, Iterator[str]]) -> Part:
    if isinstance(part, ToolCall | ToolResult):
        return replace(part, id=next(names.get(part.id, iter(())), part.id))
    return part
