"""The whole menu of the real app as golden text, in each state that a real computer can bring it into."""

import json
import sys
import threading
from pathlib import Path

import pytest

from server.standin.script import Gate, Hold, say
from tests.server.machine.vault import session
from tests.tray.trayhost import TrayHost
from tests.whole.account import Account
from tests.whole.aside import standin_aside
from tests.whole.bridge import account
from tests.whole.desktop import open_app

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own"),
    pytest.mark.timeout(180),
]


def test_a_demo_running_and_stopped(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with open_app(tmp_path, bus, host) as app:
        # Fable is in no list but Claude Code's own: the models are the live ones.
        app.assert_menu("running", "Running on port", "Fable")
        app.item.click("Stop")
        app.assert_menu("stopped", "Stopped")
        assert not host.notifications
        (tray,) = [row for row in json.loads(app.command("doctor", "--json").stdout) if row["name"] == "tray"]
        assert (tray["verdict"], "the panel of this desktop" in tray["words"]) == ("ok", True)


def test_starting(tmp_path: Path, bus: str, host: TrayHost) -> None:
    """The icon and its menu are there while the server's libraries are still being read."""
    go = tmp_path / "go"
    held = {"HELD_UNTIL": str(go)}
    with open_app(tmp_path, bus, host, environment=held, program="tests.whole.held_imports") as app:
        app.assert_menu("starting", "Starting on port", "Fable")
        go.touch()
        app.until("Running on port")


def test_an_answer_running_and_quitting_when_it_is_finished(tmp_path: Path, bus: str, host: TrayHost) -> None:
    gate = Gate()
    with (
        standin_aside() as upstream,
        open_app(
            tmp_path, bus, host, is_demo=False, environment=account(upstream.standin), program="tests.whole.patient"
        ) as app,
    ):
        app.until("Running on port", "Fable")
        upstream.standin.script(lambda _: say("Half", Hold(gate), " and whole"))
        answers: list[str] = []
        asking = threading.Thread(target=lambda: answers.append(app.chat().text))
        asking.start()
        upstream.reached(gate)
        app.assert_menu("busy", "1 answer running on port")
        app.click_quit()
        app.assert_menu("quitting", "Quitting when 1 answer is finished")
        assert "1 answer is still running" in host.wait_notification("Drawbridge is quitting").text
        upstream.open(gate)
        assert app.process.wait(40) == 0
        asking.join(40)
        assert "Half and whole" in answers[0]
    app.host.wait_gone()


def test_claude_code_missing(tmp_path: Path, bus: str, host: TrayHost) -> None:
    variables = {"PATH": "/usr/bin:/bin"}
    with open_app(tmp_path, bus, host, is_demo=False, environment=variables, program="tests.whole.without_any") as app:
        app.assert_menu("claude_code_missing", "Install Claude Code...", "Running on port")
        shown = host.wait_notification("Claude Code was not found")
        assert "https://claude.com/claude-code" in shown.text
        assert app.chat().status_code == 503
        assert app.quit() == 0
    assert len(host.notifications) == 1


def test_signed_out(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with open_app(tmp_path, bus, host, is_demo=False, cli=Account(tmp_path / "cli", "signed out").cli) as app:
        app.assert_menu("signed_out", "Sign in to Claude...", "Running on port", "Fable")
        host.wait_notification("Claude Code is not signed in")


def test_ended_by_itself_too_often(tmp_path: Path, bus: str, host: TrayHost) -> None:
    """Three starts more, each a little later; then one notification, which offers the log, and a start by hand."""
    with open_app(tmp_path, bus, host) as app:
        # The list of the models is kept from a better day.
        app.until("Fable")
        assert app.quit() == 0
        host.wait_gone()
    with open_app(tmp_path, bus, host, program="tests.whole.crashing") as app:
        app.assert_menu("failed", "Failed", "See what happened in the log")
        shown = host.wait_notification("ended by itself")
        assert "the network card is gone" in shown.text
        assert shown.actions
        assert len(host.notifications) == 1
        assert app.log.count("the server ended: OSError") == 4
        assert "WARNING [-] tray.control.notifications: The server ended by itself 4 times" in app.log
        assert "uvicorn" not in app.log
        assert app.item.menu().find("Start").enabled


def test_the_keyring_locked(tmp_path: Path) -> None:
    """With the real gnome-keyring: what must be asked for and cannot be read keeps the door shut."""
    home = tmp_path / "vault"
    with session(home, password="right"):
        pass
    with (
        session(home, password="wrong") as locked,
        TrayHost(locked.environment["DBUS_SESSION_BUS_ADDRESS"]) as host,
        open_app(
            tmp_path,
            locked.environment["DBUS_SESSION_BUS_ADDRESS"],
            host,
            settings="require_key = true\n",
            environment={"XDG_RUNTIME_DIR": locked.environment["XDG_RUNTIME_DIR"]},
        ) as app,
    ):
        app.assert_menu("keyring_locked", "The required access key cannot be read", "Try again")
        assert host.wait_notification("access key").actions
