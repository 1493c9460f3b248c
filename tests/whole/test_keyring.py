"""The access key of the real app in a real keyring: made, changed, there after a restart, copied, removed."""

import sys
from pathlib import Path

import pytest

from tests.server.machine.vault import Session, needs, session, virtual_display
from tests.tray.trayhost import TrayHost
from tests.whole.desktop import App, open_app
from tests.whole.test_scenario import key_in_clipboard, pasted

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have keyrings of their own")
_STORED = "Stored in the system's keyring"
_FIND = (
    "import sys; from pathlib import Path; from server.machine.keychain import Keychain\n"
    "found = Keychain(Path(sys.argv[1])).find(); print(f'{found.place} {found.key}' if found else 'none')"
)


def test_a_key_in_the_keyring_outlives_the_app_and_shows_nowhere_else(tmp_path: Path) -> None:
    needs("Xvfb", "xclip")
    with virtual_display() as display, session(tmp_path / "vault", password="opens", display=display) as user:
        bus = user.environment["DBUS_SESSION_BUS_ADDRESS"]
        variables = {"XDG_RUNTIME_DIR": user.environment["XDG_RUNTIME_DIR"], "DISPLAY": display}
        with TrayHost(bus) as host:
            with open_app(tmp_path, bus, host, environment=variables) as app:
                app.until("Running on port")
                app.item.click("Access key", "New key (then required of every app)")
                app.until(_STORED)
                first = host.wait(lambda: key_in_clipboard(display))
                assert stored(user, app) == f"keyring {first}"
                app.item.click("Access key", "Replace the key (the old one stops working)")
                second = host.wait(lambda: key if (key := key_in_clipboard(display)) not in {None, first} else None)
                assert stored(user, app) == f"keyring {second}"
                assert answers(app, None, first, second) == [401, 401, 200]
                assert app.quit() == 0
                host.wait_gone()
            with open_app(tmp_path, bus, host, environment=variables) as app:
                app.until("Running on port", _STORED)
                assert answers(app, None, first, second) == [401, 401, 200]
                app.item.click(f"Copy base URL (http://127.0.0.1:{app.port}/v1)")
                host.wait(lambda: pasted(display).startswith("http") or None)
                app.item.click("Access key", "Copy the key")
                host.wait(lambda: pasted(display) == second or None)
                assert [place for key in (first, second) for place in shown(app, key)] == []
                app.item.click("Access key", "Remove the key")
                app.until_not(_STORED)
                assert stored(user, app) == "none"
                assert answers(app, None) == [200]


def stored(user: Session, app: App) -> str:
    """The place and the key, as another program finds them in that keyring."""
    done = user.run("-c", _FIND, str(app.settings_file.parent))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def answers(app: App, *keys: str | None) -> list[int]:
    """The status of a chat with each key, and without one."""
    return [app.chat(**({} if key is None else {"authorization": f"Bearer {key}"})).status_code for key in keys]


def shown(app: App, key: str) -> list[str]:
    """Where the key can be read: the process list, its environment, any file of the app."""
    places = [Path(f"/proc/{app.process.pid}/{name}") for name in ("cmdline", "environ")]
    places += [path for path in (app.folder / "home").rglob("*") if path.is_file()] + list(app.folder.glob("*.txt"))
    return [str(path) for path in places if key.encode() in path.read_bytes()]
