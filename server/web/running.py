"""The requests that are being answered now, each of which can be stopped by its id."""

import itertools
from collections import deque
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Literal

from server.conversation.events import Event, Started, Usage
from server.errors import RequestStopped
from server.web.journaling import Entry

MOST_ENDED = 500


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a running request, or of one that has ended: never its words. `usage` is None until its end."""

    request_id: str
    status: Literal["running", "completed", "failed", "cancelled"]
    model: str
    age_ms: float
    usage: Usage | None = None
    cost_usd: float | None = None


class RunningRequests:
    """The entries of the requests that are being answered, by the time at which they began."""

    def __init__(self, on_phase: Callable[[str, Entry], None] = lambda *_: None) -> None:
        """`on_phase` is called with "started", and with "first" when the answer begins."""
        self._entries: dict[Entry, str] = {}
        self._on_phase = on_phase
        self._numbers = itertools.count(1)
        self._ended: deque[tuple[str, frozenset[str], Known]] = deque(maxlen=MOST_ENDED)

    async def watched(
        self, entry: Entry, owner: str, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """The same events, noted in `entry`. The request of `owner` is running from the first to the last of them."""
        self._entries[entry] = owner
        entry.number = next(self._numbers)
        self._on_phase("started", entry)
        try:
            async with aclosing(entry.watch(events)) as noted:
                async for event in noted:
                    if isinstance(event, Started):
                        self._on_phase("first", entry)
                    yield event
        finally:
            del self._entries[entry]
            self._ended.append((owner, entry.names, _known(entry, is_running=False)))

    def of(self, owner: str | None) -> list[Entry]:
        """The requests of `owner`, or of all owners for None, the oldest first."""
        return [entry for entry, own in self._entries.items() if owner in {None, own}]

    def stop(self, id_: str, owner: str | None) -> int:
        """Stops the requests of `owner` (None: any) with this id, and returns how many they are.

        `id_` is that of the request, of its answer, or of its session. Their clients get `RequestStopped`. An id is
        unique, unless clients choose the same one.
        """
        return sum(entry.stop(RequestStopped()) for entry in self.of(owner) if id_ in entry.names)

    def known_as(self, id_: str, owner: str) -> Known | None:
        """The newest request of `owner` with this id, as in `stop`, that is running or was one of the last to end."""
        for entry in reversed(self.of(owner)):
            if id_ in entry.names:
                return _known(entry, is_running=True)
        return next((known for own, names, known in reversed(self._ended) if own == owner and id_ in names), None)


def _known(entry: Entry, *, is_running: bool) -> Known:
    record = entry.record
    model = record.model or record.asked
    if is_running:
        return Known(record.id, "running", model, entry.age_ms)
    status: Literal["completed", "failed", "cancelled"] = (
        "failed" if record.error else "completed" if entry.is_finished else "cancelled"
    )
    return Known(record.id, status, model, entry.age_ms, entry.usage, record.cost_usd)
