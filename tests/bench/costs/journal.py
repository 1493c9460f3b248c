"""The list of requests: the time that a row takes, and the time of each query of the page over many rows."""

import asyncio
import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

from server.conversation.events import Usage
from server.journal.journal import Journal, journal_file, reading_journal
from server.journal.record import Record
from server.journal.search import Filters, choices, find
from server.journal.tables import insert, prune
from server.journal.usage import BY, plan_series, sums
from server.storage.database import transaction
from tests.bench.measuring import Fact, Found
from tests.bench.scene import Scene

_TARGET_MS = 50
_SINGLE = 300
_DAYS = 30
_DAY_S = 86_400.0
Query = Callable[[sqlite3.Connection], object]


async def measure_journal(scene: Scene) -> list[Found]:
    """Measures both on a file of its own."""
    return await asyncio.to_thread(_measure, scene.folder / "journal", scene.scale.journal_rows)


def _measure(folder: Path, rows: int) -> list[Found]:
    now, file = time.time(), journal_file(folder)
    journal = Journal(file, lambda: _DAYS)
    journal.open()
    journal.close()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        records = list(_records(rows, now))
        with transaction(connection):
            for record in records:
                insert(connection, record)
            for minutes in range(0, _DAYS * 24 * 60, 5):
                connection.execute("INSERT INTO plan VALUES ('Week', ?, 0.5, NULL)", [now - minutes * 60])
        began = time.thread_time()
        for record in records[:_SINGLE]:
            with transaction(connection):
                insert(connection, record)
        row_us = (time.thread_time() - began) / len(records[:_SINGLE]) * 1e6
        began = time.thread_time()
        with transaction(connection):
            prune(connection, now - _DAYS * _DAY_S, rows)
        prune_ms = (time.thread_time() - began) * 1000
    times = {name: _cpu_ms(file, query) for name, query in _queries(now, records).items()}
    slowest = max(times, key=lambda name: times[name])
    size = file.stat().st_size / rows
    return [
        Fact("a row in the list of requests", f"{row_us:.0f} us of CPU", "1 % of an answer", f"{size:.0f} bytes"),
        Fact(f"slowest query of {rows:,} rows", f"{times[slowest]:.1f} ms", f"<= {_TARGET_MS} ms", slowest),
        Fact("dropping old rows", f"{prune_ms:.0f} ms of CPU", note=f"of {rows:,}"),
    ]


def _cpu_ms(file: Path, query: Query) -> float:
    times = []
    for _ in range(5):
        began = time.thread_time()
        with reading_journal(file) as connection:
            query(connection)
        times.append((time.thread_time() - began) * 1000)
    return sorted(times)[len(times) // 2]


def _queries(now: float, records: list[Record]) -> dict[str, Query]:
    """What the page asks, at its worst: filters that match nothing, only old requests, or nearly all."""
    today = date.today()  # noqa: DTZ011 # as the journal's days, in local time
    since = today - timedelta(days=_DAYS - 1)
    filters = {
        "newest": Filters(),
        "no such app": Filters(app="none"),
        "one app": Filters(app="Cursor"),
        "nearly all": Filters(outcome="answered"),
        "no such status": Filters(app="Cursor", status=418),
        "failed, one model": Filters(outcome="failed", model="claude-sonnet-5"),
        "text in none": Filters(text="nowhere"),
        "text in all": Filters(text="v1"),
        "oldest id": Filters(text=records[0].id),
    }
    found: dict[str, Query] = {
        name: lambda connection, wanted=wanted: find(connection, wanted, limit=200)  # type: ignore[misc] # its default
        for name, wanted in filters.items()
    }
    for by in BY:
        found[f"sums by {by}"] = lambda connection, by=by: sums(connection, since=since, until=today, by=by)  # type: ignore[misc]
    found["choices"] = choices
    found["plan"] = lambda connection: plan_series(connection, since=now - _DAYS * _DAY_S, until=now)
    return found


def _records(count: int, now: float) -> Iterator[Record]:
    """Requests of the last days, one in twenty of which failed."""
    of = random.Random(1)  # the same on every computer
    apps = ("Cursor", "Talon", "Cline", "Continue", "Open WebUI", "Codex", "Claude Code", "curl")
    for number in range(count):
        is_failed = of.random() < 0.05
        yield Record(
            f"req_{of.getrandbits(96):024x}",
            now - (count - number) * (_DAYS * _DAY_S / count),
            "local",
            of.choice(apps),
            of.choice(("/v1/chat/completions", "/v1/messages", "/v1/responses")),
            "failed" if is_failed else "answered",
            status=of.choice((400, 429, 503)) if is_failed else 200,
            dialect="chat_completions",
            asked=of.choice(("gpt-4o", "sonnet")),
            model="" if is_failed else of.choice(("claude-sonnet-5", "claude-opus-5", "claude-haiku-4-5")),
            way="" if is_failed else of.choice(("continued", "reset", "spare", "cold")),
            error=of.choice(("UsageLimit", "UpstreamDown", "InvalidRequest")) if is_failed else "",
            trouble="Claude refused the request" if is_failed else "",
            usage=Usage(10, 20, 3000, 400, 50),
            cost_usd=0.01,
            payer="plan",
            leased_ms=1.5,
            sent_ms=9.5,
            first_ms=700.5,
            total_ms=3000.2,
        )
