"""One session at a time, started only if the setting is on; each end closes the desktop and is told."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from server.agents.asking.approvals import OpenQuestions
from server.agents.asking.questions import Decision, Question
from server.config import Config
from server.desktop_tools import session as session_module
from server.desktop_tools.actions import Window
from server.desktop_tools.current import ComputerRefused, ComputerUse
from server.desktop_tools.session import Consent, End
from server.runtime.services.computer import new_computer_use
from server.status import ComputerAction, ComputerQuestion, ComputerStatus
from tests.server.desktop_tools.fake_desktop import FakeDesktop

EDITOR = Window("notes", "gedit", 7)
CLICK: dict[str, object] = {"coordinate": [5, 5]}
ON = Config(computer_use=True)


@dataclass
class Scene:
    """Computer use over real questions; `changes` has the status at each change."""

    config: Config = ON
    questions: OpenQuestions = field(default_factory=OpenQuestions)
    changes: list[ComputerStatus] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.computer: ComputerUse = new_computer_use(lambda: self.config, self.questions, self._changed)
        self.closed = asyncio.Event()

    def _changed(self) -> None:
        self.changes.append(self.computer.status)

    async def asked(self) -> str:
        """The id of the question that waits."""
        while not (waiting := self.questions.open_questions()):
            await asyncio.sleep(0)
        return waiting[0].id


@contextlib.asynccontextmanager
async def opened(config: Config = ON) -> AsyncIterator[Scene]:
    scene = Scene(config)
    yield scene
    await scene.computer.close()


async def until_closed(scene: Scene, desktop: FakeDesktop) -> None:
    async with asyncio.timeout(60):
        while not desktop.closings:
            await asyncio.sleep(0.001)
        # A new session is refused until the desktop of the last one is closed.
        await scene.computer.close()


async def test_nothing_starts_while_the_setting_is_off() -> None:
    async with opened(Config()) as scene:
        desktop = FakeDesktop(EDITOR)
        with pytest.raises(ComputerRefused, match="off"):
            scene.computer.start(desktop)
        assert (scene.computer.session, scene.computer.status) == (None, ComputerStatus())
        assert desktop.closings == []


async def test_a_second_session_is_refused_while_one_runs() -> None:
    async with opened() as scene:
        first = scene.computer.start(FakeDesktop(EDITOR))
        other = FakeDesktop(EDITOR)
        with pytest.raises(ComputerRefused, match="already"):
            scene.computer.start(other)
        assert scene.computer.session is first
        assert other.closings == []


async def test_the_next_session_starts_when_the_desktop_of_the_last_one_is_closed() -> None:
    async with opened() as scene:
        desktop = FakeDesktop(EDITOR)
        scene.computer.start(desktop)
        scene.computer.stop("menu")
        with pytest.raises(ComputerRefused, match="already"):
            scene.computer.start(FakeDesktop(EDITOR))
        await until_closed(scene, desktop)
        second = scene.computer.start(FakeDesktop(EDITOR))
        assert scene.computer.session is second


@pytest.mark.parametrize("given", [None, 2.0])
async def test_a_session_lasts_as_long_as_the_settings_or_the_start_say(given: float | None) -> None:
    async with opened(replace(ON, computer_minutes=7.0)) as scene:
        session = scene.computer.start(FakeDesktop(EDITOR), minutes=given)
        wanted_s = 60 * (given or 7.0)
        assert wanted_s - 5 < session.remaining_s() <= wanted_s
        status = scene.computer.status
        assert status.is_on
        assert status.ends_at is not None
        assert status.remaining_s(status.ends_at - 30) == 30
        assert status.remaining_s(status.ends_at + 30) == 0


async def test_the_time_limit_ends_a_session_that_has_nothing_to_do() -> None:
    async with opened() as scene:
        desktop = FakeDesktop(EDITOR)
        session = scene.computer.start(desktop, minutes=0.0005)
        await until_closed(scene, desktop)
        assert session.end == "time"
        assert scene.computer.session is None
        assert "time is over" in scene.computer.status.ended
        assert scene.changes[-1] == scene.computer.status


async def test_the_time_in_which_the_computer_sleeps_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stops in sleep and the wall's does not; a wall clock that is set back gives no more time."""
    monkeypatch.setattr(session_module, "_LOOK_S", 0.01)
    now = {"clock": 0.0, "wall": 1000.0}

    async def ask(_: str) -> Consent:
        return "no"

    computer = ComputerUse(lambda: ON, ask, clock=lambda: now["clock"], wall=lambda: now["wall"])
    desktop = FakeDesktop()
    session = computer.start(desktop, minutes=10)
    now["clock"], now["wall"] = 590.0, 0.0
    assert session.remaining_s() == 10
    now["wall"] = 1601.0
    async with asyncio.timeout(60):
        while not desktop.closings:
            await asyncio.sleep(0.001)
    assert session.end == "time"
    assert computer.session is None


@pytest.mark.parametrize(
    ("end", "word"), [("menu", "menu"), ("hot key", "hot key"), ("corner", "corner"), ("page", "dashboard")]
)
async def test_a_stop_refuses_what_waits_and_closes_the_desktop_in_a_thread(end: End, word: str) -> None:
    async with opened() as scene:
        desktop = FakeDesktop(EDITOR)
        session = scene.computer.start(desktop)
        typing = asyncio.create_task(session.call("type", {"text": "secret"}))
        scene.questions.decide(await scene.asked(), "once")
        waiting = asyncio.create_task(session.call("screenshot", {}))
        await desktop.typing.wait()
        scene.computer.stop(end)
        assert [(await typing).is_error, (await waiting).is_error] == [True, True]
        await until_closed(scene, desktop)
        ((cancelled, thread),) = desktop.closings
        assert cancelled == 1, "it was closed while an action still ran"
        assert thread != threading.get_ident()
        status = scene.computer.status
        assert (status.is_on, status.ends_at) == (False, None)
        assert status.actions == (ComputerAction("type 6 characters in gedit", "stopped"),)
        assert word in status.ended


async def test_a_desktop_that_cannot_be_closed_does_not_hold_the_next_session(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(FakeDesktop):
        def close(self) -> None:
            super().close()
            raise OSError("what is on the screen")

    async with opened() as scene:
        desktop = Broken()
        scene.computer.start(desktop)
        scene.computer.stop("menu")
        await until_closed(scene, desktop)
        scene.computer.start(FakeDesktop())
    assert "OSError" in caplog.text
    assert "screen" not in caplog.text


async def test_each_action_is_a_change_of_the_status() -> None:
    async with opened() as scene:
        session = scene.computer.start(FakeDesktop())
        await session.call("screenshot", {})
        assert [len(status.actions) for status in scene.changes] == [0, 1]
        assert scene.changes[-1].actions == (ComputerAction("screenshot", "done"),)
        assert scene.changes[-1].ended == ""


async def test_turning_the_setting_off_ends_the_session() -> None:
    async with opened() as scene:
        desktop = FakeDesktop(EDITOR)
        scene.computer.start(desktop)
        scene.computer.follow_settings()
        assert scene.computer.status.is_on
        scene.config = Config()
        scene.computer.follow_settings()
        assert scene.computer.session is None
        assert "setting" in scene.computer.status.ended
        await until_closed(scene, desktop)


async def test_the_end_of_the_server_ends_the_session_and_waits_for_the_desktop() -> None:
    scene = Scene()
    desktop = FakeDesktop(EDITOR)
    scene.computer.start(desktop)
    await scene.computer.close()
    assert len(desktop.closings) == 1
    assert "server" in scene.computer.status.ended


@pytest.mark.parametrize(
    ("decision", "is_allowed"), [("once", True), ("conversation", True), ("refuse", False), ("stop", False)]
)
async def test_a_window_is_asked_for_as_a_question_of_agents(decision: Decision, is_allowed: bool) -> None:
    async with opened() as scene:
        session = scene.computer.start(FakeDesktop(EDITOR))
        click = asyncio.create_task(session.call("left_click", CLICK))
        id_ = await scene.asked()
        (question,) = scene.questions.open_questions()
        assert (question.project, question.tool) == ("Computer use", "computer")
        assert "click 5,5 in gedit" in question.description
        assert scene.computer.status.question == ComputerQuestion(id_, question.description)
        assert scene.changes[-1].question is not None
        scene.questions.decide(id_, decision)
        assert (await click).is_error is not is_allowed
        assert [status.question for status in scene.changes][-1] is None
        assert (scene.computer.session is None) is (decision == "stop")


async def test_the_end_of_the_session_withdraws_its_question() -> None:
    async with opened() as scene:
        session = scene.computer.start(FakeDesktop(EDITOR))
        click = asyncio.create_task(session.call("left_click", CLICK))
        await scene.asked()
        scene.computer.stop("corner")
        assert (await click).is_error
        assert scene.questions.open_questions() == ()


async def test_a_question_that_cannot_be_shown_refuses_the_action() -> None:
    async with opened() as scene:
        session = scene.computer.start(FakeDesktop(EDITOR))
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(32):
                asking = asyncio.create_task(scene.questions.ask(Question("", "", "", "shop", "Bash")))
                stack.callback(asking.cancel)
            await scene.asked()
            await asyncio.sleep(0)
            outcome = await session.call("left_click", CLICK)
        assert outcome.is_error
        assert "wait for the person's decision" in outcome.text
