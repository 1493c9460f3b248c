"""A session carries calls out in order, asks, refuses, and ends at once."""

import asyncio
from collections.abc import Callable

import pytest

from server.desktop_tools.actions import Action, Outcome, TypeText, Window
from server.desktop_tools.denied import DenyList
from server.desktop_tools.session import ComputerSession, Consent, End, tools_for
from tests.server.desktop_tools.fake_desktop import FakeDesktop

EDITOR = Window("notes", "gedit", 7)
CLICK: dict[str, object] = {"coordinate": [5, 5]}


def asking(
    answer: bool | Consent, asked: list[str], before: Callable[[], None] = lambda: None
) -> Callable[[str], asyncio.Future[Consent]]:
    def ask(question: str) -> asyncio.Future[Consent]:
        asked.append(question)
        before()
        future: asyncio.Future[Consent] = asyncio.get_running_loop().create_future()
        future.set_result(answer if isinstance(answer, str) else "session" if answer else "no")
        return future

    return ask


async def test_the_first_use_of_each_window_asks_and_the_next_does_not() -> None:
    desktop, asked = FakeDesktop(EDITOR), list[str]()
    session = ComputerSession(desktop, asking(True, asked))
    assert not (await session.call("left_click", CLICK)).is_error
    assert not (await session.call("left_click", CLICK)).is_error
    desktop.windows = (Window("mail", "thunderbird", 8),)
    await session.call("left_click", CLICK)
    assert ["gedit" in asked[0], "thunderbird" in asked[1], len(asked)] == [True, True, 2]
    assert "click 5,5 in gedit" in asked[0]
    assert len(desktop.done) == 3
    first = session.actions[0]
    assert (first.words, first.result) == ("click 5,5 in gedit", "done")


async def test_a_window_that_is_allowed_once_is_asked_for_again() -> None:
    desktop, asked = FakeDesktop(EDITOR), list[str]()
    session = ComputerSession(desktop, asking("once", asked))
    outcomes = [await session.call("left_click", CLICK) for _ in range(2)]
    assert [outcome.is_error for outcome in outcomes] == [False, False]
    assert len(asked) == 2


async def test_a_no_is_told_to_claude_and_nothing_is_done() -> None:
    desktop = FakeDesktop(EDITOR)
    session = ComputerSession(desktop, asking(False, []))
    outcome = await session.call("left_click", CLICK)
    assert outcome.is_error
    assert "does not let" in outcome.text
    assert desktop.done == []
    assert [entry.result for entry in session.actions] == ["refused"]


@pytest.mark.parametrize("change", ["window", "lock"])
async def test_what_changes_while_the_person_is_asked_is_seen(change: str) -> None:
    desktop = FakeDesktop(EDITOR)

    def happens() -> None:
        if change == "lock":
            desktop.locked = True
        else:
            desktop.windows = (Window("vault", "keepassxc", 9),)

    outcome = await ComputerSession(desktop, asking(True, [], happens)).call("left_click", CLICK)
    assert outcome.is_error
    assert desktop.done == []


@pytest.mark.parametrize(
    ("app", "title", "tool", "is_refused"),
    [
        ("xterm", "shell", "left_click", True),
        ("xterm", "shell", "screenshot", False),
        ("gnome-terminal-server", "shell", "left_click", True),
        ("WindowsTerminal.exe", "shell", "left_click", True),
        ("KeePassXC", "vault", "left_click", True),
        ("KeePassXC", "vault", "screenshot", True),
        ("firefox", "Drawbridge - Mozilla Firefox", "left_click", True),
        ("firefox", "News", "left_click", False),
        ("stellarium", "sky", "left_click", False),
    ],
)
async def test_windows_of_the_deny_list_are_not_used(app: str, title: str, tool: str, is_refused: bool) -> None:
    desktop = FakeDesktop(EDITOR, Window(title, app, 9))
    asked = list[str]()
    outcome = await ComputerSession(desktop, asking(True, asked)).call(tool, CLICK if tool == "left_click" else {})
    assert outcome.is_error is is_refused
    assert bool(desktop.done) is not is_refused
    assert not (is_refused and asked)


async def test_the_person_can_take_terminals_off_the_list() -> None:
    desktop = FakeDesktop(Window("shell", "xterm", 9))
    session = ComputerSession(desktop, asking(True, []), denied=DenyList(terminals=()))
    assert not (await session.call("left_click", CLICK)).is_error


async def test_a_locked_screen_is_neither_seen_nor_used() -> None:
    desktop = FakeDesktop(EDITOR)
    desktop.locked = True
    for tool, arguments in (("screenshot", {}), ("left_click", CLICK)):
        outcome = await ComputerSession(desktop, asking(True, [])).call(tool, arguments)
        assert "locked" in outcome.text
    assert desktop.done == []


@pytest.mark.parametrize(
    ("end", "words"), [("menu", "menu"), ("hot key", "hot key"), ("corner", "corner"), ("page", "dashboard")]
)
async def test_stopping_cancels_the_action_that_runs_and_refuses_those_that_wait(end: End, words: str) -> None:
    desktop = FakeDesktop(EDITOR)
    session = ComputerSession(desktop, asking(True, []))
    running = asyncio.ensure_future(session.call("type", {"text": "secret"}))
    await desktop.typing.wait()
    waiting = asyncio.ensure_future(session.call("left_click", CLICK))
    await asyncio.sleep(0)
    session.stop(end)
    outcomes = [*await asyncio.gather(running, waiting), await session.call("screenshot", {})]
    assert all(outcome.is_error and words in outcome.text for outcome in outcomes)
    assert desktop.done == []
    assert desktop.cancelled == [TypeText("secret")]
    assert [(entry.words, entry.result) for entry in session.actions] == [("type 6 characters in gedit", "stopped")]
    assert tools_for(session) == ()


async def test_the_time_limit_ends_an_action_that_runs() -> None:
    desktop = FakeDesktop(EDITOR)
    session = ComputerSession(desktop, asking(True, []), limit_s=0.05)
    assert len(tools_for(session)) == 11
    outcome = await session.call("type", {"text": "a"})
    assert "time is over" in outcome.text
    assert (session.end, session.remaining_s(), desktop.done) == ("time", 0.0, [])


async def test_calls_are_carried_out_one_after_another() -> None:
    desktop = FakeDesktop(EDITOR)
    session = ComputerSession(desktop, asking(True, []))
    first = asyncio.ensure_future(session.call("type", {"text": "a"}))
    await desktop.typing.wait()
    second = asyncio.ensure_future(session.call("left_click", CLICK))
    await asyncio.sleep(0.02)
    assert desktop.done == []
    desktop.go.set()
    await asyncio.gather(first, second)
    assert [type(action).__name__ for action in desktop.done] == ["TypeText", "Click"]


async def test_a_wrong_call_is_an_error_and_the_session_goes_on() -> None:
    desktop = FakeDesktop(EDITOR)
    session = ComputerSession(desktop, asking(True, []))
    assert (await session.call("dance", {})).is_error
    assert not (await session.call("screenshot", {})).is_error


async def test_typing_stops_when_another_window_comes_in_front() -> None:
    class Changing(FakeDesktop):
        async def perform(self, action: Action) -> Outcome:
            self.done.append(action)
            if len(self.done) == 2:
                self.windows = (Window("shell", "xterm", 8),)
            return Outcome("done")

    desktop = Changing(EDITOR)
    session = ComputerSession(desktop, asking(True, []))
    outcome = await session.call("type", {"text": f"{60 * 'a'}\nls\n"})
    assert (outcome.is_error, "Another window" in outcome.text) == (True, True)
    assert desktop.done == [TypeText(40 * "a"), TypeText(f"{20 * 'a'}\n")]


async def test_a_title_that_changes_is_the_same_window() -> None:
    desktop = FakeDesktop(EDITOR)

    def change() -> None:
        desktop.windows = (Window("* notes", "gedit", 7),)

    session = ComputerSession(desktop, asking(True, [], change))
    assert not (await session.call("left_click", CLICK)).is_error


@pytest.mark.parametrize(("name", "text"), [("type", "secret"), ("key", "Return")])
async def test_without_a_window_with_the_keyboard_nothing_is_typed(name: str, text: str) -> None:
    desktop = FakeDesktop()
    desktop.go.set()
    outcome = await ComputerSession(desktop, asking(True, [])).call(name, {"text": text})
    assert "No window has the keyboard" in outcome.text
    assert desktop.done == []


async def test_a_password_manager_that_opens_meanwhile_is_not_in_the_picture() -> None:
    class Opening(FakeDesktop):
        async def windows_of(self, action: Action) -> tuple[Window, ...]:
            before, self.windows = self.windows, (*self.windows, Window("Vault", "keepassxc", 9))
            return before

    desktop = Opening(EDITOR)
    outcome = await ComputerSession(desktop, asking(True, [])).call("screenshot", {})
    assert "password manager" in outcome.text
    assert desktop.done == []
