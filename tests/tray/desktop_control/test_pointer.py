"""The pointer in a real window."""

import asyncio

from server.desktop_tools.actions import Click, Drag, Move, Point, Scroll
from tests.tray.desktop_control.xprograms import NotingWindow, Person
from tray.desktop_control import LocalDesktop

# Of the window that all tests use.
LEFT, TOP = 100, 100


async def test_a_click_is_one_press_and_release_where_it_should_be(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, LEFT, TOP) as window:
        await local_desktop.perform(Click(Point(120, 130)))
        assert [note for note in window.notes() if note[0] != "move"] == [("down", 1, 20, 30), ("up", 1, 20, 30)]
        await local_desktop.perform(Click(Point(121, 130), "right"))
        assert [note[:2] for note in window.notes() if note[0] != "move"] == [("down", 3), ("up", 3)]
        await local_desktop.perform(Click(Point(122, 130), count=2))
        assert [note[:2] for note in window.notes() if note[0] != "move"] == 2 * [("down", 1), ("up", 1)]


async def test_a_move_presses_nothing(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, LEFT, TOP) as window:
        await local_desktop.perform(Move(Point(150, 160)))
        assert window.notes()[-1] == ("move", 0, 50, 60)


async def test_a_drag_moves_with_the_button_down(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, LEFT, TOP) as window:
        await local_desktop.perform(Drag(Point(110, 110), Point(210, 160)))
        notes = window.notes()
    start, end = notes.index(("down", 1, 10, 10)), notes.index(("up", 1, 110, 60))
    way = notes[start + 1 : end]
    assert {kind for kind, *_ in way} == {"move"}
    assert [way[-1][2:], len(way) >= 5] == [(110, 60), True]


async def test_the_wheel_turns_by_clicks(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, LEFT, TOP) as window:
        await local_desktop.perform(Scroll(Point(120, 120), "down", 3))
        await local_desktop.perform(Scroll(Point(120, 120), "up", 1))
        await local_desktop.perform(Scroll(Point(120, 120), "right", 2))
        assert [button for kind, button, *_ in window.notes() if kind == "down"] == [5, 5, 5, 4, 7, 7]


async def test_a_cancelled_drag_releases_the_button(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, LEFT, TOP) as window, Person(display) as person:
        dragging = asyncio.ensure_future(local_desktop.perform(Drag(Point(110, 110), Point(390, 290))))
        while not any(kind == "down" for kind, *_ in window.notes()):
            await asyncio.sleep(0)
        dragging.cancel()
        await asyncio.wait({dragging})
        assert dragging.cancelled()
        assert person.pressed() == ([], 0)
        assert ("up", 1, 290, 190) not in window.notes()
