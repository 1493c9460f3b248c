"""The real app's whole menu as a golden file, in each state that a real computer can bring about."""

import json
import sys
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from server.standin.script import Gate, Hold, say
from tests.server.machine.vault import Session, session
from tests.tray.scene import wait_for
from tests.tray.trayhost import TrayHost
from tests.whole.account import Account
from tests.whole.aside import standin_aside
from tests.whole.bridge import account
from tests.whole.desktop import open_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")


def test_a_demo_running_and_stopped(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with open_app(tmp_path, bus, host) as app:
        # Only Claude Code's own list has Fable, so the models are the live ones.
        app.assert_menu("running", "Running on port", "Fable")
        app.item.click("Stop")
        app.assert_menu("stopped", "Stopped")
        assert not host.notifications
        (tray,) = [row for row in json.loads(app.command("doctor", "--json").stdout) if row["name"] == "tray"]
        assert (tray["verdict"], "the panel of this desktop" in tray["words"]) == ("ok", True)


def test_starting(tmp_path: Path, bus: str, host: TrayHost) -> None:
    """The icon and its menu are shown while the server's libraries are still being imported."""
    go = tmp_path / "go"
    held = {"HELD_UNTIL": str(go)}
    with open_app(tmp_path, bus, host, environment=held, program="tests.whole.held_imports") as app:
        app.assert_menu("starting", "Starting on port", "Fable")
        go.touch()
        app.until("Running on port")


def test_an_answer_in_progress_and_quitting(tmp_path: Path, bus: str, host: TrayHost) -> None:
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
        client = threading.Thread(target=lambda: answers.append(app.chat().text))
        client.start()
        upstream.reached(gate)
        app.assert_menu("busy", "1 answer in progress")
        app.click_quit()
        app.assert_menu("quitting", "Quitting: 1 answer has up to 10 s to finish")
        assert "1 answer has up to 10 s" in host.wait_notification("Drawbridge is quitting").text
        upstream.open(gate)
        assert app.process.wait(40) == 0
        client.join(40)
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


def test_crashed_too_often(tmp_path: Path, bus: str, host: TrayHost) -> None:
    """Three restarts with back-off, then one notification that opens the log; the user can start the server."""
    with open_app(tmp_path, bus, host) as app:
        # Caches the list of models.
        app.until("Fable")
        assert app.quit() == 0
        host.wait_gone()
    with open_app(tmp_path, bus, host, program="tests.whole.crashing") as app:
        app.assert_menu("failed", "Failed", "See what happened in the log")
        shown = host.wait_notification("crashed")
        assert "the network card is gone" in shown.text
        assert shown.actions
        assert len(host.notifications) == 1
        assert app.log.count("the server ended: OSError") == 4
        assert "WARNING [-] tray.control.notifications: The server crashed 4 times" in app.log
        assert "uvicorn" not in app.log
        assert app.item.menu().find("Start").enabled


@pytest.mark.parametrize("has_tray", [True, False])
def test_a_locked_keyring_is_waited_for(tmp_path: Path, has_tray: bool) -> None:
    """With the real gnome-keyring: the server starts by itself once it is unlocked, with and without a tray."""
    home = tmp_path / "vault"
    with session(home, password="right") as user:
        assert user.run("-c", STORE, str(tmp_path / "home" / ".config" / "drawbridge")).returncode == 0
    with session(home, password="wrong") as locked, ExitStack() as stack:
        bus = locked.environment["DBUS_SESSION_BUS_ADDRESS"]
        host = stack.enter_context(TrayHost(bus)) if has_tray else None
        app = stack.enter_context(
            open_app(
                tmp_path,
                bus,
                host,
                settings="require_key = true\n",
                environment={"XDG_RUNTIME_DIR": locked.environment["XDG_RUNTIME_DIR"]},
            )
        )
        if host is not None:
            app.assert_menu("keyring_locked", "The required access key cannot be read", "Try again")
            assert host.wait_notification("access key").actions == {"default": "Try again"}
        else:
            wait_for(lambda: "The required access key cannot be read" in app.stderr)
            time.sleep(10)
        assert (app.process.poll(), app.stdout) == (None, "")
        unlock(locked, "right")
        wait_for(lambda: "listening on" in app.stdout)
        port = int(app.stdout.rpartition(":")[2].removesuffix("/v1\n"))
        url = f"http://127.0.0.1:{port}/v1/models"
        assert httpx.get(url, trust_env=False).status_code == 401
        assert httpx.get(url, trust_env=False, headers={"authorization": "Bearer stored"}).status_code == 200
        if host is not None:
            app.until_not("Try again", "The required access key cannot be read")
        assert (app.command("stop").returncode, app.process.wait(40)) == (0, 0)


STORE = (
    "import sys; from pathlib import Path; from server.machine.keychain import Keychain\n"
    "Keychain(Path(sys.argv[1])).store('stored', allow_file=False)"
)


UNLOCK = (
    "import sys, secretstorage as s; from secretstorage.util import DBusAddressWrapper, format_secret, open_session\n"
    "c = s.dbus_init()\n"
    "label = '/org/freedesktop/secrets/collection/login'\n"
    "name = 'org.gnome.keyring.InternalUnsupportedGuiltRiddenInterface'\n"
    "service = DBusAddressWrapper('/org/freedesktop/secrets', name, c)\n"
    "secret = format_secret(open_session(c), sys.argv[1].encode(), 'text/plain')\n"
    "service.call('UnlockWithMasterPassword', 'o(oayays)', label, secret)"
)


def unlock(user: Session, password: str) -> None:
    """Unlocks the keyring of this session, as the user does in another program's password window."""
    done = user.run("-c", UNLOCK, password)
    assert done.returncode == 0, done.stderr
