import csv
import io
import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from server.commands.root import run
from server.journal.journal import Journal, journal_file
from server.machine.files.paths import find_folders
from tests.server.journal.test_journal import RECORD

FAILED = replace(
    RECORD, app="=evil()", outcome="failed", status=429, error="Overloaded", trouble="Claude is overloaded", payer=""
)


@pytest.fixture
def journal(home: Path) -> Path:
    file = journal_file(find_folders().data)
    journal = Journal(file, lambda: 30)
    journal.open()
    for record in (RECORD, replace(RECORD, payer="api key"), FAILED):
        journal.add(replace(record, ended_at=time.time()))
    journal.close()
    return file


def test_requests_are_listed_the_latest_last(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["requests"]) == 0
    title, *rows = capsys.readouterr().out.splitlines()
    assert title.split()[:4] == ["TIME", "APP", "MODEL", "WAY"]
    assert [row.split()[2] for row in rows] == ["Cline", "Cline", "=evil()"]
    assert rows[-1].endswith("429: Claude is overloaded")
    assert rows[0].split()[5:8] == ["15", "7", "11"]


def test_requests_are_filtered_and_printed_for_programs(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["requests", "--failed", "--json"]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["error"] == "Overloaded"
    assert run(["requests", "--key", "Editor", "--json"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3
    assert run(["requests", "--key", "nobody"]) == 0
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "No such request is kept.\n")


def test_usage_is_summed_and_what_a_plan_covers_is_not_cost(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["usage", "--by", "app"]) == 0
    title, cline, _ = capsys.readouterr().out.splitlines()
    assert title.split()[-3:] == ["COST", "NOT", "BILLED"]
    assert cline.split() == ["Cline", "2", "0", "30", "14", "22", "$0.2500", "$0.2500"]
    assert run(["usage"]) == 0
    assert capsys.readouterr().out.count("REQUESTS") == 2


def test_usage_is_summed_by_key(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["usage", "--by", "key"]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:3] == ["Editor", "3", "1"]


def test_csv_has_no_formulas(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["usage", "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {row["app"] for row in rows} == {"Cline", "'=evil()"}
    assert sum(int(row["requests"]) for row in rows) == 3


def test_all_can_be_forgotten(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["forget-requests"]) == 0
    capsys.readouterr()
    assert run(["requests"]) == run(["usage"]) == 0
    assert capsys.readouterr().out == ""
    assert b"Cline" not in b"".join(path.read_bytes() for path in journal.parent.glob("journal*"))


def test_without_a_list_the_error_says_when_there_is_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["requests"]) == 1
    assert "No request has been kept yet" in capsys.readouterr().err
    assert run(["forget-requests"]) == 0


def test_a_damaged_list_is_an_error(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    journal.write_bytes(b"nothing" * 1000)
    assert run(["usage"]) == 1
    assert "cannot be used" in capsys.readouterr().err
