"""With ten thousand sessions a request finds its own by an index, and others expire in small steps."""

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.conversation.parts import Message, Text
from server.sessions import tables
from server.storage.database import Database
from tests.server.sessions.test_store import Kept, opened

COUNT = 10_000
# The rows that a step deletes: 200 sessions with two messages each.
STEP = 600
QUESTION = (Message("user", (Text("hello"),)),)
Record = Callable[[str, object], None]


@pytest.fixture
def full(tmp_path: Path) -> Iterator[Kept]:
    """A file with sessions that were used one after another, the first one last; every tenth one is a branch."""
    with opened(tmp_path) as kept:
        database(kept).flush()
        with sqlite3.connect(kept.file) as connection:
            connection.executemany(
                "INSERT INTO session VALUES (?, 'local:a', ?, ?, ?, '', 2, 60, ?, ?)",
                [
                    (f"n{n}", f"s{n}", kept.clock.now, kept.clock.now - n / 10, *(("s0", 1) if n % 10 else (None, 0)))
                    for n in range(COUNT)
                ],
            )
            content = '["user", [{"type": "text", "text": "hello"}]]'
            connection.executemany(
                "INSERT INTO message VALUES (?, ?, ?, 30)",
                [(f"n{n}", m, content) for n in range(COUNT) for m in (0, 1)],
            )
        yield kept


def database(kept: Kept) -> Database:
    return kept.store.databases[-1]


@contextmanager
def plans(kept: Kept) -> Iterator[list[str]]:
    """What SQLite does for each statement that the file gets meanwhile."""
    statements: list[str] = []
    found: list[str] = []
    database(kept).call(lambda connection: connection.set_trace_callback(statements.append)).result(10)
    yield found
    database(kept).flush()
    database(kept).call(lambda connection: connection.set_trace_callback(None)).result(10)
    with sqlite3.connect(kept.file) as connection:
        for statement in statements:
            if statement.startswith(("SELECT", "UPDATE", "INSERT", "DELETE")):
                found += [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]


def assert_only_sums_scan(found: Sequence[str]) -> None:
    """What a save sums up comes from the rows of an index; nothing else reads whole tables."""
    scans = {line for line in found if line.startswith("SCAN") and "CONSTANT" not in line}
    assert "SCAN session USING COVERING INDEX session_by_time" in scans
    assert {line for line in scans if "USING COVERING INDEX" not in line} == set()


async def test_a_request_finds_its_session_by_an_index(full: Kept) -> None:
    with plans(full) as found:
        session = await full.store.load("local:a", "s77")
        assert len(session.messages) == 2
        assert await full.store.info("local:a", "s78") is not None
        assert await full.store.page("local:a", "s79", after=1, limit=1) is not None
        branch = await full.store.branch_id("local:a", "s77")
        await full.store.save(session, "", QUESTION, branch=branch)
        await full.store.save(await full.store.load("local:a", "new"), "", QUESTION)
        assert await full.store.delete("local:a", "s80")
    searched = {line.split()[1] for line in found if line.startswith("SEARCH")}
    assert {"session", "message"} <= searched
    assert all(" USING " in line for line in found if line.startswith("SEARCH"))
    # By the owner alone it would read all of the owner's sessions.
    assert not [line for line in found if line.endswith("(owner=?)")]
    assert_only_sums_scan(found)


async def test_expiry_is_in_small_steps(full: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[int] = []
    prune = tables.prune

    def observed(connection: sqlite3.Connection, *, since: float, most: int, most_bytes: int) -> bool:
        before = connection.total_changes
        more = prune(connection, since=since, most=most, most_bytes=most_bytes)
        events.append(connection.total_changes - before)
        return more

    monkeypatch.setattr(tables, "prune", observed)
    # Half of them are expired.
    full.clock.now += 3600 - 500
    with plans(full) as found:
        full.store.prune(database(full))
        while not events or events[-1] == STEP:
            await asyncio.sleep(0)
    assert (await full.store.totals("local:a")).sessions == COUNT // 2 + 1
    assert max(events) == STEP
    # 4,999 are expired.
    assert len(events) == 25
    assert_only_sums_scan(found)


def noted(events: list[str], name: str, function: Callable[..., object]) -> Callable[..., object]:
    """`function`, whose calls are noted in `events`."""

    def call(*args: object, **named: object) -> object:
        events.append(name)
        return function(*args, **named)

    return call


async def test_a_lookup_waits_for_one_step_of_expiry(full: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    monkeypatch.setattr(tables, "prune", noted(events, "step", tables.prune))
    monkeypatch.setattr(tables, "load", noted(events, "lookup", tables.load))
    full.clock.now += 3600 - 500
    held = threading.Event()
    database(full).put(lambda _: held.wait(30))
    full.store.prune(database(full))
    asked: list[str] = []
    monkeypatch.setattr(database(full), "call", noted(asked, "call", database(full).call))
    loading = asyncio.create_task(full.store.load("local:a", "s50"))
    while not asked:
        await asyncio.sleep(0)
    held.set()
    assert len((await loading).messages) == 2
    database(full).flush()
    # The first lookup is in memory.
    assert events[:3] == ["lookup", "step", "lookup"]


async def test_how_long_lookups_take(full: Kept, record_property: Record) -> None:
    times = []
    for number in range(0, COUNT, 50):
        began = time.perf_counter()
        session = await full.store.load("local:a", f"s{number}")
        times.append((time.perf_counter() - began) * 1000)
        assert len(session.messages) == 2
    times.sort()
    record_property("lookup_median_ms", round(times[len(times) // 2], 2))
    record_property("lookup_99_percent_ms", round(times[len(times) * 99 // 100], 2))
