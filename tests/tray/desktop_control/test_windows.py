"""Which window an action reaches, on a screen without a window manager and with a real one."""

import os
from pathlib import Path

import pytest
from Xlib import X
from Xlib.ext import shape
from Xlib.protocol.event import ClientMessage

from server.desktop_tools.actions import Click, Drag, Point, Screenshot, TypeText, Wait, Window, Zoom
from server.desktop_tools.session import ComputerSession, Consent
from tests.tray.desktop_control.xprograms import NotingWindow, terminal, until, window_manager
from tray.desktop_control import LocalDesktop

HERE = os.getpid()
BACKGROUND = "desktop"


def names(windows: tuple[Window, ...]) -> list[str]:
    return [window.app for window in windows]


async def test_without_a_window_manager_the_windows_are_found(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, 100, 100) as low, NotingWindow(display, 300, 100, title="über", app="High") as high:
        assert await local_desktop.windows_of(Click(Point(150, 150))) == (Window("notes", "Notes", HERE),)
        # Where both are, the upper one.
        assert await local_desktop.windows_of(Click(Point(350, 150))) == (Window("über", "High", HERE),)
        assert names(await local_desktop.windows_of(Drag(Point(150, 150), Point(590, 150)))) == ["Notes", "High"]
        assert names(await local_desktop.windows_of(Click(Point(900, 900)))) == [BACKGROUND]
        assert names(await local_desktop.windows_of(Screenshot())) == ["High", "Notes"]
        assert names(await local_desktop.windows_of(Zoom(Point(100, 100), Point(200, 200)))) == ["Notes"]
        assert await local_desktop.windows_of(Zoom(Point(700, 700), Point(800, 800))) == ()
        assert await local_desktop.windows_of(Wait(1)) == ()
        low.focus()
        assert names(await local_desktop.windows_of(TypeText("a"))) == ["Notes"]
        high.focus()
        assert names(await local_desktop.windows_of(TypeText("a"))) == ["High"]


async def test_a_window_that_another_one_covers_is_not_in_the_picture(
    local_desktop: LocalDesktop, display: str
) -> None:
    with NotingWindow(display, 100, 100, 50, 50), NotingWindow(display, 90, 90, 100, 100, app="Cover") as cover:
        assert names(await local_desktop.windows_of(Screenshot())) == ["Cover"]
        opacity = cover.display.get_atom("_NET_WM_WINDOW_OPACITY")
        cover.window.change_property(opacity, cover.display.get_atom("CARDINAL"), 32, [0x7FFFFFFF])
        cover.display.sync()
        assert names(await local_desktop.windows_of(Screenshot())) == ["Cover", "Notes"]


async def test_a_window_with_a_hole_covers_nothing(local_desktop: LocalDesktop, display: str) -> None:
    with NotingWindow(display, 100, 100, 50, 50), NotingWindow(display, 90, 90, 100, 100, app="Frame") as frame:
        frame.window.shape_rectangles(shape.SO.Set, shape.SK.Bounding, 0, 0, 0, [(0, 0, 100, 5)])
        frame.display.sync()
        assert names(await local_desktop.windows_of(Screenshot())) == ["Frame", "Notes"]
        assert names(await local_desktop.windows_of(Click(Point(120, 120)))) == ["Notes"]


async def test_what_a_desktop_draws_over_all_windows_belongs_to_it(local_desktop: LocalDesktop, display: str) -> None:
    """The composite overlay is the X server's own window; a desktop has its panel in it."""
    with NotingWindow(display) as notes:
        overlay = notes.display.screen().root.composite_get_overlay_window().overlay_window
        panel = overlay.create_window(0, 0, 1600, 30, 0, X.CopyFromParent)
        panel.map()
        notes.display.sync()
        program = Path("/proc/self/comm").read_text().strip()
        assert await local_desktop.windows_of(Click(Point(10, 10))) == (Window("", program, HERE),)


async def test_a_menu_without_a_class_belongs_to_the_program_that_opened_it(
    local_desktop: LocalDesktop, display: str
) -> None:
    with NotingWindow(display, 100, 100, title="", app="", is_menu=True):
        program = Path("/proc/self/comm").read_text().strip()
        assert await local_desktop.windows_of(Click(Point(150, 150))) == (Window("", program, HERE),)


async def test_with_a_window_manager_the_program_in_the_frame_is_found(
    local_desktop: LocalDesktop, display: str
) -> None:
    with window_manager(display), NotingWindow(display) as notes:
        until(lambda: notes.window.query_tree().parent != notes.display.screen().root)
        place = notes.window.translate_coords(notes.display.screen().root, 0, 0)
        left, top = -place.x, -place.y
        inside, title_bar = Point(left + 50, top + 50), Point(left + 50, top - 10)
        for point in (inside, title_bar):
            assert await local_desktop.windows_of(Click(point)) == (Window("notes", "Notes", HERE),)
        await local_desktop.perform(Click(inside))
        until(lambda: notes.display.get_input_focus().focus == notes.window)
        assert names(await local_desktop.windows_of(TypeText("a"))) == ["Notes"]
        with NotingWindow(display, left + 20, top + 20, 40, 40, app="Menu", is_menu=True):
            assert names(await local_desktop.windows_of(Click(Point(left + 30, top + 30)))) == ["Menu"]
            assert names(await local_desktop.windows_of(Screenshot())) == ["Menu", "Notes"]
        minimize(notes)
        assert names(await local_desktop.windows_of(Screenshot())) == []


def minimize(notes: NotingWindow) -> None:
    root, change = notes.display.screen().root, notes.display.get_atom("WM_CHANGE_STATE")
    event = ClientMessage(window=notes.window, client_type=change, data=(32, [3, 0, 0, 0, 0]))
    root.send_event(event, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
    notes.display.sync()
    until(lambda: notes.window.get_attributes().map_state != X.IsViewable)


@pytest.mark.parametrize("tool", ["left_click", "type"])
async def test_a_session_refuses_a_real_terminal(
    local_desktop: LocalDesktop, display: str, tmp_path: Path, tool: str
) -> None:
    asked = list[str]()

    async def ask(question: str) -> Consent:
        asked.append(question)
        return "session"

    session = ComputerSession(local_desktop, ask)
    with terminal(display, tmp_path / "typed"):
        await local_desktop.perform(Click(Point(50, 50)))
        arguments: dict[str, object] = {"text": "rm\n"} if tool == "type" else {"coordinate": [50, 50]}
        outcome = await session.call(tool, arguments)
    assert [outcome.is_error, "terminal" in outcome.text, asked] == [True, True, []]
    assert (tmp_path / "typed").read_text() == ""
