"""The journal's tables, and the statements on them. All functions run inside the caller's transaction."""

import sqlite3
from collections.abc import Mapping
from datetime import datetime

from server.conversation.events import Usage
from server.journal.migrations import FILL_FACETS
from server.journal.record import NOT_BILLED, Record, Total
from server.status import UsageWindow

TOKENS = ("input", "cache_creation", "cache_read", "output", "thinking")
_PLAIN = (
    *("id", "ended_at", "door", "app", "path", "outcome", "status", "dialect", "asked", "model", "way"),
    *("error", "trouble", "cost_usd", "payer", "leased_ms", "first_ms", "total_ms"),
    *("key", "param", "ignored", "read_ms", "sent_ms"),
)
FACETS = ("app", "path", "outcome", "status", "asked", "model", "way", "error", "trouble", "key")
"""What many requests have in common; a status that is not known is 0 there."""
_COLUMNS = (*_PLAIN, *TOKENS)
_SUMS = ("requests", "failed", *TOKENS, "cost_usd")
_ADD_FACET = f"INSERT INTO facet ({', '.join(FACETS)}) VALUES ({', '.join('?' * len(FACETS))}) ON CONFLICT DO NOTHING"  # noqa: S608 # our names
_FIND_FACET = f"SELECT number FROM facet WHERE {' AND '.join(f'{name} = ?' for name in FACETS)}"  # noqa: S608
_INSERT = (
    f"INSERT INTO request (facet, {', '.join(_COLUMNS)}) "  # noqa: S608
    f"VALUES (({_FIND_FACET}){', ?' * len(_COLUMNS)})"
)
_ADD = (
    f"INSERT INTO day (day, app, model, payer, key, {', '.join(_SUMS)}) VALUES (?{', ?' * (4 + len(_SUMS))}) "  # noqa: S608
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}"
)


_HOURS = ("requests", "failed", *TOKENS, "billed_usd", "would_be_usd")
_ADD_HOUR = (
    f"INSERT INTO hour (hour, {', '.join(_HOURS)}) VALUES (?{', ?' * len(_HOURS)}) "  # noqa: S608
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _HOURS)}"
)


def insert(connection: sqlite3.Connection, record: Record) -> None:
    """Adds a request, also to the totals of its day and its hour."""
    tokens = [getattr(record.usage, name) for name in TOKENS]
    facet = [getattr(record, name) or (0 if name == "status" else "") for name in FACETS]
    connection.execute(_ADD_FACET, facet)
    connection.execute(_INSERT, [*facet, *(getattr(record, name) for name in _PLAIN), *tokens])
    key = (day_of(record.ended_at), record.app, record.model, record.payer, record.key)
    counted, cost = (1, record.outcome == "failed", *tokens), record.cost_usd or 0.0
    connection.execute(_ADD, [*key, *counted, cost])
    costs = (0.0, cost) if record.payer in NOT_BILLED else (cost, 0.0)
    connection.execute(_ADD_HOUR, [hour_of(record.ended_at), *counted, *costs])


def prune(connection: sqlite3.Connection, before: float, most: int) -> None:
    """Deletes requests that ended before the Unix time `before`, and the oldest of more than `most`. Totals stay."""
    connection.execute("DELETE FROM request WHERE ended_at < ?", [before])
    connection.execute(
        "DELETE FROM request WHERE number <= (SELECT number FROM request ORDER BY number DESC LIMIT 1 OFFSET ?)", [most]
    )
    for statement in FILL_FACETS:
        connection.execute(statement)
    connection.execute("DELETE FROM facet WHERE NOT EXISTS (SELECT 1 FROM request WHERE request.facet = facet.number)")
    connection.execute("DELETE FROM hour WHERE hour < ?", [hour_of(before)])
    connection.execute("DELETE FROM plan WHERE at < ?", [before])


def add_plan_use(connection: sqlite3.Connection, window: UsageWindow, at: float) -> None:
    """Adds how much of a plan's limit is used at the Unix time `at`."""
    values = [window.name, at, window.used, window.resets_at]
    connection.execute("INSERT OR REPLACE INTO plan (name, at, used, resets_at) VALUES (?, ?, ?, ?)", values)


def clear(connection: sqlite3.Connection) -> None:
    """Deletes everything."""
    for table in ("request", "facet", "day", "hour", "plan"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608 # our names


def requests(
    connection: sqlite3.Connection, *, limit: int, filters: Mapping[str, str] = {}, before: int | None = None
) -> list[tuple[int, Record]]:
    """The newest requests with these values of `app`, `model`, `key`, `outcome` or others, each with its number.

    `before`: only those with a smaller number.
    """
    names = [name for name in filters if name in _PLAIN]
    conditions = [f"{name} = ?" for name in names] + (["number < ?"] if before is not None else [])
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    values = [*(filters[name] for name in names), *([before] if before is not None else []), limit]
    found = connection.execute(f"SELECT * FROM request {where} ORDER BY number DESC LIMIT ?", values)  # noqa: S608
    return [(row["number"], record_of(row)) for row in found]


def totals(connection: sqlite3.Connection, *, since: str) -> list[Total]:
    """The totals from the day `since` on, the latest day first, and in it the most requests."""
    found = connection.execute(
        "SELECT * FROM day WHERE day >= ? ORDER BY day DESC, requests DESC, app, model, key", [since]
    )
    return [
        Total(
            day=row["day"],
            app=row["app"],
            model=row["model"],
            payer=row["payer"],
            key=row["key"],
            requests=row["requests"],
            failed=row["failed"],
            usage=_usage(row),
            cost_usd=row["cost_usd"],
        )
        for row in found
    ]


def day_of(time: float) -> str:
    """The day of a Unix time, in local time, as in 2026-11-28."""
    return datetime.fromtimestamp(time).astimezone().date().isoformat()


def hour_of(time: float) -> str:
    """The hour of a Unix time, in local time, as in 2026-11-28T09."""
    return datetime.fromtimestamp(time).astimezone().isoformat()[:13]


def record_of(row: sqlite3.Row) -> Record:
    """The request in this row, also in a file of an older version."""
    known = set(row.keys())
    return Record(**{name: row[name] for name in _PLAIN if name in known}, usage=_usage(row))


def _usage(row: sqlite3.Row) -> Usage:
    return Usage(**{name: row[name] for name in TOKENS})
