"""Claude's use of the desktop is started and ended by the person at the tray."""

import asyncio
from typing import Any

import pytest

from server.desktop_tools.actions import ToolError, Window
from server.status import State
from tests.ports import free_port
from tests.tray.control.scenes import MakeScene
from tests.tray.scene import Scene, wait_for
from tray.commands import AnswerComputerUse, ChangeSetting, StartComputerUse, Stop, StopComputerUse
from tray.desktop_control import NotOnThisDesktop


@pytest.fixture
def scene(make: MakeScene) -> Scene:
    return make(f"port = {free_port()}\ncomputer_use = true\ncomputer_minutes = 5\n").running()


def test_a_start_is_told_with_the_ways_to_stop_it_and_the_menu_stops_it(scene: Scene) -> None:
    scene.post(StartComputerUse())
    scene.until(lambda shown: shown.status.computer.is_on)
    notice = scene.until_notified("Claude uses the desktop")
    assert "For 5 minutes. To stop it, press Ctrl+Alt+Escape" in notice.text
    assert scene.shown.computer_minutes_left == 5
    scene.pass_time(90)
    scene.until(lambda shown: shown.computer_minutes_left == 4)
    assert notice.action is not None
    scene.post(notice.action)
    scene.until(lambda shown: not shown.status.computer.is_on)
    assert "in the menu" in scene.until_notified("no longer uses").text
    wait_for(lambda: len(scene.desktops[0].closings) == 1)


@pytest.mark.parametrize("end", ["hot key", "corner"])
def test_the_hot_key_and_the_corner_stop_it(scene: Scene, end: str) -> None:
    scene.post(StartComputerUse())
    scene.until_notified("Claude uses the desktop")
    scene.desktops[0].stopped(end)  # type: ignore[arg-type] # one of `End`
    scene.until(lambda shown: end in shown.status.computer.ended)
    assert end in scene.until_notified("no longer uses").text


@pytest.mark.parametrize(("decision", "is_refused"), [("once", False), ("conversation", False), ("refuse", True)])
def test_the_menu_answers_what_claude_asks(scene: Scene, decision: Any, is_refused: bool) -> None:
    scene.post(StartComputerUse())
    scene.until(lambda shown: shown.status.computer.is_on)
    scene.desktops[0].windows = (Window("notes", "gedit", 7),)
    (engine,) = scene.backend.engines
    session = engine.computer.session
    assert session is not None
    click = asyncio.run_coroutine_threadsafe(session.call("left_click", {"coordinate": [5, 5]}), engine.loop)
    question = scene.until(lambda shown: shown.status.computer.question).status.computer.question
    assert question is not None
    assert "click 5,5 in gedit" in question.sentence
    scene.post(AnswerComputerUse(question.id, decision))
    assert click.result(30).is_error is is_refused
    scene.until(lambda shown: shown.status.computer.question is None)
    # A click that comes too late.
    scene.post(AnswerComputerUse(question.id, "once"))
    scene.until_notified("This question is closed")


def test_a_stop_before_the_session_has_started_is_not_lost(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    start = scene.runner.start_computer_use

    def stopped_first(desktop: object) -> object:
        scene.desktops[0].stopped("corner")
        # The server has done the stop, which found no session.
        scene.runner._loop.call_soon_threadsafe(lambda: None)  # type: ignore[union-attr] # it runs
        return start(desktop)  # type: ignore[arg-type] # the double

    monkeypatch.setattr(scene.runner, "start_computer_use", stopped_first)
    scene.post(StartComputerUse())
    scene.until(lambda shown: "corner" in shown.status.computer.ended)
    wait_for(lambda: len(scene.desktops[0].closings) == 1)


def test_a_desktop_that_cannot_be_used_is_told_and_changes_nothing(scene: Scene) -> None:
    scene.hands_error = NotOnThisDesktop("Wayland gives programs neither the screen nor the keyboard.")
    scene.post(StartComputerUse())
    assert "Wayland" in scene.until_notified("not available here").text
    assert scene.shown.problem is None
    scene.hands_error = None
    scene.post(StartComputerUse())
    scene.until(lambda shown: shown.status.computer.is_on)


def test_a_desktop_that_cannot_watch_the_person_is_closed(scene: Scene) -> None:
    scene.watch_error = ToolError("The desktop does not answer.")
    scene.post(StartComputerUse())
    assert scene.until_notified("cannot start").text == "The desktop does not answer."
    wait_for(lambda: len(scene.desktops[0].closings) == 1)
    assert not scene.shown.status.computer.is_on


def test_a_second_start_is_refused_and_its_desktop_is_closed(scene: Scene) -> None:
    scene.post(StartComputerUse())
    scene.until(lambda shown: shown.status.computer.is_on)
    scene.until_notified("Claude uses the desktop")
    scene.post(StartComputerUse())
    assert "already" in scene.until_notified("cannot start").text
    assert [len(desktop.closings) for desktop in scene.desktops] == [0, 1]
    assert scene.shown.status.computer.is_on


def test_the_switch_turns_it_on_and_off_and_ends_a_session(make: MakeScene) -> None:
    scene = make().running()
    scene.post(StartComputerUse())
    assert "computer_use" in scene.until_notified("cannot start").text
    scene.post(ChangeSetting("computer_use", value=True))
    scene.until(lambda shown: shown.computer_use)
    assert scene.saved["computer_use"] is True
    scene.post(StartComputerUse())
    scene.until(lambda shown: shown.status.computer.is_on)
    scene.post(ChangeSetting("computer_use", value=False))
    scene.until(lambda shown: not shown.status.computer.is_on)
    assert "setting off" in scene.until_notified("no longer uses").text


def test_it_needs_a_running_server_and_ends_with_it(scene: Scene) -> None:
    scene.post(StartComputerUse())
    scene.until(lambda shown: shown.status.computer.is_on)
    scene.post(Stop())
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    scene.until_notified("no longer uses")
    assert len(scene.desktops[0].closings) == 1
    scene.post(StopComputerUse(), StartComputerUse())
    scene.until_notified("Drawbridge is stopping")
    assert len(scene.desktops) == 1
