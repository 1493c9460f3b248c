"""A stored access key that the settings require: checked by `serve`, sent by `ask`, and never shown."""

import sys
from pathlib import Path

import pytest

from server.commands.root import run
from server.machine.files.paths import find_folders
from server.machine.keychain import Keychain
from tests.ports import free_port
from tests.server.commands.conftest import Start
from tests.server.commands.test_login_and_doctor import Captured, findings
from tests.server.commands.test_serve import get
from tests.server.machine.vault import Session, session

KEY = "db-not-to-be-seen-anywhere"
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have a keyring of their own")

STORE = "import sys; from pathlib import Path; from server.machine.keychain import Keychain\n"
STORE += "print(Keychain(Path(sys.argv[1])).store(sys.stdin.read(), allow_file=False))"


def store(user: Session) -> None:
    done = user.run("-c", STORE, str(find_folders().config), text=KEY)
    assert done.stdout == "keyring\n", done.stderr


def require(home: Path) -> None:
    path = find_folders().settings_file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("require_key = true\n")


def shown(pid: int, home: Path) -> list[str]:
    """Where the key can be read: the process list, its environment, any file."""
    places = [f"/proc/{pid}/cmdline", f"/proc/{pid}/environ"]
    files = [str(path) for path in home.rglob("*") if path.is_file()]
    return [place for place in (*places, *files) if KEY.encode() in Path(place).read_bytes()]


def test_the_key_in_the_keyring_is_required_and_is_in_no_file_log_or_process_list(start: Start, home: Path) -> None:
    require(home)
    with session(home, password="opens") as user:
        store(user)
        program = start("serve", "--port", str(free_port()), "--log-level", "debug", **user.environment)
        port = program.port()
        assert get(port, "/v1/models")[0] == 401
        assert get(port, "/v1/models", authorization="Bearer wrong")[0] == 401
        assert get(port, "/v1/models", authorization=f"Bearer {KEY}")[0] == 200
        asked = user.run("-m", "tests.server.fake_server", "ask", "hello")
        assert (asked.returncode, asked.stdout.startswith("You said: hello")) == (0, True), asked.stderr
        assert shown(program.process.pid, home) == []
        _, out, err = program.stop()
        assert "Clients must send the access key that is stored on this computer." in err
        assert KEY not in out + err + asked.stdout + asked.stderr


def test_a_key_in_the_keyring_is_not_required_unless_configured(start: Start, home: Path) -> None:
    with session(home, password="opens") as user:
        store(user)
        program = start("serve", "--port", str(free_port()), **user.environment)
        assert get(program.port(), "/v1/models")[0] == 200
        program.stop()


def test_behind_a_locked_keyring_nothing_is_served(start: Start, home: Path) -> None:
    require(home)
    with session(home, password="opens") as user:
        store(user)
    with session(home, password="does not") as user:
        code, out, err = start("serve", "--port", str(free_port()), **user.environment).end()
    assert (code, out) == (1, "")
    assert "The required access key cannot be read: An access key is required, and it cannot be read." in err
    assert "The keyring is locked. Unlock the keyring and start again." in err


def test_without_a_keyring_nothing_is_served_either_but_a_given_key_helps(start: Start, home: Path) -> None:
    require(home)
    code, _, err = start("serve", "--port", str(free_port())).end()
    assert code == 1
    assert "DRAWBRIDGE_API_KEY" in err
    port = start("serve", "--port", str(free_port()), DRAWBRIDGE_API_KEY=KEY).port()
    assert (get(port, "/v1/models")[0], get(port, "/v1/models", authorization=f"Bearer {KEY}")[0]) == (401, 200)


def test_the_key_in_the_file_is_required(start: Start, home: Path) -> None:
    require(home)
    Keychain(find_folders().config).store(KEY, allow_file=True)
    port = start("serve", "--port", str(free_port())).port()
    assert (get(port, "/v1/models")[0], get(port, "/v1/models", authorization=f"Bearer {KEY}")[0]) == (401, 200)


def test_doctor_shows_where_the_key_is_and_never_the_key(home: Path, capsys: Captured) -> None:
    run(["doctor", "--json"])
    found = findings(capsys)["keyring"]
    assert found[0] == "note"
    assert "is unknown" in found[1]
    keychain = Keychain(find_folders().config)
    keychain.store(KEY, allow_file=True)
    run(["doctor", "--json"])
    assert f"the access key is in {str(keychain.file)!r}" in findings(capsys)["keyring"][1]
    require(home)
    run(["doctor", "--json"])
    assert findings(capsys)["keyring"][1].endswith("and required")
    keychain.remove()
    run(["doctor", "--json"])
    out = capsys.readouterr().out
    assert KEY not in out
    assert "An access key is required, and it cannot be read." in out


def test_a_doctor_names_the_keyring_that_works(home: Path) -> None:
    with session(home, password="opens") as user:
        store(user)
        done = user.run("-c", "from server.commands.root import run; run(['doctor'])")
    assert "works (SecretService.Keyring); the access key is in it" in done.stdout
    assert KEY not in done.stdout + done.stderr
