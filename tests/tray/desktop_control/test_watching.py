"""The person stops by a corner or by the hot key; Claude's own moves stop nothing."""

import asyncio
import queue
from collections.abc import Iterator

import pytest
from Xlib import XK, X

from server.desktop_tools.actions import Click, Drag, Move, Point, ToolError
from server.desktop_tools.session import ComputerSession, Consent, End
from tests.tray.desktop_control.xprograms import WAIT_S, NotingWindow, Person, until
from tray.desktop_control import LocalDesktop

CORNERS = [(0, 0), (1599, 0), (0, 999), (1599, 999)]
Ends = queue.SimpleQueue[End]


@pytest.fixture
def person(display: str) -> Iterator[Person]:
    with Person(display) as person:
        person.move(800, 500)
        yield person


@pytest.fixture
def ends(local_desktop: LocalDesktop, person: Person) -> Ends:
    ends: Ends = queue.SimpleQueue()
    local_desktop.watch(ends.put)
    return ends


@pytest.mark.parametrize("corner", CORNERS)
def test_the_person_stops_with_the_pointer_in_a_corner(person: Person, ends: Ends, corner: tuple[int, int]) -> None:
    person.move(*corner)
    assert ends.get(timeout=WAIT_S) == "corner"
    person.move(800, 500)
    person.move(*corner)
    assert ends.empty()


async def test_claude_in_a_corner_stops_nothing_and_the_person_still_can(
    local_desktop: LocalDesktop, person: Person, ends: Ends
) -> None:
    for corner in CORNERS:
        await local_desktop.perform(Move(Point(*corner)))
        await local_desktop.perform(Drag(Point(*corner), Point(5, 500)))
        assert not local_desktop._moves.is_in_corner(person.pointer)
    assert ends.empty()
    person.move(0, 0)
    assert ends.get(timeout=WAIT_S) == "corner"


def test_a_pointer_that_was_in_the_corner_before_has_to_leave_first(
    local_desktop: LocalDesktop, person: Person
) -> None:
    person.move(0, 0)
    ends: Ends = queue.SimpleQueue()
    local_desktop.watch(ends.put)
    assert not local_desktop._moves.is_in_corner(person.pointer)
    person.move(10, 10)
    assert not local_desktop._moves.is_in_corner(person.pointer)
    assert ends.empty()
    person.move(0, 0)
    assert ends.get(timeout=WAIT_S) == "corner"


async def test_claude_does_not_take_the_pointer_out_of_the_corner(local_desktop: LocalDesktop, person: Person) -> None:
    local_desktop.watch(lambda _: None)
    person.move(0, 0)
    with pytest.raises(ToolError, match="corner"):
        await local_desktop.perform(Click(Point(800, 500)))
    assert person.pointer() == Point(0, 0)


@pytest.mark.parametrize("locks", [(), ("Caps_Lock",), ("Num_Lock",), ("Caps_Lock", "Num_Lock")])
def test_the_hot_key_stops(local_desktop: LocalDesktop, person: Person, ends: Ends, locks: tuple[str, ...]) -> None:
    assert local_desktop.hot_key == "Ctrl+Alt+Esc"
    for lock in locks:
        person.tap(lock)
    try:
        person.tap("Escape")
        person.tap("Control_L", "Alt_L", "Escape")
        assert ends.get(timeout=WAIT_S) == "hot key"
    finally:
        for lock in locks:
            person.tap(lock)


@pytest.mark.parametrize(
    ("taken", "hot_key", "keys"),
    [
        ((0,), "Ctrl+Alt+Shift+Esc", ("Control_L", "Alt_L", "Shift_L", "Escape")),
        # As on GNOME.
        ((0, X.ShiftMask), "Ctrl+Alt+End", ("Control_L", "Alt_L", "End")),
    ],
)
def test_a_hot_key_that_another_program_has_is_replaced(
    local_desktop: LocalDesktop,
    person: Person,
    display: str,
    taken: tuple[int, ...],
    hot_key: str,
    keys: tuple[str, ...],
) -> None:
    with Person(display) as other:
        code, mode = other.display.keysym_to_keycode(XK.XK_Escape), X.GrabModeAsync
        for more in taken:
            other.display.screen().root.grab_key(code, X.ControlMask | X.Mod1Mask | more, False, mode, mode)
        other.display.sync()
        ends: Ends = queue.SimpleQueue()
        local_desktop.watch(ends.put)
        assert local_desktop.hot_key == hot_key
        person.tap(*keys)
        assert ends.get(timeout=WAIT_S) == "hot key"


def test_without_a_watch_the_hot_key_is_free_and_corners_are_corners(
    local_desktop: LocalDesktop, person: Person, ends: Ends, display: str
) -> None:
    local_desktop.unwatch()
    with NotingWindow(display) as window:
        window.focus()
        person.tap("Control_L", "Alt_L", "Escape")
        assert [note[0] for note in window.notes()].count("press") == 3
    person.move(0, 0)
    asyncio.run(local_desktop.perform(Move(Point(5, 5))))
    assert ends.empty()


async def test_nothing_is_done_once_the_person_cannot_stop_it(
    local_desktop: LocalDesktop, person: Person, caplog: pytest.LogCaptureFixture
) -> None:
    ends: list[End] = []

    def fail(end: End) -> None:
        ends.append(end)
        raise RuntimeError

    local_desktop.watch(fail)
    person.move(0, 0)
    until(lambda: "not watched any more" in caplog.text and len(ends) == 2)
    assert ends == ["corner", "unwatched"]
    with pytest.raises(ToolError, match="could not stop this"):
        await local_desktop.perform(Move(Point(5, 5)))
    assert person.pointer() == Point(0, 0)


async def test_a_stop_ends_the_session_in_mid_action(local_desktop: LocalDesktop, person: Person, display: str) -> None:
    async def yes(_: str) -> Consent:
        return "session"

    session, loop = ComputerSession(local_desktop, yes), asyncio.get_running_loop()
    local_desktop.watch(lambda end: loop.call_soon_threadsafe(session.stop, end))
    with NotingWindow(display) as window:
        window.focus()
        call = asyncio.ensure_future(session.call("type", {"text": 9000 * "a"}))
        while not window.notes():
            await asyncio.sleep(0)
        person.move(0, 0)
        outcome = await call
        assert [outcome.is_error, "corner" in outcome.text] == [True, True]
        assert person.pressed() == ([], 0)
        assert len(window.notes()) < 9000
