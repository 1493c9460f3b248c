"""When the update check asks the feed, and what it caches."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tray.control.updates.releases_feed import FeedUnreadable
from tray.control.updates.update_check import CACHE_FILE, DAY_S, RETRY_S, FeedResult, UpdateCheck

REPOSITORY = "https://github.com/some/bridge"


class Check:
    """An update check with a fake clock; `pending`: the callbacks of unanswered requests."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.now = 1_800_000_000.0
        self.pending: list[Callable[[FeedResult], None]] = []
        settings = {"own": "1.1", "repository": REPOSITORY, **more}
        self.updates = UpdateCheck(folder / CACHE_FILE, wall=lambda: self.now, **settings)

    def poll(self, wanted: bool = True) -> int:
        """Checks if it is due; returns the number of unanswered requests."""
        self.updates.check_if_due(self._run, wanted=wanted)
        return len(self.pending)

    def answer(self, what: FeedResult) -> str:
        """Answers the pending request; returns the newer version."""
        (on_done,) = self.pending
        self.pending.clear()
        on_done(what)
        return self.updates.newer_version(wanted=True)

    def _run(self, work: Callable[[], str | None], on_done: Callable[[FeedResult], None]) -> None:
        self.pending.append(on_done)


@pytest.fixture
def check(tmp_path: Path) -> Check:
    return Check(tmp_path)


def test_a_check_that_is_switched_off_never_asks(check: Check) -> None:
    for _ in range(10):
        check.now += DAY_S
        assert check.poll(wanted=False) == 0


def test_it_asks_at_once_when_switched_on_and_then_once_a_day(check: Check) -> None:
    assert check.poll() == 1
    assert check.poll() == 1
    assert check.answer("v1.2") == "1.2"
    check.now += DAY_S - 1
    assert check.poll() == 0
    check.now += 1
    assert check.poll() == 1
    assert check.answer("v1.3.1") == "1.3.1"
    assert check.updates.page == f"{REPOSITORY}/releases/tag/v1.3.1"


def test_a_failed_request_is_one_info_line_in_the_log_and_is_retried_after_an_hour(
    check: Check, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    check.poll()
    assert check.answer(FeedUnreadable("there is no network")) == ""
    assert [(row.levelname, row.getMessage()) for row in caplog.records] == [
        ("INFO", "the update check failed: there is no network")
    ]
    check.now += RETRY_S - 1
    assert check.poll() == 0
    check.now += 1
    assert check.poll() == 1


def test_a_failed_request_keeps_the_known_version(check: Check) -> None:
    check.poll()
    check.answer("v1.2")
    check.now += DAY_S
    check.poll()
    assert check.answer(FeedUnreadable("no")) == "1.2"


@pytest.mark.parametrize("answer", [None, "v1.1", "v1.0"])
def test_no_newer_release_gives_no_version(check: Check, answer: str | None) -> None:
    check.poll()
    assert check.answer(answer) == ""


def test_the_answer_survives_a_restart_and_is_hidden_when_switched_off(check: Check, tmp_path: Path) -> None:
    check.poll()
    check.answer("v1.2")
    second = Check(tmp_path)
    assert second.updates.newer_version(wanted=True) == ""
    assert second.poll() == 0
    assert second.updates.newer_version(wanted=True) == "1.2"
    assert second.updates.newer_version(wanted=False) == ""


def test_an_installed_update_is_no_longer_offered(check: Check, tmp_path: Path) -> None:
    check.poll()
    check.answer("v1.2")
    second = Check(tmp_path, own="1.2")
    second.poll()
    assert second.updates.newer_version(wanted=True) == ""


@pytest.mark.parametrize(
    "cached",
    [
        "",
        "[]",
        "{}",
        '{"tag": "v1.2", "next_at": "soon"}',
        '{"tag": "v1.2", "next_at": NaN}',
        '{"tag": "v1.2", "next_at": 1e12}',
        '{"tag": "/../evil", "next_at": 1800000001}',
    ],
)
def test_a_damaged_cache_neither_stops_the_check_nor_changes_the_page(tmp_path: Path, cached: str) -> None:
    (tmp_path / CACHE_FILE).write_text(cached)
    check = Check(tmp_path)
    assert check.poll() == 1
    assert "evil" not in check.updates.page


def test_a_clock_that_was_set_back_does_not_stop_the_check(check: Check) -> None:
    check.poll()
    check.answer("v1.2")
    check.now -= 10 * DAY_S
    assert check.poll() == 1


def test_a_cache_that_cannot_be_written_changes_nothing_until_a_restart(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = Check(tmp_path / "file")
    check.poll()
    assert check.answer("v1.2") == "1.2"
    assert check.poll() == 0


@pytest.mark.parametrize("more", [{"managed_by": "apt"}, {"repository": None}, {"repository": "https://example.org/x"}])
def test_without_a_feed_the_check_is_not_possible_and_never_asks(tmp_path: Path, more: dict[str, Any]) -> None:
    (tmp_path / CACHE_FILE).write_text(json.dumps({"tag": "v1.2", "next_at": 1_800_000_001}))
    check = Check(tmp_path, **more)
    assert check.updates.obstacle
    assert check.poll() == 0
    assert check.updates.newer_version(wanted=True) == ""
