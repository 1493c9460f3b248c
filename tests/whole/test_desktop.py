"""The real app, driven by its menu as a person would, over a private bus; its effects at the HTTP port and in the file.

What they have in common is driven in one go by test_scenario.py, which is repeated.
"""

import errno
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.ports import free_port
from tests.tray.trayhost import TrayHost
from tests.whole.bridge import ROOT, child_environment
from tests.whole.desktop import App, free_preset, listens, open_app

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own"),
    pytest.mark.timeout(180),
]


@pytest.fixture
def app(tmp_path: Path, bus: str, host: TrayHost) -> Iterator[App]:
    with open_app(tmp_path, bus, host) as app:
        yield app


def refuses(port: int) -> bool:
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), 1).close()
    return True


def test_it_is_lowered_and_raised_by_clicks(app: App) -> None:
    port = app.port
    assert app.chat().status_code == 200
    app.item.click("Stop")
    app.until("Stopped")
    assert refuses(port)
    app.item.click("Start")
    app.until(f"Running on port {port}")
    app.restart()
    assert app.chat().status_code == 200
    assert app.quit() == 0
    app.host.wait_gone()


def test_pool_size_and_model_apply_at_once_and_are_kept(app: App) -> None:
    app.until("Running")
    app.item.click("Pool size", "1")
    app.item.wait_menu(lambda menu: menu.find("Pool size", "1").checked)
    assert app.get("/health").json()["pool"]["size"] == 1
    assert "pool_size = 1" in app.settings
    app.item.click("Default model", "Haiku")
    app.item.wait_menu(lambda menu: menu.find("Default model", "Haiku").checked)
    assert 'model = "haiku"' in app.settings
    assert "haiku" in app.chat().headers["x-drawbridge-model"]


def test_another_port_is_listened_on_at_once(app: App) -> None:
    before, port = app.port, free_preset()
    app.item.click("Port", str(port))
    app.until(f"Running on port {port}", f"http://127.0.0.1:{port}/v1")
    assert app.chat().status_code == 200
    assert f"port = {port}\n" in app.settings
    assert refuses(before)


def test_the_access_key_is_made_required_changed_and_removed(app: App) -> None:
    """There is no keyring on this bus: a person first agrees to a file."""
    app.until("Running")
    app.item.click("Access key", "New key")
    agree = "Keep it in a file only you can read"
    app.item.wait_menu(lambda menu: bool(menu.find("Access key", agree)))
    app.item.click("Access key", agree)
    app.item.wait_menu(lambda menu: menu.find("Access key", "Copy the key").enabled)
    if not app.item.menu().find("Access key", "Require the key").checked:
        app.item.click("Access key", "Require the key")
    app.item.wait_menu(lambda menu: menu.find("Access key", "Require the key").checked)
    (file,) = [path for path in (app.folder / "home").rglob("*") if path.is_file() and "key" in path.name]
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_text().strip()
    assert app.chat().status_code == 401
    assert app.chat(authorization=f"Bearer {first}").status_code == 200
    app.item.click("Access key", "New key, the old one is refused")
    app.host.wait(lambda: file.read_text().strip() != first or None)
    second = file.read_text().strip()
    app.host.wait(lambda: app.chat(authorization=f"Bearer {second}").status_code == 200 or None)
    assert app.chat(authorization=f"Bearer {first}").status_code == 401
    app.item.click("Access key", "Remove the key")
    app.item.wait_menu(lambda menu: not menu.find("Access key", "Require the key").checked)
    assert app.chat().status_code == 200
    assert not file.exists()
    told = app.log + app.settings
    assert first not in told
    assert second not in told


def test_containers_and_the_network_need_a_key_and_get_a_door_of_their_own(app: App) -> None:
    addresses = [row.address for rows in psutil.net_if_addrs().values() for row in rows if row.family == socket.AF_INET]
    others = [address for address in addresses if not address.startswith("127.")]
    if not others:
        pytest.skip("this machine has no address but loopback")
    app.until("Running")
    app.item.click("Access key", "New key")
    agree = "Keep it in a file only you can read"
    app.item.wait_menu(lambda menu: bool(menu.find("Access key", agree)))
    app.item.click("Access key", agree)
    app.item.wait_menu(lambda menu: menu.find("Access key", "Copy the key").enabled)
    app.item.click("Reachable from", "Also containers and the network")
    app.until(others[0])
    with socket.create_connection((others[0], app.port), 5):
        pass
    app.item.click("Reachable from", "This computer only")
    app.item.wait_menu(lambda menu: menu.find("Reachable from", "This computer only").checked)

    def is_shut() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((others[0], app.port)) == errno.ECONNREFUSED

    app.host.wait(lambda: is_shut() or None)


def test_a_taken_port_names_its_owner_and_one_click_goes_on(tmp_path: Path, bus: str, host: TrayHost) -> None:
    port = free_port()
    serve = f"HTTPServer(('127.0.0.1', {port}), BaseHTTPRequestHandler).serve_forever()"
    program = f"from http.server import BaseHTTPRequestHandler, HTTPServer; {serve}"
    stranger = subprocess.Popen([sys.executable, "-c", program])
    try:
        host.wait(lambda: listens(port) or None)
        with open_app(tmp_path, bus, host) as app:
            app.until("Running", "Fable")
            app.item.click("Stop")
            app.until("Stopped")
            app.settings_file.write_text(f"port = {port}\n")
            app.item.click("Start")
            menu = app.until(str(port), "Use the next free port")
            assert str(stranger.pid) in menu + "".join(shown.text for shown in host.notifications)
            app.assert_menu("port_taken", "Use the next free port")
            app.item.click("Use the next free port")
            app.until("Running on port")
            assert app.port != port
            assert app.chat().status_code == 200
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_settings_changed_by_hand_are_picked_up(app: App) -> None:
    app.until("Running")
    app.settings_file.write_text(f"# mine\nport = {app.port}\npool_size = 2\nunknown = 7\n")
    app.item.wait_menu(lambda menu: menu.find("Pool size", "2").checked)
    app.item.click("Pool size", "4")
    app.item.wait_menu(lambda menu: menu.find("Pool size", "4").checked)
    assert "# mine" in app.settings
    assert "unknown = 7" in app.settings


def test_start_at_login_is_the_systems_own_entry(app: App) -> None:
    app.until("Running")
    app.item.click("Start at login")
    app.item.wait_menu(lambda menu: menu.find("Start at login").checked)
    (entry,) = (app.folder / "home").rglob("autostart/*.desktop")
    entry.unlink()
    app.item.wait_menu(lambda menu: not menu.find("Start at login").checked)


def test_the_stop_command_ends_the_app_also_while_its_server_is_stopped(app: App) -> None:
    app.until("Running")
    app.item.click("Stop")
    app.until("Stopped")
    environment = child_environment(app.folder)
    stop = [sys.executable, "-m", "tray", "stop"]
    done = subprocess.run(stop, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "Drawbridge has stopped.\n")
    assert app.process.wait(40) == 0
    app.host.wait_gone()
    assert subprocess.run(stop, cwd=ROOT, env=environment, capture_output=True, timeout=60).returncode == 1
