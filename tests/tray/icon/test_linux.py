"""The Linux icon on a real bus, with a fake panel. Repeat with `python -m tests.repeat`."""

import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from PIL import Image

from tests.tray.bus import private_bus
from tests.tray.icon.shown import Shown, green, red, shown, until
from tests.tray.trayhost import ITEM, MENU, PROPERTIES, TIMEOUT_S, CallFailed, TrayHost
from tray.icon.linux import SIZES, Icon
from tray.icon.pystray_types import Menu, MenuItem

DEMO = Path(__file__).parents[1] / "demo.py"


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
