"""The icon on macOS: pystray's real code on a fake event loop and menu bar."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from server.status import State, Status
from tests.tray import fakemac
from tests.tray.fakemac import TIMEOUT_S, FakeMac, MenuItem
from tray.commands import ChangeSetting, Command, Open, Quit
from tray.icon.view import View, icon_maker_for
from tray.model import Problem, Snapshot

fake_mac = fakemac.fake_mac
RUNNING = Snapshot(status=Status(state=State.RUNNING, base_url="http://127.0.0.1:8082/v1"))
FAILED = Snapshot(status=Status(state=State.FAILED), problem=Problem("R&D is on port 8082", "By another program."))


class Shown:
    """The view, created and run on one thread, as on the main thread."""

    def __init__(self, first: Snapshot) -> None:
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self._views: queue.SimpleQueue[View] = queue.SimpleQueue()
        self._first = first
        self.thread = threading.Thread(target=self._run, name="main")
        self.thread.start()
        self.view = self._views.get(timeout=TIMEOUT_S)

    def _run(self) -> None:
        view = View(self.commands.put, self._first, make_icon=icon_maker_for("darwin"))
        self._views.put(view)
        view.run()


@contextmanager
def shown(mac: FakeMac, first: Snapshot = RUNNING) -> Iterator[Shown]:
    one = Shown(first)
    try:
        until(lambda: bool(mac.items) and not mac.items[0].shown.hidden)
        yield one
    finally:
        one.view.stop()
        one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()
    assert mac.items == []
    assert {thread for _, thread in mac.calls} == {"main"}


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def find(lines: list[MenuItem], text: str) -> MenuItem:
    return next(line for line in lines if line.title == text)


def test_all_drawing_is_on_the_main_thread(fake_mac: FakeMac) -> None:
    with shown(fake_mac) as one:
        (item,) = fake_mac.items
        assert item.shown.tooltip == "Drawbridge: Running on port 8082"
        first = item.shown.image
        one.view.show(FAILED)
        until(lambda: item.shown.tooltip == "Drawbridge: Failed. R&D is on port 8082")
        until(lambda: item.shown.image is not first)
        # `shown` asserts the thread of every call.


def test_the_icon_is_a_template_sharp_on_every_screen(fake_mac: FakeMac) -> None:
    with shown(fake_mac):
        image = fake_mac.items[0].shown.image
        assert image is not None
        assert image.is_template
        assert [pixels.image.size for pixels in image.pixels] == [(18, 18), (36, 36)]
        assert {pixels.points for pixels in image.pixels} == {image.points} == {(18, 18)}
        colours = image.pixels[0].image.convert("RGBA").getcolors()
        assert {colour[:3] for _, colour in colours or () if isinstance(colour, tuple)} == {(0, 0, 0)}


def test_a_click_posts_the_command_of_its_line(fake_mac: FakeMac) -> None:
    with shown(fake_mac) as one:
        lines = fake_mac.open_menu()
        fake_mac.choose(find(lines, "Quit"))
        assert one.commands.get(timeout=TIMEOUT_S) == Quit()
        submenu = next(line.submenu for line in lines if line.title.startswith("Answers at once"))
        assert submenu is not None
        fake_mac.choose(find(submenu.lines, "6"))
        assert one.commands.get(timeout=TIMEOUT_S) == ChangeSetting("pool_size", 6)
        assert find(submenu.lines, "3").state == 1
        assert find(submenu.lines, "6").state == 0
        assert not find(lines, "Running on port 8082").enabled


def test_a_click_in_an_open_outdated_menu_does_what_was_shown(fake_mac: FakeMac) -> None:
    with shown(fake_mac) as one:
        lines = fake_mac.open_menu()
        one.view.show(FAILED)
        until(lambda: "Failed" in fake_mac.items[0].shown.tooltip)
        fake_mac.choose(find(lines, "Quit"))
        assert one.commands.get(timeout=TIMEOUT_S) == Quit()
        assert fake_mac.open_menu()[0].title == "Failed"


def test_the_menu_exists_from_the_start(fake_mac: FakeMac) -> None:
    with shown(fake_mac):
        assert fake_mac.items[0].menu.lines[-1].title == "Quit"


def test_the_app_has_no_icon_in_the_dock(fake_mac: FakeMac) -> None:
    with shown(fake_mac) as one:
        assert fake_mac.policy == 1
        assert one.view.has_host is None


def test_an_icon_stopped_before_it_runs_ends(fake_mac: FakeMac) -> None:
    view = View(lambda _: None, RUNNING, make_icon=icon_maker_for("darwin"))
    view.stop()
    thread = threading.Thread(target=view.run, name="main")
    thread.start()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    assert fake_mac.items == []


def test_a_failed_drawing_is_logged_and_the_loop_continues(fake_mac: FakeMac, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    with shown(fake_mac) as one:
        one.view._icon.later(fail)
        assert fake_mac.open_menu()
    assert "boom" in caplog.text


def test_opening_the_running_app_again_opens_its_page(fake_mac: FakeMac) -> None:
    """The icon may be behind the notch, and the system starts no second process."""
    with shown(fake_mac) as one:
        reopener = fake_mac.delegate()
        assert reopener.applicationShouldHandleReopen_hasVisibleWindows_(None, False) is False
        assert one.commands.get(timeout=TIMEOUT_S) == Open("page")
