"""The phases of a request, as far as its record tells them apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from server.journal.record import Record

PhaseName = Literal["read", "wait", "prepare", "first", "answer", "whole"]
"""Reading the body; waiting for a process; giving it the conversation; until the first event; the rest of the answer;
or all of a request of which no more is known."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase, from and until these milliseconds since the request's arrival."""

    name: PhaseName
    from_ms: float
    until_ms: float


def phases(record: Record) -> tuple[Phase, ...]:
    """The phases of the request, one after the other from its arrival to its end."""
    found, begin = [], 0.0
    for name, end in _ends(record):
        until = min(max(end, begin), max(record.total_ms, begin))
        found.append(Phase(name, begin, until))
        begin = until
    return tuple(found)


def _ends(record: Record) -> Iterator[tuple[PhaseName, float]]:
    if record.read_ms is not None:
        yield "read", record.read_ms
    if record.first_ms is None:
        yield "whole", record.total_ms
        return
    if record.leased_ms is not None:
        yield "wait", record.leased_ms
    if record.leased_ms is not None and record.sent_ms is not None:
        yield "prepare", record.sent_ms
    yield "first", record.first_ms
    yield "answer", record.total_ms
