"""Verdicts in the data folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from server.selfcheck.capabilities import Capability, Finding, Key, Verdict
from server.selfcheck.store import MOST_KEPT, Shelf

KEY = Key("/usr/bin/claude", 7, 8, "2.1.329", "0.2.186")
PASSED = Verdict(KEY, tuple(Finding(capability, holds=True) for capability in Capability))
FAILED = Verdict(KEY, tuple(Finding(one, one is not Capability.HISTORY, "odd words: ü") for one in Capability))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "selfcheck.json"


@pytest.mark.parametrize("verdict", [PASSED, FAILED], ids=["passed", "failed"])
def test_what_is_kept_is_found_again(path: Path, verdict: Verdict) -> None:
    Shelf(path).keep(verdict)
    assert Shelf(path).verdict(KEY) == verdict
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "other",
    [
        replace(KEY, path="/usr/local/bin/claude"),
        replace(KEY, size=9),
        replace(KEY, mtime_ns=9),
        replace(KEY, version="2.1.330"),
        replace(KEY, sdk="0.2.187"),
        replace(KEY, check=KEY.check + 1),
    ],
    ids=["path", "size", "time", "version", "sdk", "check"],
)
def test_a_verdict_is_on_one_program_by_one_check(path: Path, other: Key) -> None:
    Shelf(path).keep(PASSED)
    assert Shelf(path).verdict(other) is None


def test_a_verdict_counts_before_the_version_has_been_asked(path: Path) -> None:
    Shelf(path).keep(PASSED)
    assert Shelf(path).verdict(replace(KEY, version=None)) == PASSED


def test_a_new_verdict_replaces_the_old_one_and_the_oldest_of_many_goes(path: Path) -> None:
    shelf = Shelf(path)
    shelf.keep(FAILED)
    shelf.keep(PASSED)
    assert shelf.verdict(KEY) == PASSED
    for number in range(MOST_KEPT):
        shelf.keep(Verdict(replace(KEY, path=f"/{number}"), PASSED.findings))
    assert shelf.verdict(KEY) is None
    assert len(json.loads(path.read_text())["verdicts"]) == MOST_KEPT


def _without_one(kept: str) -> str:
    rows = json.loads(kept)
    del rows["verdicts"][0]["findings"]["HISTORY"]
    return json.dumps(rows)


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: "",
        lambda kept: kept[:-9],
        lambda kept: "[]",
        lambda kept: '{"verdicts": 3}',
        lambda kept: '{"verdicts": [[]]}',
        lambda kept: kept.replace("mtime_ns", "mtime"),
        lambda kept: kept.replace('"2.1.329"', "null"),
        lambda kept: kept.replace("holds", "held"),
        lambda kept: kept.replace("true", "1"),
        lambda kept: kept.replace(" 7,", ' "7",'),
        _without_one,
    ],
)
def test_what_cannot_be_read_was_never_checked(path: Path, damage: object) -> None:
    Shelf(path).keep(PASSED)
    path.write_text(damage(path.read_text()))  # type: ignore[operator] # each is a function
    found = Shelf(path).verdict(KEY)
    assert found is None or not found.is_warm
    Shelf(path).keep(PASSED)
    assert Shelf(path).verdict(KEY) == PASSED


def test_a_folder_that_cannot_be_written_costs_only_another_check(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    shelf = Shelf(tmp_path / "data" / "selfcheck.json")
    shelf.keep(PASSED)
    assert shelf.verdict(KEY) is None
