"""Check results in the data folder."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from server.selfcheck.capabilities import Capability, CheckResult, CliFingerprint, ProbeResult
from server.selfcheck.store import MAX_RESULTS, ResultStore

KEY = CliFingerprint("/usr/bin/claude", 7, 8, "2.1.329", "0.2.186")
PASSED = CheckResult(KEY, tuple(ProbeResult(capability, holds=True) for capability in Capability))
FAILED = CheckResult(
    KEY, tuple(ProbeResult(one, one is not Capability.HISTORY, "something odd: ü") for one in Capability)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "selfcheck.json"


@pytest.mark.parametrize("result", [PASSED, FAILED], ids=["passed", "failed"])
def test_a_saved_result_is_loaded(path: Path, result: CheckResult) -> None:
    ResultStore(path).save(result)
    assert ResultStore(path).result(KEY) == result
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
def test_a_result_is_for_one_program_and_one_check(path: Path, other: CliFingerprint) -> None:
    ResultStore(path).save(PASSED)
    assert ResultStore(path).result(other) is None


def test_a_result_applies_before_the_version_is_known(path: Path) -> None:
    ResultStore(path).save(PASSED)
    assert ResultStore(path).result(replace(KEY, version=None)) == PASSED


def test_a_new_result_replaces_the_old_one_and_the_oldest_is_dropped(path: Path) -> None:
    store = ResultStore(path)
    store.save(FAILED)
    store.save(PASSED)
    assert store.result(KEY) == PASSED
    for number in range(MAX_RESULTS):
        store.save(CheckResult(replace(KEY, path=f"/{number}"), PASSED.probes))
    assert store.result(KEY) is None
    assert len(json.loads(path.read_text())["results"]) == MAX_RESULTS


def _without_one(kept: str) -> str:
    rows = json.loads(kept)
    del rows["results"][0]["probes"]["HISTORY"]
    return json.dumps(rows)


@pytest.mark.parametrize(
    "damage",
    [
        lambda kept: "",
        lambda kept: kept[:-9],
        lambda kept: "[]",
        lambda kept: '{"results": 3}',
        lambda kept: '{"results": [[]]}',
        lambda kept: kept.replace("mtime_ns", "mtime"),
        lambda kept: kept.replace('"2.1.329"', "null"),
        lambda kept: kept.replace("holds", "held"),
        lambda kept: kept.replace("true", "1"),
        lambda kept: kept.replace(" 7,", ' "7",'),
        _without_one,
    ],
)
def test_a_damaged_file_counts_as_never_checked(path: Path, damage: object) -> None:
    ResultStore(path).save(PASSED)
    path.write_text(damage(path.read_text()))  # type: ignore[operator] # each is a function
    found = ResultStore(path).result(KEY)
    assert found is None or not found.is_warm
    ResultStore(path).save(PASSED)
    assert ResultStore(path).result(KEY) == PASSED


def test_a_folder_that_is_not_writable_costs_only_another_check(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    store = ResultStore(tmp_path / "data" / "selfcheck.json")
    store.save(PASSED)
    assert store.result(KEY) is None
