"""The Linux icon on a real bus, with a fake panel. Repeat with `python -m tests.repeat`."""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from PIL import Image

from tests.tray.bus import private_bus
from tests.tray.trayhost import ITEM, MENU, PROPERTIES, TIMEOUT_S, CallFailed, TrayHost
from tray.desktop.dbus import TIMEOUT_S as BUS_TIMEOUT_S
from tray.desktop.dbus import Bus, BusUnavailable
from tray.icon.linux import SIZES, Icon
from tray.icon.pystray_types import Draw, Menu, MenuItem, Panel

DEMO = Path(__file__).parents[1] / "demo.py"


def red(size: int, panel: Panel) -> Image.Image:
    return Image.new("RGBA", (size, size), (1, 2, 3, 128) if panel is Panel.LIGHT else (255, 2, 3, 128))


def green(size: int, panel: Panel) -> Image.Image:
    return Image.new("RGBA", (size, size), (0, 255, 0, 255))


class Shown:
    """An icon whose loop runs in a thread, and the texts of the clicked lines, in order."""

    def __init__(self, *items: MenuItem, icon: Draw = red) -> None:
        self.items = items
        self.clicked: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.icon = Icon("drawbridge", icon, "Drawbridge: Running", Menu(lambda: self.items))
        self.thread = threading.Thread(target=self.icon.run, name="icon")

    def line(self, text: str, *, checked: bool | None = None, **more: bool) -> MenuItem:
        mark = None if checked is None else lambda _: checked
        return MenuItem(text, lambda: self.clicked.put(text), checked=mark, **more)

    def radio(self, text: str, checked: bool) -> MenuItem:
        return self.line(text, checked=checked, radio=True)

    def change(self, *items: MenuItem) -> None:
        self.items = items
        self.icon.update_menu()

    def next_click(self) -> str:
        return self.clicked.get(timeout=TIMEOUT_S)

    def settle(self) -> None:
        """Waits until all earlier jobs are done."""
        done = threading.Event()
        self.icon.later(done.set)
        assert done.wait(TIMEOUT_S)

    def stop(self) -> None:
        self.icon.stop()
        self.thread.join(TIMEOUT_S)
        assert not self.thread.is_alive()


@contextmanager
def shown(*items: MenuItem, icon: Draw = red) -> Iterator[Shown]:
    one = Shown(*items, icon=icon)
    one.thread.start()
    try:
        yield one
    finally:
        one.icon.later(one.icon.stop)
        one.thread.join(TIMEOUT_S)
    assert not one.thread.is_alive()


def until(is_so: Callable[[], bool]) -> None:
    """Waits for a condition that no signal reports."""
    end = time.monotonic() + TIMEOUT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_an_icon_registers_with_all_properties(host: TrayHost) -> None:
    with shown() as one:
        item = host.wait_item()
        props = item.props()
        until(lambda: one.icon.has_host is True)
    assert props.pop("IconPixmap") == [(size, size, bytes((128, 255, 2, 3)) * size * size) for size in SIZES]
    assert props == {
        "Category": "ApplicationStatus",
        "Id": "drawbridge",
        "Title": "Drawbridge: Running",
        "Status": "Active",
        "WindowId": 0,
        "IconName": "",
        "IconThemePath": "",
        "OverlayIconName": "",
        "AttentionIconName": "",
        "ToolTip": ("", [], "Drawbridge: Running", ""),
        "ItemIsMenu": True,
        "Menu": "/MenuBar",
    }


def test_the_menu_is_published_completely(host: TrayHost) -> None:
    with shown() as one:
        one.change(
            one.line("Running on port 8082", enabled=False),
            Menu.SEPARATOR,
            one.line("Stop"),
            MenuItem(
                "Default model",
                Menu(one.radio("Opus", False), one.radio("Sonnet", True)),
            ),
            one.line("Start at login", checked=True),
            MenuItem("hidden", None, visible=False),
            Menu.SEPARATOR,
            one.line("Quit"),
        )
        assert host.wait_item().menu().text() == (
            "~Running on port 8082\n---\nStop\nDefault model\n  ( ) Opus\n  (o) Sonnet\n[x] Start at login\n---\nQuit\n"
        )


def test_clicks_reach_lines_at_any_depth(host: TrayHost) -> None:
    with shown() as one:
        one.change(
            one.line("Stop"),
            MenuItem("Connect", Menu(one.line("curl"), MenuItem("More", Menu(one.line("Cline"))))),
        )
        item = host.wait_item()
        for labels in (("Connect", "More", "Cline"), ("Stop",), ("Connect", "curl")):
            item.click(*labels)
            assert one.next_click() == labels[-1]


def test_a_click_on_a_submenu_a_disabled_line_or_a_separator_does_nothing(host: TrayHost) -> None:
    with shown() as one:
        greyed = one.line("Status", enabled=False)
        one.change(MenuItem("Port", Menu(one.line("8082"))), greyed, Menu.SEPARATOR, one.line("Quit"))
        item = host.wait_item()
        for line in item.menu().children[:3]:
            item.click_id(line.id)
        item.click("Quit")
        assert one.next_click() == "Quit"


def test_radio_and_check_marks_move(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.radio("1", True), one.radio("2", False), one.line("On", checked=False))
        item = host.wait_item()
        one.change(one.radio("1", False), one.radio("2", True), one.line("On", checked=True))
        menu = item.wait_menu(lambda menu: menu.find("2").checked)
        assert menu.text() == "( ) 1\n(o) 2\n[x] On\n"


def test_only_changes_are_signalled(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Running"), one.line("Stop"), one.line("Quit"))
        item = host.wait_item()
        one.settle()
        number = item.layout().find("Stop").id
        # Messages arrive in the order in which they were sent.
        host.signals.clear()
        one.change(one.line("Running"), one.line("Stop", enabled=False), one.line("Quit"))
        changed = host.wait_signal("ItemsPropertiesUpdated")
        one.change(one.line("Running"), one.line("Stop", enabled=False), one.line("Quit"))
        one.settle()
        item.layout()
    assert changed == ([(number, {"enabled": ("b", False)})], [])
    assert [member for member, _ in host.signals] == ["ItemsPropertiesUpdated"]


def test_a_new_layout_is_signalled_and_old_lines_keep_their_numbers(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Start"), one.line("Quit"))
        item = host.wait_item()
        one.settle()
        before = item.layout()
        host.signals.clear()
        one.change(one.line("The port is taken"), one.line("Start"), one.line("Quit"))
        revision, parent = host.wait_signal("LayoutUpdated")
        one.settle()
        after = item.layout()
    assert (revision > 1, parent) == (True, 0)
    assert [member for member, _ in host.signals] == ["LayoutUpdated"]
    assert [line.label for line in after.children] == ["The port is taken", "Start", "Quit"]
    assert [line.id for line in after.children[1:]] == [line.id for line in before.children]


def test_a_click_on_an_outdated_menu_does_what_was_shown_or_nothing(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Use port 8083"), one.line("Quit"))
        item = host.wait_item()
        seen = item.menu()
        one.change(one.line("New line"), one.line("Quit"))
        one.settle()
        with pytest.raises(CallFailed, match="InvalidArgs"):
            item.click_id(seen.find("Use port 8083").id)
        item.click_id(seen.find("Quit").id)
        assert one.next_click() == "Quit"


def test_a_new_icon_and_title_are_signalled_once(host: TrayHost) -> None:
    with shown() as one:
        item = host.wait_item()
        one.settle()
        item.layout()
        host.signals.clear()
        one.icon.icon = green
        one.icon.icon = green
        one.icon.title = "Drawbridge: Stopped"
        host.wait_signal("NewToolTip")
        assert item["IconPixmap"][0] == (16, 16, bytes((255, 0, 255, 0)) * 256)
        assert item["ToolTip"] == ("", [], "Drawbridge: Stopped", "")
    assert [member for member, _ in host.signals] == ["NewIcon", "NewTitle", "NewToolTip"]


def test_a_single_image_is_scaled_to_all_sizes(host: TrayHost) -> None:
    image = Image.new("RGBA", (64, 64), (9, 8, 7, 255))
    icon = Icon("plain", image, "Plain", Menu())
    thread = threading.Thread(target=icon.run)
    thread.start()
    try:
        pixmaps = host.wait_item()["IconPixmap"]
    finally:
        icon.later(icon.stop)
        thread.join(TIMEOUT_S)
    assert pixmaps == [(size, size, bytes((255, 9, 8, 7)) * size * size) for size in SIZES]


@pytest.mark.parametrize("text", ["a_b __c_", "R&D && more", "Zürich 東京 🏰", "<b>&amp;", " ", "x" * 2000])
def test_text_is_shown_unchanged(host: TrayHost, text: str) -> None:
    with shown() as one:
        one.change(one.line(text))
        host.wait_item().click(text)
        assert one.next_click() == text


def test_a_failed_click_is_logged_and_the_next_one_works(host: TrayHost, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> None:
        raise RuntimeError("boom")

    with shown() as one:
        one.change(MenuItem("Fail", fail), one.line("Quit"))
        item = host.wait_item()
        item.click("Fail")
        item.click("Quit")
        assert one.next_click() == "Quit"
    assert "boom" in caplog.text


def test_a_slow_click_does_not_block_the_panel(host: TrayHost) -> None:
    release = threading.Event()
    with shown() as one:
        one.change(MenuItem("Slow", lambda: release.wait(TIMEOUT_S)), one.line("Quit"))
        item = host.wait_item()
        try:
            item.click("Slow")
            assert item.layout().text() == "Slow\nQuit\n"
            assert item["Status"] == "Active"
            item.click_id(item.layout().find("Quit").id)
            assert one.clicked.empty()
        finally:
            release.set()
        assert one.next_click() == "Quit"


def test_clicks_run_on_the_thread_that_runs_the_icon(host: TrayHost) -> None:
    threads: queue.SimpleQueue[str] = queue.SimpleQueue()
    with shown(MenuItem("Who", lambda: threads.put(threading.current_thread().name), default=True)):
        item = host.wait_item()
        item.click("Who")
        item.activate()
        assert [threads.get(timeout=TIMEOUT_S) for _ in range(2)] == ["icon", "icon"]


def test_a_click_that_stops_the_icon_still_gets_a_reply(host: TrayHost) -> None:
    with shown() as one:
        one.change(MenuItem("Quit", one.icon.stop))
        host.wait_item().click("Quit")
        host.wait_gone()
        one.thread.join(TIMEOUT_S)
        assert not one.thread.is_alive()
    assert one.icon.has_host is False


def test_a_stopped_icon_leaves_no_thread(host: TrayHost) -> None:
    before = set(threading.enumerate())
    with shown() as one:
        host.wait_item()
        one.stop()
        host.wait_gone()
    until(lambda: set(threading.enumerate()) <= before)


def test_a_click_on_the_icon_runs_the_default_line(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("a"), one.line("b", default=True))
        item = host.wait_item()
        item.activate()
        assert one.next_click() == "b"
        assert item["ItemIsMenu"] is False


def test_without_a_default_line_a_click_on_the_icon_opens_the_menu(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("a"))
        item = host.wait_item()
        assert item["ItemIsMenu"] is True
        with pytest.raises(CallFailed, match="UnknownMethod"):
            item.activate()


def test_a_menu_is_updated_before_it_is_shown(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("old"))
        item = host.wait_item()
        one.settle()
        one.items = (one.line("new"),)
        assert item.layout().text() == "old\n"
        assert item.call_menu("AboutToShow", "i", 0) == (True,)
        assert item.layout().text() == "new\n"
        assert item.call_menu("AboutToShow", "i", 0) == (False,)
        assert item.call_menu("AboutToShowGroup", "ai", [0, 999]) == ([], [999])


def test_parts_of_the_menu_can_be_requested(host: TrayHost) -> None:
    with shown() as one:
        one.change(MenuItem("Port", Menu(one.line("8082", checked=True))), one.line("Quit"))
        item = host.wait_item()
        menu = item.menu()
        port, quit_ = (line.id for line in menu.children)
        inner = menu.find("Port", "8082").id
        _, root = item.call_menu("GetLayout", "iias", 0, 1, ["label"])
        assert root == (
            0,
            {},
            [
                ("(ia{sv}av)", (port, {"label": ("s", "Port")}, [])),
                ("(ia{sv}av)", (quit_, {"label": ("s", "Quit")}, [])),
            ],
        )
        _, (number, _, below) = item.call_menu("GetLayout", "iias", port, -1, [])
        assert (number, len(below)) == (port, 1)
        assert item.call_menu("GetGroupProperties", "aias", [inner, 999], ["toggle-state"]) == (
            [(inner, {"toggle-state": ("i", 1)})],
        )
        assert len(item.call_menu("GetGroupProperties", "aias", [], [])[0]) == 4
        assert item.call_menu("GetProperty", "is", quit_, "label") == (("s", "Quit"),)
        events = [(quit_, "clicked", ("s", ""), 0), (999, "clicked", ("s", ""), 0), (port, "opened", ("s", ""), 0)]
        assert item.call_menu("EventGroup", "a(isvu)", events) == ([999],)
        assert one.next_click() == "Quit"


@pytest.mark.parametrize(
    ("method", "signature", "values"),
    [
        ("GetLayout", "s", ("x",)),
        ("GetLayout", "iias", (999, -1, [])),
        ("GetProperty", "is", (0, "no-such-property")),
        ("Event", "i", (1,)),
        ("AboutToShow", "i", (999,)),
        ("NoSuchMethod", "i", (1,)),
    ],
)
def test_an_invalid_call_gets_an_error_and_the_next_one_a_reply(
    host: TrayHost, method: str, signature: str, values: tuple[object, ...]
) -> None:
    with shown() as one:
        one.change(one.line("Quit"))
        item = host.wait_item()
        with pytest.raises(CallFailed, match=r"InvalidArgs|UnknownMethod"):
            item.call_menu(method, signature, *values)
        item.click("Quit")
        assert one.next_click() == "Quit"


def test_the_objects_can_be_introspected(host: TrayHost) -> None:
    with shown():
        item = host.wait_item()
        for path, interface in (("/StatusNotifierItem", ITEM), ("/MenuBar", MENU)):
            (text,) = host.call(item.sender, path, "org.freedesktop.DBus.Introspectable", "Introspect", "")
            node = ET.fromstring(text).find("interface")
            assert node is not None
            assert node.get("name") == interface
            (known,) = host.call(item.sender, path, PROPERTIES, "GetAll", "s", interface)
            signatures = {prop.get("name"): prop.get("type") for prop in node.findall("property")}
            assert signatures == {name: signature for name, (signature, _) in known.items()}
        with pytest.raises(CallFailed, match="PropertyReadOnly"):
            host.call(item.sender, "/StatusNotifierItem", PROPERTIES, "Set", "ssv", ITEM, "Title", ("s", "x"))
        assert host.call(item.sender, "/MenuBar", "org.freedesktop.DBus.Peer", "Ping", "") == ()


def test_a_hidden_icon_is_passive(host: TrayHost) -> None:
    with shown() as one:
        item = host.wait_item()
        one.settle()
        item.layout()
        host.signals.clear()
        one.icon.visible = False
        assert host.wait_signal("NewStatus") == ("Passive",)
        assert item["Status"] == "Passive"


def test_an_icon_reappears_when_the_panel_restarts(host: TrayHost) -> None:
    with shown() as one:
        one.change(one.line("Quit"))
        host.wait_item()
        until(lambda: one.icon.has_host is True)
        for _ in range(3):
            host.stop_watcher()
            until(lambda: one.icon.has_host is False)
            host.start_watcher()
            item = host.wait_item()
            until(lambda: one.icon.has_host is True)
        item.click("Quit")
        assert one.next_click() == "Quit"


def test_an_icon_appears_in_a_panel_that_starts_later(bus: str) -> None:
    with TrayHost(bus, watcher=False) as host, shown() as one:
        until(lambda: one.icon.has_host is False)
        assert host.items == {}
        host.start_watcher()
        host.wait_item()
        until(lambda: one.icon.has_host is True)


def test_a_watcher_without_a_panel_is_not_a_host(bus: str) -> None:
    with TrayHost(bus, has_host=False) as host, shown() as one:
        host.wait_item()
        until(lambda: one.icon.has_host is False)
        host.host_appears()
        until(lambda: one.icon.has_host is True)


@pytest.mark.parametrize("address", ["", "unix:path=/nowhere/bus", "tcp:host=127.0.0.1", "nonsense"])
def test_without_a_bus_an_icon_only_waits(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
    with shown() as one:
        one.change(one.line("Quit"))
        one.icon.title = "x"
        one.settle()
        assert one.icon.has_host is False
        assert one.thread.is_alive()


def test_an_icon_can_be_stopped_before_it_runs(host: TrayHost) -> None:
    icon = Icon("early", red, "", Menu())
    icon.later(icon.stop)
    thread = threading.Thread(target=icon.run)
    thread.start()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()
    host.wait_gone()


def test_an_icon_survives_the_loss_of_its_bus(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="bus-") as folder, private_bus(Path(folder)) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        one = Shown()
        one.thread.start()
        until(lambda: one.icon.has_host is False)
        one.settle()
    one.icon.title = "on my own"
    one.change(one.line("Quit"))
    one.settle()
    assert one.thread.is_alive()
    one.stop()


def test_the_bus_is_found_at_systemds_address(
    bus: str, host: TrayHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    socket = Path(bus.removeprefix("unix:path=").split(",")[0])
    # Socket paths are limited in length.
    runtime = socket.with_name("run")
    runtime.mkdir()
    os.link(socket, runtime / "bus")
    monkeypatch.delenv("DBUS_SESSION_BUS_ADDRESS")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    with shown():
        assert host.wait_item()["Id"] == "drawbridge"


def test_on_plasma_the_icon_follows_the_colour_scheme(host: TrayHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "KDE")
    host.start_portal(dark=False)

    def colour() -> int:
        return int(host.wait_item()["IconPixmap"][0][2][1])

    with shown():
        until(lambda: colour() == 1)
        host.set_scheme(dark=True)
        until(lambda: colour() == 255)
        host.set_scheme(dark=False)
        until(lambda: colour() == 1)


def test_importing_needs_neither_gtk_nor_a_display() -> None:
    environ = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
    environ["PYSTRAY_BACKEND"] = "xorg"
    code = (
        "import sys, os; import tray.icon.view, tray.icon.linux; "
        "assert not {'gi', 'Xlib', 'uvicorn', 'fastapi', 'claude_agent_sdk'} & set(sys.modules); "
        "assert os.environ['PYSTRAY_BACKEND'] == 'xorg'"
    )
    subprocess.run([sys.executable, "-c", code], env=environ, check=True, timeout=60)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_terminated_program_removes_its_icon(host: TrayHost, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.tray.demo"], cwd=DEMO.parents[2], stdout=subprocess.PIPE
    ) as program:
        try:
            host.wait_item()
            program.send_signal(number)
            out, _ = program.communicate(timeout=TIMEOUT_S)
        finally:
            program.kill()
    assert (program.returncode, out) == (0, b"Quit()\n")
    host.wait_gone()


def test_the_icon_of_a_killed_program_disappears(host: TrayHost) -> None:
    program = subprocess.Popen([sys.executable, "-m", "tests.tray.demo"], cwd=DEMO.parents[2], stdout=subprocess.PIPE)
    try:
        host.wait_item()
    finally:
        program.kill()
        program.communicate()
    host.wait_gone()


def test_connecting_to_the_bus_has_the_same_timeout_as_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a desktop starts, it may need more than the library's default of one second."""
    given: list[float] = []

    def busy(address: str, *, auth_timeout: float = 1.0) -> None:
        given.append(auth_timeout)
        raise TimeoutError

    monkeypatch.setattr("tray.desktop.dbus.open_dbus_connection", busy)
    with pytest.raises(BusUnavailable):
        Bus(environ={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/busy"})
    assert given == [BUS_TIMEOUT_S]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files so")
def test_fifty_connections_leave_no_file_or_thread(bus: str) -> None:
    """An icon that runs for months connects again in each session."""

    def used() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    def connect() -> None:
        connection = Bus(environ={"DBUS_SESSION_BUS_ADDRESS": bus})
        assert connection.request_name("org.example.Drawbridge").result(TIMEOUT_S) == (1,)
        connection.close()

    connect()
    before = used()
    for _ in range(50):
        connect()
    until(lambda: all(now <= then for now, then in zip(used(), before, strict=True)))
