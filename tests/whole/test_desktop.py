"""The real app, driven by its menu on a private bus: what a day with it (test_scenario.py) does not cover."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.ports import free_port
from tests.tray.trayhost import TrayHost
from tests.whole.desktop import App, listens, open_app
from tests.whole.test_scenario import STORE_IN_FILE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")


@pytest.fixture
def app(tmp_path: Path, bus: str, host: TrayHost) -> Iterator[App]:
    with open_app(tmp_path, bus, host) as app:
        yield app


def test_other_devices_need_a_key_and_get_a_listener_of_their_own(app: App) -> None:
    addresses = [row.address for rows in psutil.net_if_addrs().values() for row in rows if row.family == socket.AF_INET]
    others = [address for address in addresses if not address.startswith("127.")]
    app.until("Running")
    app.item.click("Who can connect", "Also my network and containers (they need the key)")
    app.item.wait_menu(lambda menu: bool(menu.find("Access key", STORE_IN_FILE)))
    app.item.click("Access key", STORE_IN_FILE)
    # A computer without a network has none.
    for other in others[:1]:
        app.until(other)
        assert listens(app.port, other)
        models = f"http://{other}:{app.port}/v1/models"
        assert httpx.get(models, trust_env=False, timeout=30).status_code == 401
    assert app.chat().status_code == 200
    shown = app.host.wait_notification("Other devices can connect")
    assert "An access key was created" in shown.text
    app.item.click("Who can connect", "This computer only")
    app.item.wait_menu(lambda menu: menu.find("Who can connect", "This computer only").checked)

    app.host.wait(lambda: not any(listens(app.port, other) for other in others) or None)
    assert app.chat().status_code == 200


def test_a_taken_port_names_its_owner_and_one_click_fixes_it(tmp_path: Path, bus: str, host: TrayHost) -> None:
    port = free_port()
    serve = f"HTTPServer(('127.0.0.1', {port}), BaseHTTPRequestHandler).serve_forever()"
    program = f"from http.server import BaseHTTPRequestHandler, HTTPServer; {serve}"
    owner = subprocess.Popen([sys.executable, "-c", program])
    try:
        host.wait(lambda: listens(port) or None)
        with open_app(tmp_path, bus, host) as app:
            app.until("Running", "Fable")
            app.item.click("Stop")
            app.until("Stopped")
            app.settings_file.write_text(f"port = {port}\n")
            app.item.click("Start")
            menu = app.until(str(port), "Use the next free port")
            assert str(owner.pid) in menu + "".join(shown.text for shown in host.notifications)
            app.assert_menu("port_taken", "Use the next free port")
            app.item.click("Use the next free port")
            app.until("Running on port")
            assert app.port != port
            assert app.chat().status_code == 200
        assert owner.poll() is None
    finally:
        owner.kill()
        owner.wait()


def test_settings_edited_by_the_user_are_applied_and_kept(app: App) -> None:
    app.until("Running")
    app.settings_file.write_text(f"# mine\nport = {app.port}\npool_size = 2\nunknown = 7\n")
    app.item.wait_menu(lambda menu: menu.find("Answers at once: 2", "2").checked)
    app.item.click("Answers at once: 2", "4")
    app.item.wait_menu(lambda menu: menu.find("Answers at once: 4", "4").checked)
    assert "# mine" in app.settings
    assert "unknown = 7" in app.settings


def test_start_at_login_keeps_the_options_of_the_last_start(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with open_app(tmp_path, bus, host, "--pool-size", "2") as app:
        app.until("Answers at once: 2")
        app.item.click("Start at login")
        app.item.wait_menu(lambda menu: menu.find("Start at login").checked)
        (entry,) = (app.folder / "home").rglob("autostart/*.desktop")
        assert " --pool-size 2 --background\n" in entry.read_text()
        assert app.quit() == 0
    # The next start has other options; those of the entry follow it.
    with open_app(tmp_path, bus, host, "--pool-size", "4") as app:
        app.until("Running", "Answers at once: 4")
        host.wait(lambda: " --pool-size 4 --background\n" in entry.read_text() or None)
        assert app.item.menu().find("Start at login").checked


def test_no_other_user_can_read_a_file_of_the_app(app: App) -> None:
    app.until("Running")
    app.item.click("Answers at once: 3", "2")
    app.until("Answers at once: 2")
    home = app.folder / "home"
    files = [path for path in home.rglob("*") if path.is_file() and path.parent.name in {"drawbridge", "log"}]
    assert {"server.lock", "server.json", "drawbridge.log"} <= {path.name for path in files}
    # The settings file was there before, and keeps the mode that its user gave it.
    assert [path.name for path in files if path.stat().st_mode & 0o077] == ["settings.toml"]


def test_start_at_login_is_the_systems_own_entry(app: App) -> None:
    app.until("Running")
    app.item.click("Start at login")
    app.item.wait_menu(lambda menu: menu.find("Start at login").checked)
    (entry,) = (app.folder / "home").rglob("autostart/*.desktop")
    entry.unlink()
    app.item.wait_menu(lambda menu: not menu.find("Start at login").checked)


def test_the_stop_command_ends_the_app_while_its_server_is_stopped(app: App) -> None:
    app.until("Running")
    app.item.click("Stop")
    app.until("Stopped")
    done = app.command("stop")
    assert (done.returncode, done.stderr) == (0, "Drawbridge has stopped.\n")
    assert app.process.wait(40) == 0
    app.host.wait_gone()
    assert app.command("stop").returncode == 1
