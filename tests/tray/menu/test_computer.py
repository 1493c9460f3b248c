"""The menu's lines about Claude's use of the desktop, the icon, and what is told of it."""

from dataclasses import replace

import pytest

from server.status import ApprovalsStatus, ComputerAction, ComputerQuestion, ComputerStatus, State, TunnelStatus
from tests.tray.menu.snapshots import STATES, commands, submenu, texts
from tests.tray.states import RUNNING
from tray.commands import AnswerComputerUse, ChangeSetting, StartComputerUse, StopComputerUse
from tray.menu.computer import ComputerNews, started_notice
from tray.menu.item import SEPARATOR, Item
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.model import Picture, Problem, Snapshot

USED = STATES["computer_used"]
ALLOWED = replace(RUNNING, computer_use=True)
CONSENT = [
    "Claude then sees all that is on the screen",
    "It clicks and types as you, in windows that you allow",
    "Text on the screen may contain instructions to Claude",
]


def test_while_it_is_off_nothing_starts_it_and_the_consent_stands_before_the_switch() -> None:
    assert StartComputerUse() not in commands(RUNNING)
    lines = list(submenu(RUNNING, "Computer use: off").values())
    assert [line.text for line in lines[:3]] == CONSENT
    assert lines[-1].command == ChangeSetting("computer_use", value=True)
    assert not any("desktop" in text for text in texts(RUNNING))


def test_the_start_stands_below_the_consent_with_its_time() -> None:
    lines = list(submenu(replace(ALLOWED, computer_minutes=5.0), "Let Claude use the desktop").values())
    assert [line.text for line in lines[:3]] == CONSENT
    assert Item("Start, for 5 minutes", StartComputerUse()) in lines
    assert lines[-1].command == ChangeSetting("computer_use", value=False)
    stopped = replace(ALLOWED, status=replace(ALLOWED.status, state=State.STOPPED))
    assert StartComputerUse() not in commands(stopped)


def test_a_pinned_setting_says_by_what() -> None:
    pinned = (("computer_use", "DRAWBRIDGE_COMPUTER_USE"),)
    assert "Computer use: off (set by DRAWBRIDGE_COMPUTER_USE)" in texts(replace(RUNNING, pinned=pinned))
    shown = replace(ALLOWED, pinned=pinned)
    assert "Computer use: on (set by DRAWBRIDGE_COMPUTER_USE)" in submenu(shown, "Let Claude use the desktop")
    assert StartComputerUse() in commands(shown)


def test_during_a_session_the_top_lines_show_the_time_and_the_actions_and_stop_it() -> None:
    menu = menu_for(USED)
    top = menu[: menu.index(SEPARATOR)]
    (shown,) = [item for item in top if item.text == "Claude uses the desktop: 9 min left"]
    assert [item.text for item in shown.items] == [
        "4. click 20,30 in xterm (refused)",
        "3. type 12 characters in gedit",
        "2. click 200,200 in gedit",
        "1. screenshot",
    ]
    assert Item("Stop Claude's use of the desktop", StopComputerUse()) in top
    assert StartComputerUse() not in commands(USED)


def test_a_question_is_shown_as_a_whole_with_its_answers() -> None:
    asking = STATES["computer_asks_for_a_window"]
    question = asking.status.computer.question
    assert question is not None
    shown = submenu(asking, "Answer Claude's question here")
    assert " ".join(list(shown)[:2]) == question.sentence
    assert [item.command for item in list(shown.values())[-3:]] == [
        AnswerComputerUse("q1", "once"),
        AnswerComputerUse("q1", "conversation"),
        AnswerComputerUse("q1", "refuse"),
    ]
    assert not any(isinstance(command, AnswerComputerUse) for command in commands(USED))


def test_a_question_that_is_too_long_for_the_menu_is_not_answered_there() -> None:
    computer = replace(USED.status.computer, question=ComputerQuestion("q1", "so many words " * 50))
    shown = replace(USED, status=replace(USED.status, computer=computer))
    assert not any(isinstance(command, AnswerComputerUse) for command in commands(shown))


def test_only_the_last_actions_are_listed() -> None:
    actions = tuple(ComputerAction("screenshot", "done") for _ in range(50))
    computer = replace(USED.status.computer, actions=actions)
    shown = submenu(replace(USED, status=replace(USED.status, computer=computer)), "Claude uses the desktop")
    assert next(iter(shown)) == "50. screenshot"
    assert len(shown) == 8


def test_after_a_session_the_menu_says_why_it_ended_and_what_was_done() -> None:
    shown = submenu(STATES["computer_no_longer_used"], "Let Claude use the desktop")
    assert "Computer use has ended: its time is over." in shown
    assert len(shown["What Claude did last"].items) == 4
    assert StopComputerUse() not in commands(STATES["computer_no_longer_used"])


@pytest.mark.parametrize("also", ["", "problem", "question", "tunnel", "answer"])
def test_the_icon_and_its_tooltip_always_show_a_session(also: str) -> None:
    status = USED.status
    shown: Snapshot = {
        "": USED,
        "problem": replace(USED, problem=Problem("Oh", "no")),
        "question": replace(USED, status=replace(status, approvals=ApprovalsStatus(1, "q1", "Bash", "site"))),
        "tunnel": replace(USED, status=replace(status, tunnel=TunnelStatus("open"))),
        "answer": replace(USED, status=replace(status, pool=replace(status.pool, answering=3))),
    }[also]
    assert picture_for(shown) is Picture.POINTER
    assert "Claude uses the desktop" in tooltip_for(shown)
    over = replace(shown, status=replace(shown.status, computer=ComputerStatus()))
    assert picture_for(over) is not Picture.POINTER
    assert "desktop" not in tooltip_for(over)


def test_the_end_is_told_once_with_its_reason() -> None:
    news = ComputerNews()
    ended = ComputerStatus(ended="Computer use has ended: its time is over.")
    assert list(news.of(ComputerStatus())) == []
    assert list(news.of(USED.status.computer)) == []
    (notice,) = news.of(ended)
    assert (notice.title, notice.text) == ("Claude no longer uses the desktop", ended.ended)
    assert list(news.of(ended)) == []
    list(news.of(USED.status.computer))
    # The server has crashed.
    assert len(list(news.of(ComputerStatus()))) == 1
    # It was stopped at once.
    assert len(list(news.of(ended))) == 1


def test_the_start_is_told_with_the_ways_to_stop_it() -> None:
    notice = started_notice(1.0, "Ctrl+Alt+Escape")
    assert notice.text.startswith("For 1 minute.")
    assert all(way in notice.text for way in ("Ctrl+Alt+Escape", "corner", "menu"))
    assert (notice.action, notice.label) == (StopComputerUse(), "Stop now")
    assert "press" not in started_notice(10.0, "").text
