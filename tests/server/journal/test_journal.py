"""The journal over real files: what is kept, for how long, and its totals."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.events import Usage
from server.journal import journal as module
from server.journal.journal import Journal, journal_file, reading_journal
from server.journal.migrations import MIGRATIONS
from server.journal.record import Outcome, Record, Sum, Total
from server.journal.tables import clear, day_of, requests, totals
from server.journal.usage import By, sums
from server.storage.database import Database, change, reading

NOW = 1_800_000_000.0
DAY = 86_400.0
RECORD = Record(
    *("req_1", NOW, "local", "Cline", "/v1/chat/completions", "answered"),
    status=200,
    dialect="chat_completions",
    asked="gpt-4o",
    model="claude-sonnet-5",
    way="continued",
    usage=Usage(input=3, cache_creation=5, cache_read=7, output=11, thinking=2),
    cost_usd=0.25,
    payer="plan",
    leased_ms=1.5,
    first_ms=30.0,
    total_ms=99.5,
    key="Editor",
)

# As the first version wrote them.
OLD_REQUEST = """
    INSERT INTO request (id, ended_at, door, app, path, outcome, dialect, asked, model, way, error, trouble, input,
        cache_creation, cache_read, output, thinking, payer, total_ms) VALUES
        ('req_1', 1800000000.0, 'local', 'Cline', '/v1/x', 'answered', '', '', '', '', '', '', 3, 0, 0, 0, 0, '', 1.0)
"""
OLD_DAY = """
    INSERT INTO day (day, app, model, payer, requests, failed, input, cache_creation, cache_read, output, thinking,
        cost_usd) VALUES ('2026-11-28', 'Cline', '', '', 2, 0, 6, 0, 0, 0, 0, 0.0)
"""


@contextmanager
def opened(folder: Path, *, days: int = 30, now: float = NOW) -> Iterator[Journal]:
    journal = Journal(journal_file(folder), lambda: days, clock=lambda: now)
    journal.open()
    try:
        yield journal
    finally:
        journal.close()


def kept(folder: Path, **filters: str) -> list[Record]:
    with reading(journal_file(folder)) as connection:
        return [record for _, record in requests(connection, limit=10_000, filters=filters)]


def days_of(folder: Path) -> list[Total]:
    with reading(journal_file(folder)) as connection:
        return totals(connection, since="0000-00-00")


def summed(folder: Path, by: By) -> list[Sum]:
    with reading(journal_file(folder)) as connection:
        return sums(connection, since=date(2000, 1, 1), until=date(2100, 1, 1), by=by)


def test_a_record_comes_back_as_it_was_also_after_a_restart(tmp_path: Path) -> None:
    unknown = Record("req_2", NOW + 1, "lan", "unknown", "/v1/x", "failed", error="NotFound", trouble="Not found")
    with opened(tmp_path) as journal:
        journal.add(RECORD)
    with opened(tmp_path) as journal:
        journal.add(unknown)
    assert kept(tmp_path) == [unknown, RECORD]
    assert kept(tmp_path, app="Cline") == kept(tmp_path, key="Editor") == [RECORD]
    assert kept(tmp_path, outcome="failed") == [unknown]
    assert journal_file(tmp_path, is_demo=True) != journal_file(tmp_path)


def test_pages_of_requests_follow_each_other_without_gaps(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for number in range(25):
            journal.add(replace(RECORD, id=str(number)))
    found: list[str] = []
    before = None
    with reading(journal_file(tmp_path)) as connection:
        while page := requests(connection, limit=10, before=before):
            found += [record.id for _, record in page]
            before = page[-1][0]
    assert found == [str(number) for number in range(24, -1, -1)]


def test_old_requests_are_dropped_at_the_start_and_the_totals_stay(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        for age in (40, 31, 29, 0):
            journal.add(replace(RECORD, id=str(age), ended_at=NOW - age * DAY))
    with opened(tmp_path):
        pass
    assert [record.id for record in kept(tmp_path)] == ["0", "29"]
    assert [total.requests for total in days_of(tmp_path)] == [1, 1, 1, 1]


def test_the_list_has_a_bound_while_the_server_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_REQUESTS", 10)
    monkeypatch.setattr(module, "_PRUNE_EVERY", 50)
    with opened(tmp_path) as journal:
        for number in range(100):
            journal.add(replace(RECORD, id=str(number)))
    assert [record.id for record in kept(tmp_path)] == [str(number) for number in range(99, 89, -1)]
    (day,) = days_of(tmp_path)
    assert day.requests == 100


def test_nothing_is_kept_for_zero_days(tmp_path: Path) -> None:
    with opened(tmp_path, days=0) as journal:
        journal.add(RECORD)
    assert not kept(tmp_path)
    assert not days_of(tmp_path)


def test_everything_can_be_deleted_while_the_server_runs(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.add(RECORD)
        journal.database.flush()
        change(journal_file(tmp_path), clear)
    assert not kept(tmp_path)
    assert not days_of(tmp_path)


outcomes = st.sampled_from(("answered", "failed", "cancelled"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("a", "b")),
            st.sampled_from(("m", "n")),
            st.sampled_from(("plan", "api key", "")),
            st.sampled_from(("Editor", "")),
            st.integers(0, 3),
            outcomes,
            st.integers(0, 1000),
        ),
        max_size=30,
    )
)
def test_the_totals_are_the_sums_of_the_requests(
    tmp_path_factory: pytest.TempPathFactory, made: list[tuple[str, str, str, str, int, Outcome, int]]
) -> None:
    folder = tmp_path_factory.mktemp("sums")
    records = [
        replace(
            RECORD,
            app=app,
            model=model,
            payer=payer,
            key=key,
            ended_at=NOW + day * DAY,
            outcome=outcome,
            usage=Usage(input=n),
        )
        for app, model, payer, key, day, outcome, n in made
    ]
    with opened(folder) as journal:
        for record in records:
            journal.add(record)
    for total in days_of(folder):
        same = [
            r
            for r in records
            if (day_of(r.ended_at), r.app, r.model, r.payer, r.key)
            == (total.day, total.app, total.model, total.payer, total.key)
        ]
        assert total.requests == len(same) > 0
        assert total.failed == sum(r.outcome == "failed" for r in same)
        assert total.usage.input == sum(r.usage.input for r in same)
        assert total.cost_usd == pytest.approx(0.25 * len(same))
    assert {one.name for one in summed(folder, "key")} == {r.key for r in records}
    for one in summed(folder, "app"):
        same = [r for r in records if r.app == one.name]
        assert (one.requests, one.usage.input) == (len(same), sum(r.usage.input for r in same))
        assert one.would_be_usd == pytest.approx(0.25 * sum(r.payer == "plan" for r in same))
        assert one.billed_usd == pytest.approx(0.25 * sum(r.payer != "plan" for r in same))


def test_a_file_without_keys_is_upgraded_by_a_server_and_by_a_reader(tmp_path: Path) -> None:
    for by_server in (True, False):
        journal_file(tmp_path).unlink(missing_ok=True)
        old = Database(journal_file(tmp_path), MIGRATIONS[:1])
        old.open()
        old.put(lambda connection: connection.execute(OLD_REQUEST))
        old.put(lambda connection: connection.execute(OLD_DAY))
        old.close()
        if by_server:
            with opened(tmp_path, now=NOW + 1):
                pass
        with reading_journal(journal_file(tmp_path)) as connection:
            ((_, record),) = requests(connection, limit=10, filters={"key": ""})
            (total,) = totals(connection, since="0000-00-00")
        assert (record.id, record.key) == ("req_1", "")
        assert (total.app, total.key, total.requests, total.usage.input) == ("Cline", "", 2, 6)


def test_an_older_server_writes_on_into_a_file_that_a_command_has_upgraded(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.database.put(lambda connection: connection.execute(OLD_REQUEST))
        journal.database.put(lambda connection: connection.execute(OLD_DAY))
    assert [record.key for record in kept(tmp_path)] == [total.key for total in days_of(tmp_path)] == [""]
