"""Where the access key lies: in a real gnome-keyring in each of its moods, and in a file where there is none."""

import json
import logging
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import keyring.errors
import pytest

from server.config import Config
from server.errors import DrawbridgeError, KeyringLocked, KeyringMissing, KeyUnreadable
from server.machine.keychain import Keychain, StoredKey, new_key, resolve_key
from tests.server.machine.vault import Session, no_session, session, virtual_display

KEY = "db-not-to-be-seen-anywhere"


class Box:
    """A keyring in memory. `fault` is raised by each call; `gate`, where it is set, is waited for."""

    def __init__(self, *, fault: Exception | None = None) -> None:
        self.entries: dict[tuple[str, str], str] = {}
        self.fault = fault
        self.gate: threading.Event | None = None
        self.calls = 0

    def _come(self) -> None:
        self.calls += 1
        if self.gate is not None:
            self.gate.wait(60)
        if self.fault is not None:
            raise self.fault

    def get_password(self, service: str, username: str) -> str | None:
        self._come()
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._come()
        self.entries[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._come()
        del self.entries[service, username]


def chain(folder: Path, box: Box, *, deadline_s: float = 20) -> Keychain:
    return Keychain(folder, deadline_s=deadline_s, backend=lambda: box)


@pytest.fixture
def stuck() -> Iterator[Box]:
    """A keyring that waits for its owner."""
    box = Box()
    box.gate = threading.Event()
    yield box
    box.gate.set()


# With a keyring in memory: what is decided here and not there.


def test_a_key_is_kept_found_replaced_and_removed(tmp_path: Path) -> None:
    box = Box()
    keychain = chain(tmp_path, box)
    assert keychain.find() is None
    assert keychain.store("one", allow_file=False) == "keyring"
    assert keychain.store("two", allow_file=False) == "keyring"
    assert keychain.find() == StoredKey("two", "keyring")
    assert box.entries == {("Drawbridge", "access key"): "two"}
    keychain.remove()
    keychain.remove()
    assert (keychain.find(), box.entries) == (None, {})
    assert list(tmp_path.iterdir()) == []


def test_a_probe_is_a_round_trip_without_traces(tmp_path: Path) -> None:
    box = Box()
    assert chain(tmp_path, box).probe() == "keyring"
    assert (box.calls, box.entries) == (3, {})


def test_a_keyring_that_forgets_is_none(tmp_path: Path) -> None:
    class Forgetful(Box):
        def get_password(self, service: str, username: str) -> str | None:
            return None

    assert chain(tmp_path, Forgetful()).probe() == "none"


FAULTS = [
    (keyring.errors.KeyringLocked("no"), "locked", KeyringLocked),
    (keyring.errors.NoKeyringError("no"), "none", KeyringMissing),
    (keyring.errors.InitError("dismissed"), "none", KeyringMissing),
    (RuntimeError("jeepney says\nso much"), "none", KeyringMissing),
]


@pytest.mark.parametrize(("fault", "state", "error"), FAULTS)
def test_whatever_a_keyring_raises_is_one_of_two_things(
    tmp_path: Path, fault: Exception, state: str, error: type[DrawbridgeError]
) -> None:
    keychain = chain(tmp_path, Box(fault=fault))
    assert keychain.probe() == state
    for call in (keychain.find, keychain.remove, lambda: keychain.store(KEY, allow_file=False)):
        with pytest.raises(error) as caught:
            call()
        assert caught.value.hint
        assert "\n" not in str(caught.value)


def test_a_keyring_that_does_not_answer_is_abandoned_at_the_deadline(tmp_path: Path, stuck: Box) -> None:
    with pytest.raises(KeyringLocked, match="may be waiting for a password"):
        chain(tmp_path, stuck, deadline_s=0.05).find()


def test_there_is_never_a_second_question_on_the_screen(tmp_path: Path, stuck: Box) -> None:
    keychain = chain(tmp_path, stuck, deadline_s=0.05)
    assert [keychain.probe() for _ in range(4)] == ["locked"] * 4
    assert stuck.calls == 1


def test_once_the_keyring_is_unlocked_it_answers_again(tmp_path: Path, stuck: Box) -> None:
    keychain = chain(tmp_path, stuck, deadline_s=3)
    assert keychain.probe() == "locked"
    assert stuck.gate is not None
    stuck.gate.set()
    assert keychain.store(KEY, allow_file=False) == "keyring"


def test_without_a_keyring_a_file_needs_consent_and_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    keychain = chain(folder, Box(fault=keyring.errors.NoKeyringError("none")))
    with pytest.raises(KeyringMissing):
        keychain.store(KEY, allow_file=False)
    assert not folder.exists()
    assert keychain.store(KEY, allow_file=True) == "file"
    assert keychain.find() == StoredKey(KEY, "file")
    if os.name == "posix":
        assert stat.S_IMODE(keychain.file.stat().st_mode) == 0o600
    assert keychain.store("another", allow_file=False) == "file", "leave was given once"
    keychain.remove()
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="Windows has no such rights")
def test_a_key_file_readable_for_others_is_made_private_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    keychain = chain(tmp_path, Box())
    keychain.file.write_text(KEY)
    keychain.file.chmod(0o644)
    assert keychain.find() == StoredKey(KEY, "file")
    assert stat.S_IMODE(keychain.file.stat().st_mode) == 0o600
    assert "was readable for other users" in caplog.text


def test_a_locked_keyring_is_no_reason_for_a_file(tmp_path: Path) -> None:
    keychain = chain(tmp_path, Box(fault=keyring.errors.KeyringLocked("no")))
    with pytest.raises(KeyringLocked):
        keychain.store(KEY, allow_file=True)
    assert list(tmp_path.iterdir()) == []


def test_the_file_goes_when_a_keyring_has_come(tmp_path: Path) -> None:
    box = Box(fault=keyring.errors.NoKeyringError("none"))
    keychain = chain(tmp_path, box)
    keychain.store("old", allow_file=True)
    box.fault = None
    assert keychain.find() == StoredKey("old", "file")
    assert keychain.store("new", allow_file=False) == "keyring"
    assert list(tmp_path.iterdir()) == []
    assert keychain.find() == StoredKey("new", "keyring")


def test_a_key_is_32_random_bytes_that_need_no_quoting() -> None:
    keys = {new_key() for _ in range(50)}
    assert len(keys) == 50
    assert all(
        key.startswith("db-") and len(key) == 46 and key.replace("-", "").replace("_", "").isalnum() for key in keys
    )


def test_a_key_is_not_in_its_repr() -> None:
    assert KEY not in repr(StoredKey(KEY, "keyring"))


# What a server asks for.


def test_a_given_key_comes_before_the_stored_one_and_asks_no_keyring(tmp_path: Path, stuck: Box) -> None:
    config = Config(api_key="given", require_key=True)
    assert resolve_key(config, chain(tmp_path, stuck)) == "given"


def test_a_stored_key_that_is_not_required_is_not_even_looked_for(tmp_path: Path, stuck: Box) -> None:
    assert resolve_key(Config(), chain(tmp_path, stuck)) is None


OPEN = [Config(require_key=True), Config(reach="lan"), Config(host="0.0.0.0")]


@pytest.mark.parametrize("config", OPEN)
def test_the_stored_key_is_required_if_configured_and_if_other_devices_can_connect(
    tmp_path: Path, config: Config
) -> None:
    keychain = chain(tmp_path, Box())
    keychain.store(KEY, allow_file=False)
    assert resolve_key(config, keychain) == KEY


@pytest.mark.parametrize("config", OPEN)
def test_a_locked_key_prevents_the_start_with_a_hint(tmp_path: Path, config: Config) -> None:
    with pytest.raises(KeyUnreadable) as caught:
        resolve_key(config, chain(tmp_path, Box(fault=keyring.errors.KeyringLocked("no"))))
    assert "The keyring is locked. Unlock the keyring and start again." in str(caught.value)


@pytest.mark.parametrize("fault", [None, keyring.errors.NoKeyringError("none")])
def test_a_required_key_that_is_not_there_means_do_not_start(tmp_path: Path, fault: Exception | None) -> None:
    keychain = chain(tmp_path, Box(fault=fault))
    with pytest.raises(KeyUnreadable, match="DRAWBRIDGE_API_KEY"):
        resolve_key(Config(require_key=True), keychain)
    assert resolve_key(Config(host="0.0.0.0"), keychain) is None


# With the real gnome-keyring, each time in programs of their own, as after a restart.

PROGRAM = """
import json, logging, sys
from pathlib import Path
from server.machine.keychain import Keychain
logging.basicConfig(level=logging.DEBUG)
folder, deadline_s, key = sys.stdin.read().split()
keychain = Keychain(Path(folder), deadline_s=float(deadline_s))
for word in sys.argv[1:]:
    try:
        result = keychain.store(key, allow_file=word == "store-file") if "store" in word else getattr(keychain, word)()
    except Exception as error:
        result = type(error).__name__
    found = [result.place, result.key == key] if hasattr(result, "place") else result
    print(json.dumps(found))
"""


def play(user: Session, *words: str, deadline_s: float = 20) -> list[object]:
    """What the calls gave, in a program of their own; the key goes in by its stdin, and must come out nowhere."""
    done = user.run("-c", PROGRAM, *words, text=f"{user.home}/config {deadline_s} {KEY}")
    assert done.returncode == 0, done.stderr
    assert KEY not in done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def leaks(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


def test_an_unlocked_keyring_keeps_the_key_over_a_restart_and_no_file_shows_it(tmp_path: Path) -> None:
    with session(tmp_path, password="opens") as user:
        assert play(user, "probe", "name", "find", "store") == ["keyring", "SecretService.Keyring", None, "keyring"]
    with session(tmp_path, password="opens") as user:
        assert play(user, "find") == [["keyring", True]]
        assert leaks(tmp_path) == []
        assert play(user, "remove", "find", "probe") == [None, None, "keyring"]


def test_a_locked_keyring_without_a_display_is_reported(tmp_path: Path) -> None:
    with session(tmp_path, password="opens") as user:
        play(user, "store")
    with session(tmp_path, password="does not") as user:
        locked = "KeyringLocked"
        assert play(user, "probe", "find", "store-file", "remove") == ["locked", locked, locked, locked]
    with session(tmp_path, password="opens") as user:
        assert play(user, "find") == [["keyring", True]]


def test_a_locked_keyring_that_asks_on_the_screen_is_not_waited_for(tmp_path: Path) -> None:
    """With a display it waits for the user's password, possibly for ever."""
    with session(tmp_path, password="opens") as user:
        play(user, "store")
    with virtual_display() as display, session(tmp_path, password="does not", display=display) as user:
        assert play(user, "probe", "find", deadline_s=1) == ["locked", "KeyringAsking"]


def test_without_a_bus_there_is_no_keyring(tmp_path: Path) -> None:
    with no_session(tmp_path) as user:
        assert play(user, "probe", "find", "store", "store-file", "find") == [
            *("none", "KeyringMissing", "KeyringMissing", "file"),
            ["file", True],
        ]
        assert leaks(tmp_path) == [tmp_path / "config" / "access-key"]


def test_a_bus_without_a_keyring_is_none_too(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with session(tmp_path) as user:
        assert play(user, "probe", "store")[0] in {"none", "locked"}
    assert leaks(tmp_path) == []
