"""The journal's tables, and the statements on them. All functions run inside the caller's transaction."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from server.conversation.events import Usage
from server.journal.record import NOT_BILLED, Record, Sum, Total

# Each step is a version of the file. Old steps never change: files of their version exist.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE request (
            number INTEGER PRIMARY KEY,
            id TEXT NOT NULL, ended_at REAL NOT NULL, door TEXT NOT NULL, app TEXT NOT NULL, path TEXT NOT NULL,
            outcome TEXT NOT NULL, status INTEGER, dialect TEXT NOT NULL, asked TEXT NOT NULL, model TEXT NOT NULL,
            way TEXT NOT NULL, error TEXT NOT NULL, trouble TEXT NOT NULL, input INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL, cache_read INTEGER NOT NULL, output INTEGER NOT NULL,
            thinking INTEGER NOT NULL, cost_usd REAL, payer TEXT NOT NULL, leased_ms REAL, first_ms REAL,
            total_ms REAL NOT NULL
        ) STRICT
        """,
        "CREATE INDEX request_by_time ON request (ended_at)",
        """
        CREATE TABLE day (
            day TEXT NOT NULL, app TEXT NOT NULL, model TEXT NOT NULL, payer TEXT NOT NULL,
            requests INTEGER NOT NULL, failed INTEGER NOT NULL, input INTEGER NOT NULL,
            cache_creation INTEGER NOT NULL, cache_read INTEGER NOT NULL, output INTEGER NOT NULL,
            thinking INTEGER NOT NULL, cost_usd REAL NOT NULL,
            PRIMARY KEY (day, app, model, payer)
        ) STRICT, WITHOUT ROWID
        """,
    ),
)

_TOKENS = ("input", "cache_creation", "cache_read", "output", "thinking")
_PLAIN = (
    *("id", "ended_at", "door", "app", "path", "outcome", "status", "dialect", "asked", "model", "way"),
    *("error", "trouble", "cost_usd", "payer", "leased_ms", "first_ms", "total_ms"),
)
_COLUMNS = (*_PLAIN, *_TOKENS)
_SUMS = ("requests", "failed", *_TOKENS, "cost_usd")
_INSERT = f"INSERT INTO request ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"  # noqa: S608 # our names
_ADD = (
    f"INSERT INTO day (day, app, model, payer, {', '.join(_SUMS)}) VALUES (?, ?, ?, ?{', ?' * len(_SUMS)}) "  # noqa: S608
    f"ON CONFLICT DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _SUMS)}"
)


def insert(connection: sqlite3.Connection, record: Record) -> None:
    """Adds a request, also to the totals of its day."""
    tokens = [getattr(record.usage, name) for name in _TOKENS]
    connection.execute(_INSERT, [*(getattr(record, name) for name in _PLAIN), *tokens])
    key = (day_of(record.ended_at), record.app, record.model, record.payer)
    connection.execute(_ADD, [*key, 1, record.outcome == "failed", *tokens, record.cost_usd or 0.0])


def prune(connection: sqlite3.Connection, before: float, most: int) -> None:
    """Deletes requests that ended before the Unix time `before`, and the oldest of more than `most`. Totals stay."""
    connection.execute("DELETE FROM request WHERE ended_at < ?", [before])
    connection.execute(
        "DELETE FROM request WHERE number <= (SELECT number FROM request ORDER BY number DESC LIMIT 1 OFFSET ?)", [most]
    )


def clear(connection: sqlite3.Connection) -> None:
    """Deletes everything."""
    connection.execute("DELETE FROM request")
    connection.execute("DELETE FROM day")


def requests(
    connection: sqlite3.Connection, *, limit: int, filters: Mapping[str, str] = {}, before: int | None = None
) -> list[tuple[int, Record]]:
    """The newest requests with these values of `app`, `model`, `outcome` or others, each with its number.

    `before`: only those with a smaller number.
    """
    names = [name for name in filters if name in _PLAIN]
    conditions = [f"{name} = ?" for name in names] + (["number < ?"] if before is not None else [])
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    values = [*(filters[name] for name in names), *([before] if before is not None else []), limit]
    found = connection.execute(f"SELECT * FROM request {where} ORDER BY number DESC LIMIT ?", values)  # noqa: S608
    return [(row["number"], _record(row)) for row in found]


def totals(connection: sqlite3.Connection, *, since: str) -> list[Total]:
    """The totals from the day `since` on, the latest day first, and in it the most requests."""
    found = connection.execute("SELECT * FROM day WHERE day >= ? ORDER BY day DESC, requests DESC, app, model", [since])
    return [
        Total(
            day=row["day"],
            app=row["app"],
            model=row["model"],
            payer=row["payer"],
            requests=row["requests"],
            failed=row["failed"],
            usage=_usage(row),
            cost_usd=row["cost_usd"],
        )
        for row in found
    ]


def summed(found: Iterable[Total], *, by: Literal["day", "app", "model"]) -> list[Sum]:
    """The sums of the totals that agree in `by`, the most requests first."""
    sums: dict[str, Sum] = {}
    for one in found:
        name = getattr(one, by)
        before = sums.get(name) or Sum(name)
        is_billed = one.payer not in NOT_BILLED
        sums[name] = Sum(
            name,
            before.requests + one.requests,
            before.failed + one.failed,
            Usage(*(getattr(before.usage, token) + getattr(one.usage, token) for token in _TOKENS)),
            before.billed_usd + one.cost_usd * is_billed,
            before.would_be_usd + one.cost_usd * (not is_billed),
        )
    return sorted(sums.values(), key=lambda each: each.requests, reverse=True)


def day_of(time: float) -> str:
    """The day of a Unix time, in local time, as in 2026-11-28."""
    return datetime.fromtimestamp(time).astimezone().date().isoformat()


def _record(row: sqlite3.Row) -> Record:
    return Record(**{name: row[name] for name in _PLAIN}, usage=_usage(row))


def _usage(row: sqlite3.Row) -> Usage:
    return Usage(**{name: row[name] for name in _TOKENS})
