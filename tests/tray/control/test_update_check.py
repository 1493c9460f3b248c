"""When it is asked for a newer version, and what is remembered of the answer."""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tray.control.releases_feed import FeedUnreadable
from tray.control.update_check import AGAIN_S, DAY_S, MEMO, Answer, Updates

REPOSITORY = "https://github.com/some/bridge"


class Life:
    """Updates on a clock of the test's own; `pending` is what was asked and not answered."""

    def __init__(self, folder: Path, **more: Any) -> None:
        self.now = 1_800_000_000.0
        self.pending: list[Callable[[Answer], None]] = []
        settings = {"own": "1.1", "repository": REPOSITORY, **more}
        self.updates = Updates(folder / MEMO, wall=lambda: self.now, **settings)

    def look(self, wanted: bool = True) -> int:
        """How many questions are open after a look."""
        self.updates.look(self._aside, wanted=wanted)
        return len(self.pending)

    def answer(self, what: Answer) -> str:
        """The open question's answer comes; what is news then."""
        (then,) = self.pending
        self.pending.clear()
        then(what)
        return self.updates.news(wanted=True)

    def _aside(self, work: Callable[[], str | None], then: Callable[[Answer], None]) -> None:
        self.pending.append(then)


@pytest.fixture
def life(tmp_path: Path) -> Life:
    return Life(tmp_path)


def test_without_being_wanted_nothing_is_asked_ever(life: Life) -> None:
    for _ in range(10):
        life.now += DAY_S
        assert life.look(wanted=False) == 0


def test_it_asks_at_once_when_it_is_wanted_and_then_once_a_day(life: Life) -> None:
    assert life.look() == 1
    assert life.look() == 1
    assert life.answer("v1.2") == "1.2"
    life.now += DAY_S - 1
    assert life.look() == 0
    life.now += 1
    assert life.look() == 1
    assert life.answer("v1.3.1") == "1.3.1"
    assert life.updates.page == f"{REPOSITORY}/releases/tag/v1.3.1"


def test_a_failed_question_is_one_quiet_line_in_the_log_and_is_asked_again_in_an_hour(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    life.look()
    assert life.answer(FeedUnreadable("there is no network")) == ""
    assert [(row.levelname, row.getMessage()) for row in caplog.records] == [
        ("INFO", "no news of versions: there is no network")
    ]
    life.now += AGAIN_S - 1
    assert life.look() == 0
    life.now += 1
    assert life.look() == 1


def test_a_failure_does_not_take_back_what_is_known(life: Life) -> None:
    life.look()
    life.answer("v1.2")
    life.now += DAY_S
    life.look()
    assert life.answer(FeedUnreadable("no")) == "1.2"


@pytest.mark.parametrize("answer", [None, "v1.1", "v1.0"])
def test_nothing_newer_is_no_news(life: Life, answer: str | None) -> None:
    life.look()
    assert life.answer(answer) == ""


def test_what_was_heard_outlives_a_restart_and_what_nobody_wants_is_not_said(life: Life, tmp_path: Path) -> None:
    life.look()
    life.answer("v1.2")
    second = Life(tmp_path)
    assert second.updates.news(wanted=True) == ""
    assert second.look() == 0
    assert second.updates.news(wanted=True) == "1.2"
    assert second.updates.news(wanted=False) == ""


def test_an_update_that_was_installed_is_no_news_any_more(life: Life, tmp_path: Path) -> None:
    life.look()
    life.answer("v1.2")
    second = Life(tmp_path, own="1.2")
    second.look()
    assert second.updates.news(wanted=True) == ""


@pytest.mark.parametrize(
    "memo",
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
def test_a_memo_that_says_nonsense_does_not_keep_it_silent_or_lead_astray(tmp_path: Path, memo: str) -> None:
    (tmp_path / MEMO).write_text(memo)
    life = Life(tmp_path)
    assert life.look() == 1
    assert "evil" not in life.updates.page


def test_a_clock_that_was_put_back_does_not_keep_it_silent(life: Life) -> None:
    life.look()
    life.answer("v1.2")
    life.now -= 10 * DAY_S
    assert life.look() == 1


def test_a_memo_that_cannot_be_written_costs_nothing_but_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    life = Life(tmp_path / "file")
    life.look()
    assert life.answer("v1.2") == "1.2"
    assert life.look() == 0


@pytest.mark.parametrize("more", [{"managed_by": "apt"}, {"repository": None}, {"repository": "https://example.org/x"}])
def test_what_has_nobody_to_ask_says_so_and_asks_nobody(tmp_path: Path, more: dict[str, Any]) -> None:
    (tmp_path / MEMO).write_text(json.dumps({"tag": "v1.2", "next_at": 1_800_000_001}))
    life = Life(tmp_path, **more)
    assert not life.updates.is_possible
    assert life.look() == 0
    assert life.updates.news(wanted=True) == ""
