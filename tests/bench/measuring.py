"""What is measured of one answer, and of many."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """One answer, in milliseconds from the request. `way` is how its worker was found, if the reply names it."""

    first_ms: float
    total_ms: float
    way: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median, and between what it lies."""

    median: float
    least: float
    most: float

    @staticmethod
    def of(values: Iterable[float]) -> "Spread":
        """The spread of at least one value."""
        found = sorted(values)
        return Spread(statistics.median(found), found[0], found[-1])


@dataclass(frozen=True, slots=True)
class Line:
    """Times of a kind of request. `bare` is what the same cost the bare client in the same run; `target` a ratio."""

    name: str
    first: Spread
    total: Spread
    bare: Spread | None = None
    target: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """How many times the bare client's first token."""
        return None if self.bare is None else self.first.median / self.bare.median


@dataclass(frozen=True, slots=True)
class Fact:
    """A figure other than the time of a request, with its unit; `target` is what it should be, as text."""

    name: str
    value: str
    target: str = ""
    note: str = ""


Found = Line | Fact


def line(
    name: str,
    timings: Sequence[Timing],
    *,
    bare: Sequence[Timing] = (),
    target: float | None = None,
    note: str = "",
) -> Line:
    """The line of these timings."""
    return Line(
        name,
        Spread.of(timing.first_ms for timing in timings),
        Spread.of(timing.total_ms for timing in timings),
        Spread.of(timing.first_ms for timing in bare) if bare else None,
        target,
        note or ways_of(timings),
    )


def ways_of(timings: Sequence[Timing]) -> str:
    """Which ways were taken, the usual one first, with their numbers where there was more than one."""
    ways = [timing.way for timing in timings if timing.way]
    names = sorted(set(ways), key=ways.count, reverse=True)
    return names[0] if len(names) == 1 else ", ".join(f"{name} {ways.count(name)}" for name in names)
