"""Ids of tool calls that Claude's API takes: legal ones, each used once."""

import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from server.conversation.parts import Message, Part, ToolCall, ToolResult

_LEGAL = re.compile(r"[a-zA-Z0-9_-]+")
_STEM = 40


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
