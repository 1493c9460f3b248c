"""The icon on Windows: pystray's real code on a fake event loop and taskbar."""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from server.status import PoolStatus, State, Status
from tests.tray import fakewindows
from tests.tray.fakewindows import (
    TASKBAR_CREATED,
    TIMEOUT_S,
    WM_LBUTTONUP,
    WM_RBUTTONUP,
    FakeWindows,
    MenuLine,
)
from tray.commands import Command, Copy, Open, Quit
from tray.desktop.desktop import Desktop, IconNotifier, WindowsOpener
from tray.icon.view import View, icon_maker_for
from tray.model import Notice, Problem, Snapshot

windows = fakewindows.windows
RUNNING = Snapshot(status=Status(state=State.RUNNING, base_url="http://127.0.0.1:8082/v1"))
FAILED = Snapshot(status=Status(state=State.FAILED), problem=Problem("R&D is on port 8082", "By another program."))


class Shown:
    def __init__(self, first: Snapshot) -> None:
        self.commands: queue.SimpleQueue[Command] = queue.SimpleQueue()
        self.view = View(self.commands.put, first, make_icon=icon_maker_for("win32"))
        self.thread = threading.Thread(target=self.view.run, name="loop")

    def next_command(self) -> Command:
        return self.commands.get(timeout=TIMEOUT_S)


@contextmanager
def shown(windows: FakeWindows, first: Snapshot = RUNNING) -> Iterator[Shown]:
    one = Shown(first)
    windows.calls.clear()
    one.thread.start()
    try:
        if windows.has_taskbar:
            until(lambda: windows.shown is not None)
        yield one
    finally:
        one.view.stop()
        one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()
    assert windows.shown is None
    # Other threads may only post messages.
    assert {thread for name, thread in windows.calls if name != "PostMessageW"} == {"loop"}


def until(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def number_of(text: str, lines: list[MenuLine]) -> int:
    return next(line.number for line in lines if line.text == text)


def test_all_drawing_is_on_the_loops_thread(windows: FakeWindows) -> None:
    with shown(windows) as one:
        assert windows.shown is not None
        assert windows.shown["szTip"] == "Drawbridge: Running on port 8082"
        first = windows.shown["hIcon"]
        one.view.show(FAILED)
        until(lambda: (windows.shown or {}).get("szTip") == "Drawbridge: Failed. R&D is on port 8082")
        until(lambda: (windows.shown or {}).get("hIcon") != first)
        assert first not in windows.icons
        # `shown` asserts the thread of every call.


def test_the_menu_is_built_as_it_opens_and_a_click_posts_its_command(windows: FakeWindows) -> None:
    windows.choose = lambda lines: number_of("Quit", lines)
    with shown(windows) as one:
        assert windows.menus == {}
        windows.click(WM_RBUTTONUP)
        assert one.next_command() == Quit()


def test_an_open_menu_survives_updates_and_the_next_one_shows_them(windows: FakeWindows) -> None:
    seen: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    with shown(windows) as one:

        def choose(lines: list[MenuLine]) -> int:
            one.view.show(FAILED)
            until(lambda: not windows.messages.empty())
            windows.dispatch_waiting()
            assert windows.shown is not None
            assert windows.shown["szTip"].startswith("Drawbridge: Failed")
            seen.put([line.text for line in lines])
            return number_of("Quit", lines)

        windows.choose = choose
        windows.click(WM_RBUTTONUP)
        assert one.next_command() == Quit()
        windows.click(WM_RBUTTONUP)
        assert one.next_command() == Quit()
        before, after = seen.get(), seen.get()
    assert before[0] == "Running on port 8082"
    assert after[0] == "Failed"
    assert "R&&D is on port 8082" in after


def test_a_click_on_the_icon_does_not_destroy_an_open_menu(windows: FakeWindows) -> None:
    def choose(lines: list[MenuLine]) -> int:
        windows.click(WM_RBUTTONUP)
        windows.click(WM_LBUTTONUP)
        windows.dispatch_waiting()
        return number_of("Quit", lines)

    windows.choose = choose
    with shown(windows) as one:
        windows.click(WM_RBUTTONUP)
        assert one.next_command() == Quit()
        assert one.commands.empty()


def test_quitting_while_the_menu_is_open_ends_the_loop(windows: FakeWindows) -> None:
    with shown(windows) as one:

        def choose(lines: list[MenuLine]) -> int:
            one.view.stop()
            until(lambda: not windows.messages.empty())
            windows.dispatch_waiting()
            return 0

        windows.choose = choose
        windows.click(WM_RBUTTONUP)
        one.thread.join(TIMEOUT_S)
        assert not one.thread.is_alive()


def test_a_left_click_runs_the_default_line_or_opens_the_menu(windows: FakeWindows) -> None:
    windows.choose = lambda lines: number_of("Quit", lines)
    with shown(windows) as one:
        has_default = any(item.default for item in one.view._lines())
        windows.click(WM_LBUTTONUP)
        assert one.next_command() == (Copy("base url") if has_default else Quit())


def test_without_a_taskbar_adding_the_icon_is_retried(windows: FakeWindows, monkeypatch: pytest.MonkeyPatch) -> None:
    from tray.icon import windows as winicon

    monkeypatch.setattr(winicon, "RETRY_S", (0.01, 0.02))
    windows.has_taskbar = False
    with shown(windows) as one:
        until(lambda: one.view.has_host is False)
        until(lambda: [name for name, _ in windows.calls].count("Shell_NotifyIconW") > 4)
        windows.has_taskbar = True
        until(lambda: one.view.has_host is True)
        assert windows.shown is not None


def test_the_icon_reappears_when_the_taskbar_restarts(windows: FakeWindows) -> None:
    with shown(windows):
        windows.shown = None
        windows.broadcast(TASKBAR_CREATED)
        until(lambda: windows.shown is not None)


def test_the_icon_is_drawn_in_the_size_and_colours_of_the_taskbar(windows: FakeWindows) -> None:
    from tray.icon.windows import WM_SETTINGCHANGE

    with shown(windows):
        assert [size for *size, _ in windows.loaded] == [[20, 20]]
        windows.icon_size = 32
        windows.broadcast(0x007E)
        until(lambda: len(windows.loaded) == 2)
        windows.is_light = True
        windows.broadcast(WM_SETTINGCHANGE)
        until(lambda: len(windows.loaded) == 3)
        windows.broadcast(WM_SETTINGCHANGE)
        assert [size for *size, _ in windows.loaded] == [[20, 20], [32, 32], [32, 32]]
        until(lambda: len(windows.icons) == 1)


def test_windows_may_log_off(windows: FakeWindows) -> None:
    answers: queue.SimpleQueue[int] = queue.SimpleQueue()
    with shown(windows) as one:
        one.view._icon.later(lambda: answers.put(windows.send(0x0011)))
        assert answers.get(timeout=TIMEOUT_S) == 1


def test_logging_off_ends_the_loop_unless_it_is_cancelled(windows: FakeWindows) -> None:
    with shown(windows) as one:
        one.view._icon.later(lambda: windows.send(0x0016, 0))
        # The end would take two messages, which would both arrive before the last of these.
        for _ in range(10):
            done = threading.Event()
            one.view._icon.later(done.set)
            assert done.wait(TIMEOUT_S)
        one.view._icon.later(lambda: windows.send(0x0016, 1))
        one.thread.join(TIMEOUT_S)
        assert not one.thread.is_alive()


def test_long_texts_are_cut_to_windows_limits(windows: FakeWindows) -> None:
    with shown(windows) as one:
        one.view._icon.later(lambda: setattr(one.view._icon, "title", "x" * 126 + "🏰🏰"))
        one.view._icon.later(lambda: one.view.notify("t" * 100, "n" * 300))
        until(lambda: "szInfo" in (windows.shown or {}))
        assert windows.shown is not None
        assert windows.shown["szTip"] == "x" * 126
        assert (windows.shown["szInfo"], windows.shown["szInfoTitle"]) == ("n" * 255, "t" * 63)


def test_an_icon_stopped_before_it_runs_never_appears(windows: FakeWindows) -> None:
    one = Shown(RUNNING)
    one.view.stop()
    one.thread.start()
    one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()
    assert windows.shown is None


def test_check_marks_and_disabled_lines_are_native(windows: FakeWindows) -> None:
    seen: queue.SimpleQueue[dict[str, MenuLine]] = queue.SimpleQueue()

    def choose(lines: list[MenuLine]) -> int:
        below = [line for item in lines if item.below for line in windows.menus[item.below]]
        seen.put({line.text: line for line in (*lines, *below) if line.text})
        return 0

    windows.choose = choose
    with shown(windows, Snapshot(status=Status(State.RUNNING, pool=PoolStatus(size=3)), pool_size=3)):
        windows.click(WM_RBUTTONUP)
        lines = seen.get(timeout=TIMEOUT_S)
    assert lines["Running on port 8082"].state & 3
    assert not lines["Quit"].state & 3
    assert (lines["3"].state & 8, lines["3"].kind & 0x200) == (8, 0x200)
    assert lines["4"].state & 8 == 0


def test_the_process_is_dpi_aware_before_its_first_window(windows: FakeWindows) -> None:
    """Else Windows would scale up an icon of 16 pixels, and the menu, on every screen above 100 %."""
    with shown(windows):
        assert windows.dpi_awareness == -4


def test_an_old_windows_without_awareness_of_each_screen_is_told_what_it_knows(windows: FakeWindows) -> None:
    windows.is_old = True
    with shown(windows):
        assert windows.dpi_awareness == 1


def test_awareness_that_a_manifest_has_set_is_no_problem(windows: FakeWindows) -> None:
    windows.dpi_awareness = 2
    with shown(windows):
        assert windows.dpi_awareness == 2


def test_on_another_resolution_the_icon_is_drawn_anew_in_its_size(windows: FakeWindows) -> None:
    with shown(windows) as one:
        assert windows.loaded[-1][:2] == (20, 20)
        one.view._icon.later(lambda: windows.send(0x02E0, 144 << 16 | 144))
        until(lambda: windows.loaded[-1][:2] == (24, 24))


def test_a_click_on_a_notification_does_what_the_notification_says(windows: FakeWindows) -> None:
    notifier = IconNotifier()
    desktop = Desktop(WindowsOpener({}, lambda _: None), notifier)
    with shown(windows) as one:
        # On the loop's thread, for the check of all other calls.
        desktop.use_icon(lambda title, text: one.view._icon.later(lambda: one.view.notify(title, text)))
        one.view.on_notification_click(desktop.notification_clicked)
        desktop.notify(Notice("Title", "Text", Open("log folder"), "Open the log"), one.commands.put)
        until(lambda: (windows.shown or {}).get("szInfo") == "Text")
        windows.click(0x0405)
        assert one.next_command() == Open("log folder")
        desktop.notify(Notice("Another", "Only text"), one.commands.put)
        until(lambda: (windows.shown or {}).get("szInfo") == "Only text")
        windows.click(0x0405)
        one.view._icon.later(lambda: one.commands.put(Quit()))
        assert one.next_command() == Quit()
        desktop.close()
