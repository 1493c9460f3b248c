"""The view: what it draws, on which thread, and what it posts. The systems' icons have their own tests."""

import queue
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from server.status import PoolStatus
from tests.tray.menutext import menu_text
from tests.tray.states import RUNNING, states
from tray.commands import Command, Quit, SetPort
from tray.icon.pystray_types import BaseIcon, Draw, Job, Menu, Panel
from tray.icon.view import Drawing, View, icon_maker_for
from tray.menu.menu import menu_for, picture_for, tooltip_for
from tray.model import Picture, Snapshot

if TYPE_CHECKING:
    from tests.tray.trayhost import TrayHost

TIMEOUT_S = 60.0
STATES = dict(states())
BUSY = replace(RUNNING, status=replace(RUNNING.status, pool=PoolStatus(size=3, answering=1)))


class FakeIcon:
    """A fake native icon that records calls and their threads."""

    has_host = None
    on_notification_click: Callable[[], None]
    on_reopen: Callable[[], None]

    def __init__(self, name: str, icon: Draw, title: str, menu: Menu) -> None:
        self.name, self.menu = name, menu
        self.jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.notes: list[tuple[str, object, str]] = []
        self.is_set_up = threading.Event()
        object.__setattr__(self, "icon", icon)
        object.__setattr__(self, "title", title)

    icon: Draw
    title: str
    visible: bool

    def __setattr__(self, name: str, value: object) -> None:
        if name in ("icon", "title", "visible"):
            self._note(name, value)
        object.__setattr__(self, name, value)

    def _note(self, name: str, value: object = None) -> None:
        self.notes.append((name, value, threading.current_thread().name))

    def later(self, job: Job) -> None:
        self.jobs.put(job)

    def update_menu(self) -> None:
        self._note("update_menu")

    def notify(self, message: str, title: str) -> None:
        self._note("notify", (title, message))

    def run(self, setup: Callable[[BaseIcon], object]) -> None:
        setup(self)  # type: ignore[arg-type] # it has the members that the view uses
        self.is_set_up.set()
        while (job := self.jobs.get(timeout=TIMEOUT_S)) is not None:
            job()

    def stop(self) -> None:
        self._note("stop")
        self.jobs.put(None)

    def settle(self) -> None:
        """Waits until all earlier jobs are done."""
        done = threading.Event()
        self.later(done.set)
        assert done.wait(TIMEOUT_S)


class Running:
    def __init__(self, first: Snapshot) -> None:
        self.posted: list[Command] = []
        self.icons: list[FakeIcon] = []
        self.view = View(self.posted.append, first, make_icon=self._make)
        (self.icon,) = self.icons
        self.thread = threading.Thread(target=self.view.run, name="loop")

    def _make(self, name: str, icon: Draw, title: str, menu: Menu) -> FakeIcon:
        self.icons.append(FakeIcon(name, icon, title, menu))
        return self.icons[-1]


@contextmanager
def running(first: Snapshot = RUNNING) -> Iterator[Running]:
    one = Running(first)
    one.thread.start()
    assert one.icon.is_set_up.wait(TIMEOUT_S)
    one.icon.settle()
    try:
        yield one
    finally:
        one.view.stop()
        one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()
    assert {thread for name, _, thread in one.icon.notes if name != "notify"} == {"loop"}


def test_the_first_snapshot_is_drawn_before_the_loop_runs() -> None:
    one = Running(RUNNING)
    assert (one.icon.name, one.icon.title) == ("drawbridge", tooltip_for(RUNNING))
    assert one.icon.icon == Drawing(Picture.LOWERED)
    assert next(item.text for item in one.icon.menu) == menu_for(RUNNING)[0].text


def test_the_icon_appears_on_the_loops_thread() -> None:
    with running() as one:
        assert one.icon.notes == [("visible", True, "loop")]


def test_only_differences_are_drawn() -> None:
    with running() as one:
        one.icon.notes.clear()
        one.view.show(replace(RUNNING, status=replace(RUNNING.status, started_at=1.0)))
        one.icon.settle()
        assert one.icon.notes == []
        one.view.show(BUSY)
        one.icon.settle()
        assert one.icon.notes == [
            ("update_menu", None, "loop"),
            ("title", tooltip_for(BUSY), "loop"),
            ("icon", Drawing(Picture.TRAFFIC), "loop"),
        ]


def test_only_the_newest_of_many_snapshots_is_drawn() -> None:
    with running() as one:
        release, blocked = threading.Event(), threading.Event()

        def hold() -> None:
            blocked.set()
            release.wait(TIMEOUT_S)

        one.icon.later(hold)
        assert blocked.wait(TIMEOUT_S)
        one.icon.notes.clear()
        for port in range(8000, 8100):
            one.view.show(replace(RUNNING, port=port, status=replace(RUNNING.status, base_url=None)))
        assert one.icon.jobs.qsize() == 1
        release.set()
        one.icon.settle()
        assert [name for name, _, _ in one.icon.notes] == ["update_menu", "title"]
        assert one.icon.title.endswith("8099")


def test_a_click_posts_the_command_of_its_line_and_a_line_without_one_nothing() -> None:
    with running() as one:
        lines = {item.text: item for item in one.icon.menu}
        icon = one.icon
        next(iter(lines.values()))(icon)  # type: ignore[arg-type]
        assert one.posted == []
        lines["Quit"](icon)  # type: ignore[arg-type]
        ports = next(item.submenu for text, item in lines.items() if text.startswith("Port"))
        assert ports is not None
        next(item for item in ports if item.text.startswith("4000"))(icon)  # type: ignore[arg-type]
    assert one.posted == [Quit(), SetPort(4000)]


def test_a_view_stopped_before_it_runs_shows_nothing() -> None:
    one = Running(RUNNING)
    one.view.stop()
    one.thread.start()
    one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()
    assert [name for name, _, _ in one.icon.notes if name == "visible"] == []


def test_notifications_go_through_the_icon() -> None:
    with running() as one:
        one.view.notify("Title", "Text")
        assert ("notify", ("Title", "Text"), "MainThread") in one.icon.notes


def test_an_icon_is_drawn_in_the_requested_size() -> None:
    for picture in Picture:
        for panel in Panel:
            assert Drawing(picture)(22, panel).size == (22, 22)
    assert Drawing(Picture.HALF)(22, Panel.DARK).tobytes() != Drawing(Picture.HALF)(22, Panel.LIGHT).tobytes()


def test_the_users_choice_of_a_light_or_dark_icon_wins_over_the_panel_but_not_on_macos() -> None:
    for panel in (Panel.LIGHT, Panel.DARK, Panel.UNKNOWN):
        assert Drawing(Picture.HALF, "light")(22, panel) is Drawing(Picture.HALF)(22, Panel.DARK)
        assert Drawing(Picture.HALF, "dark")(22, panel) is Drawing(Picture.HALF)(22, Panel.LIGHT)
    assert Drawing(Picture.HALF, "dark")(22, Panel.TEMPLATE) is Drawing(Picture.HALF)(22, Panel.TEMPLATE)


def test_a_changed_colour_of_the_icon_is_drawn() -> None:
    with running() as one:
        one.icon.notes.clear()
        one.view.show(replace(RUNNING, icon="dark"))
        one.icon.settle()
        assert one.icon.notes == [("icon", Drawing(Picture.LOWERED, "dark"), "loop")]


def test_repeated_pictures_are_cached() -> None:
    assert Drawing(Picture.TRAFFIC)(16, Panel.DARK) is Drawing(Picture.TRAFFIC)(16, Panel.DARK)


def test_a_real_tray_shows_every_state(host: "TrayHost") -> None:
    view = View(lambda _: None, RUNNING, make_icon=icon_maker_for("linux"))
    thread = threading.Thread(target=view.run)
    thread.start()
    try:
        item = host.wait_item()
        for snapshot in STATES.values():
            view.show(snapshot)
            expected = menu_text(menu_for(snapshot))
            menu = item.wait_menu(lambda menu, expected=expected: menu.text() == expected)  # type: ignore[misc]
            assert menu.text() == expected
            assert item["ToolTip"][2] == tooltip_for(snapshot)
            image = Drawing(picture_for(snapshot))(22, Panel.UNKNOWN)
            width, height, argb = item["IconPixmap"][1]
            assert (width, height) == image.size
            assert argb[0::4] == image.tobytes()[3::4]
    finally:
        view.stop()
        thread.join(TIMEOUT_S)


def test_clicks_in_a_real_tray_post_commands(host: "TrayHost") -> None:
    posted: queue.SimpleQueue[Command] = queue.SimpleQueue()
    view = View(posted.put, RUNNING, make_icon=icon_maker_for("linux"))
    thread = threading.Thread(target=view.run)
    thread.start()
    try:
        item = host.wait_item()
        item.click("Port", "11434")
        item.click("Quit")
        assert [posted.get(timeout=TIMEOUT_S) for _ in range(2)] == [SetPort(11434), Quit()]
    finally:
        view.stop()
        thread.join(TIMEOUT_S)


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="Windows and macOS have no session bus")
def test_without_a_bus_there_is_no_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS", raising=False)
    view = View(lambda _: None, RUNNING, make_icon=icon_maker_for("linux"))
    assert view.has_host is None
    thread = threading.Thread(target=view.run)
    thread.start()
    view.show(BUSY)
    view.stop()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert view.has_host is False
