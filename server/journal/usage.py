"""Sums of the journal for charts and tables: by app, model, key, day or hour, and the use of a plan over time."""

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from server.conversation.events import Usage
from server.journal.record import NOT_BILLED, Sum
from server.journal.tables import TOKENS

By = Literal["app", "model", "key", "day", "hour"]
BY: tuple[By, ...] = ("app", "model", "key", "day", "hour")
_MOST_POINTS = 300


@dataclass(frozen=True, slots=True)
class PlanUse:
    """How much of a plan's limit was used at a time, as in `UsageWindow`; times are Unix times."""

    name: str
    at: float
    used: float
    resets_at: float | None


def sums(connection: sqlite3.Connection, *, since: date, until: date, by: By) -> list[Sum]:
    """The sums of these days and all between, by name. The most requests come first, but days and hours in order.

    Days and hours without requests are there too.
    """
    days = [since.isoformat(), until.isoformat()]
    if by == "hour":
        chosen = f"SELECT hour AS name, requests, failed, {_LISTED}, billed_usd, would_be_usd FROM hour"  # noqa: S608
        found = connection.execute(f"{chosen} WHERE substr(hour, 1, 10) BETWEEN ? AND ?", days)
    else:
        summed = ", ".join(f"sum({name}) AS {name}" for name in ("requests", "failed", *TOKENS))
        billed = f"payer NOT IN ({', '.join(f'{payer!r}' for payer in sorted(NOT_BILLED))})"
        costs = f"total(iif({billed}, cost_usd, 0)) AS billed_usd, total(iif({billed}, 0, cost_usd)) AS would_be_usd"
        found = connection.execute(
            f"SELECT {by} AS name, {summed}, {costs} FROM day WHERE day BETWEEN ? AND ? "  # noqa: S608 # our names
            f"GROUP BY {by} ORDER BY requests DESC, name",
            days,
        )
    rows = [_sum(row) for row in found]
    if by not in {"day", "hour"}:
        return rows
    known = {row.name: row for row in rows}
    names = (
        _days(since, until)
        if by == "day"
        else (f"{day}T{hour:02}" for day in _days(since, until) for hour in range(24))
    )
    return [known.get(name) or Sum(name) for name in names]


def plan_series(connection: sqlite3.Connection, *, since: float, until: float) -> list[PlanUse]:
    """The use of each window of the plan, the oldest first, and of near points in time the highest."""
    step = max(1.0, (until - since) / _MOST_POINTS)
    found = connection.execute(
        "SELECT name, max(at) AS at, max(used) AS used, max(resets_at) AS resets_at "
        "FROM plan WHERE at >= ? AND at <= ? GROUP BY name, CAST(at / ? AS INTEGER) ORDER BY name, at",
        [since, until, step],
    )
    return [PlanUse(row["name"], row["at"], row["used"], row["resets_at"]) for row in found]


def first_day(days: int, now: float) -> date:
    """The first of `days` days of which the last one has the Unix time `now`."""
    return datetime.fromtimestamp(now).astimezone().date() - timedelta(days=days - 1)


def total(rows: Sequence[Sum]) -> Sum:
    """The sum of all."""
    usage = Usage(*(sum(getattr(row.usage, name) for row in rows) for name in TOKENS))
    return Sum(
        *("", sum(row.requests for row in rows), sum(row.failed for row in rows), usage),
        *(sum(row.billed_usd for row in rows), sum(row.would_be_usd for row in rows)),
    )


_LISTED = ", ".join(TOKENS)


def _days(since: date, until: date) -> Iterator[str]:
    return ((since + timedelta(days=number)).isoformat() for number in range((until - since).days + 1))


def _sum(row: sqlite3.Row) -> Sum:
    usage = Usage(**{name: row[name] for name in TOKENS})
    return Sum(row["name"], row["requests"], row["failed"], usage, row["billed_usd"], row["would_be_usd"])
