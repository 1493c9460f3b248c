"""Makes the ids of tool calls legal and unique, as Claude's API requires."""

import hashlib
import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import replace

from server.conversation.parts import Message, Part, ToolCall, ToolResult

_LEGAL = re.compile(r"[a-zA-Z0-9_-]+")
_STEM = 40


def with_legal_ids(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The conversation with legal ids, each used once; they stay the same when the conversation grows."""
    uses: dict[str, int] = defaultdict(int)
    taken: set[str] = set()
    renamed_messages: list[Message] = []
    # The new ids of the last message's calls by the client's id. Its results follow and use them in order.
    renamed: dict[str, deque[str]] = {}
    for message in messages:
        if message.role == "assistant":
            renamed = defaultdict(deque)
            for part in message.parts:
                if isinstance(part, ToolCall):
                    renamed[part.id].append(_free_id(part.id, uses, taken))
        names = {old: iter(tuple(new)) for old, new in renamed.items()}
        renamed_messages.append(replace(message, parts=tuple(_renamed(part, names) for part in message.parts)))
    return tuple(renamed_messages)


def _free_id(wanted: str, uses: dict[str, int], taken: set[str]) -> str:
    """An unused id, derived from `wanted` and from how often that was used before."""
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
