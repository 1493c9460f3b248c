"""A day with the real app: everyday commands from its menu, and their effects.

Twenty days, idle and under load: `python -m tests.repeat -n 20 tests/whole/test_scenario.py [--load]`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.machine.vault import needs, virtual_display
from tests.tray.trayhost import TrayHost
from tests.whole.desktop import App, free_preset, listens, open_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")
STORE_IN_FILE = "No keyring found. Store the key in a private file"


def test_a_day_with_the_icon(tmp_path: Path, bus: str, host: TrayHost) -> None:
    needs("Xvfb", "xclip")
    with virtual_display() as display, open_app(tmp_path, bus, host, environment={"DISPLAY": display}) as app:
        app.assert_menu("running", "Running on port", "Fable")
        it_stops_starts_and_restarts(app)
        pool_size_and_model(app)
        another_port(app)
        the_key(app, display)
        connecting(app, display)
        # While an answer is in progress, this line and a notification would differ.
        app.item.wait_menu(lambda menu: menu.find("Quit").enabled)
        assert app.quit() == 0
        host.wait_gone()
    titles = ["No keyring found", *["New access key copied"] * 2]
    labels = [one.actions for one in host.notifications if one.title == "No keyring found"]
    assert labels == [{"default": "Store it in a file"}]
    assert sorted(one.title for one in host.notifications) == sorted([*titles, *["Copied"] * 4])


def it_stops_starts_and_restarts(app: App) -> None:
    port = app.port
    assert app.chat().status_code == 200
    app.item.click("Stop")
    app.assert_menu("stopped", "Stopped")
    assert not listens(port)
    app.item.click("Start")
    app.until(f"Running on port {port}")
    app.restart()
    assert app.chat().status_code == 200


def pool_size_and_model(app: App) -> None:
    app.item.click("Answers at once", "1")
    app.item.wait_menu(lambda menu: menu.find("Answers at once: 1", "1").checked)
    app.item.click("Default model", "Haiku")
    app.item.wait_menu(lambda menu: menu.find("Default model", "Haiku").checked)
    assert app.get("/health").json()["pool"]["size"] == 1
    assert "haiku" in app.chat().headers["x-drawbridge-model"]
    assert "pool_size = 1" in app.settings
    assert 'model = "haiku"' in app.settings


def another_port(app: App) -> None:
    before, port = app.port, free_preset()
    app.item.click("Port", str(port))
    app.until(f"Running on port {port}", f"http://127.0.0.1:{port}/v1")
    assert app.chat().status_code == 200
    assert not listens(before)
    assert f"port = {port}\n" in app.settings


def the_key(app: App, display: str) -> None:
    """Creates, copies, replaces and removes the key; without a keyring on this bus, in a file."""
    app.item.click("Access key", "New key (then required of every app)")
    app.item.wait_menu(lambda menu: bool(menu.find("Access key", STORE_IN_FILE)))
    app.item.click("Access key", STORE_IN_FILE)
    app.item.wait_menu(lambda menu: menu.find("Access key", "Require the key").checked)
    first = app.host.wait(lambda: key_in_clipboard(display))
    (file,) = (path for path in (app.folder / "home").rglob("access-key") if path.is_file())
    assert (file.read_text().strip(), file.stat().st_mode & 0o777) == (first, 0o600)
    assert app.chat().status_code == 401
    assert app.chat(authorization=f"Bearer {first}").status_code == 200
    app.item.click("Access key", "Replace the key (the old one stops working)")
    second = app.host.wait(lambda: key if (key := key_in_clipboard(display)) != first else None)
    assert app.chat(authorization=f"Bearer {first}").status_code == 401
    assert app.chat(authorization=f"Bearer {second}").status_code == 200
    app.item.click("Copy base URL (" + f"http://127.0.0.1:{app.port}/v1)")
    app.host.wait(lambda: pasted(display) == f"http://127.0.0.1:{app.port}/v1" or None)
    app.item.click("Access key", "Copy the key")
    app.host.wait(lambda: pasted(display) == second or None)
    app.item.click("Access key", "Remove the key")
    app.item.wait_menu(lambda menu: not menu.find("Access key", "Require the key").checked)
    assert app.chat().status_code == 200
    assert not file.exists()
    for key in (first, second):
        assert key not in app.log + app.settings


def connecting(app: App, display: str) -> None:
    """Copies the settings for an app, with the current port and model, and a curl command that runs."""
    app.item.click("Connect an app", "Talon")
    talon = app.host.wait(lambda: text if "user.model_endpoint" in (text := pasted(display)) else None)
    assert f'"http://127.0.0.1:{app.port}/v1/chat/completions"' in talon
    assert '"haiku"' in talon
    app.item.click("Connect an app", "curl")
    command = app.host.wait(lambda: text if (text := pasted(display)).startswith("curl") else None)
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert "This is Drawbridge's demo" in done.stdout


def pasted(display: str) -> str:
    """The text on that display's clipboard; empty if there is none."""
    command = ["xclip", "-selection", "clipboard", "-o"]
    done = subprocess.run(command, env={**os.environ, "DISPLAY": display}, capture_output=True, text=True, timeout=20)
    return done.stdout


def key_in_clipboard(display: str) -> str | None:
    text = pasted(display)
    return text if text.startswith("db-") else None
