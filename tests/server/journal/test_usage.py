"""Sums of the journal by day and hour, its CSV, and the use of a plan over time."""

import csv
import io
from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.journal import journal as module
from server.journal.csv_export import as_csv
from server.journal.journal import Journal, journal_file, reading_journal
from server.journal.record import Total
from server.journal.tables import day_of, hour_of, totals
from server.journal.usage import PlanUse, first_day, plan_series, sums, total
from server.status import UsageWindow
from tests.server.journal.test_journal import DAY, NOW, RECORD
from tests.server.journal.test_search import journal

TODAY = date.fromisoformat(day_of(NOW))


def test_days_and_hours_without_requests_are_there_too_and_their_sums_are_the_same() -> None:
    made = [
        replace(RECORD, ended_at=NOW - hours * 3600, payer=payer)
        for hours in (0, 1, 25, 60)
        for payer in ("plan", "api key")
    ]
    since = TODAY - timedelta(days=3)
    with journal(made) as connection:
        days = sums(connection, since=since, until=TODAY, by="day")
        hours = sums(connection, since=since, until=TODAY, by="hour")
    assert [row.name for row in days] == [(since + timedelta(days=number)).isoformat() for number in range(4)]
    assert len(hours) == 4 * 24
    assert {row.name: row.requests for row in hours if row.requests} == {
        hour_of(NOW - ago * 3600): 2 for ago in (0, 1, 25, 60)
    }
    assert replace(total(days), name="") == replace(total(hours), name="")
    assert (total(days).billed_usd, total(days).would_be_usd) == (1.0, 1.0)


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8), st.floats(0, 1e6)), max_size=8))
def test_the_csv_comes_back_as_it_was_and_no_cell_is_a_formula(made: list[tuple[str, str, float]]) -> None:
    # The journal keeps printable text only.
    rows = [
        Total("2026-11-28", _printable(app), _printable(model), "plan", 2, 1, RECORD.usage, cost, "laptop")
        for app, model, cost in made
    ]
    found = list(csv.DictReader(io.StringIO(as_csv(rows), newline="")))
    assert len(found) == len(rows)
    for row, before in zip(found, rows, strict=True):
        for name in ("app", "model"):
            assert row[name].removeprefix("'") == getattr(before, name).removeprefix("'")
            assert not row[name].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert (float(row["cost_usd"]), int(row["cache_read"])) == (before.cost_usd, before.usage.cache_read)


def test_the_csv_has_all_days_of_the_time() -> None:
    with journal([replace(RECORD, ended_at=NOW - ago * DAY) for ago in (0, 3, 9)]) as connection:
        found = as_csv(totals(connection, since=first_day(7, NOW).isoformat()))
    assert [line.partition(",")[0] for line in found.splitlines()[1:]] == [day_of(NOW), day_of(NOW - 3 * DAY)]


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


def window(used: float, resets_at: float | None = NOW + 9000, *, is_reached: bool = False) -> UsageWindow:
    return UsageWindow("5 hours", used, resets_at, is_reached=is_reached)


def noted(folder: Path, steps: Iterable[tuple[float, UsageWindow]], *, days: int = 30) -> list[PlanUse]:
    clock = Clock()
    kept = Journal(journal_file(folder), lambda: days, clock=clock)
    kept.open()
    for after, seen in steps:
        clock.now = NOW + after
        kept.note_plan([seen])
    kept.close()
    with reading_journal(journal_file(folder)) as connection:
        return plan_series(connection, since=NOW - 1, until=NOW + 10_000)


def test_the_plan_is_noted_when_it_changes_but_not_all_the_time(tmp_path: Path) -> None:
    reached = window(1.0, is_reached=True)
    steps = [(0, window(0.1)), (10, window(0.2)), (400, window(0.3)), (900, window(0.3)), (910, reached)]
    assert [(point.at - NOW, point.used) for point in noted(tmp_path, steps)] == [(0, 0.1), (400, 0.3), (910, 1.0)]


def test_the_plan_is_not_noted_if_nothing_is_kept_and_a_new_period_is_noted_at_once(tmp_path: Path) -> None:
    assert noted(tmp_path, [(0, window(0.1))], days=0) == []
    again = [(0, window(0.9)), (50, window(0.0, NOW + 20_000))]
    assert [point.used for point in noted(tmp_path, again)] == [0.9, 0.0]


def test_the_series_of_the_plan_is_short_however_long_the_time_and_keeps_its_peaks(tmp_path: Path) -> None:
    kept = Journal(journal_file(tmp_path), lambda: 30, clock=lambda: NOW)
    kept.open()
    points = [("Week", NOW - number * 300, 0.9 if number == 1234 else 0.1) for number in range(3000)]
    kept.database.put(lambda connection: connection.executemany("INSERT INTO plan VALUES (?, ?, ?, NULL)", points))
    kept.close()
    with reading_journal(journal_file(tmp_path)) as connection:
        found = plan_series(connection, since=NOW - 3000 * 300, until=NOW)
    assert len(found) <= 302
    assert max(point.used for point in found) == 0.9
    assert [point.at for point in found] == sorted(point.at for point in found)


def test_everything_is_gone_after_clear_also_what_was_still_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PLAN_S", 0.0)
    kept = Journal(journal_file(tmp_path), lambda: 30, clock=lambda: NOW)
    kept.open()
    for number in range(50):
        kept.add(replace(RECORD, id=str(number), app="Secretive"))
        kept.note_plan([window(number / 100)])
    kept.clear()
    kept.add(replace(RECORD, app="Later"))
    kept.close()
    with reading_journal(journal_file(tmp_path)) as connection:
        assert [record.app for record in totals(connection, since="0")] == ["Later"]
        for table, count in (("request", 1), ("facet", 1), ("hour", 1), ("plan", 0)):
            assert connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0] == count
    assert b"Secretive" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())
