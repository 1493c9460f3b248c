from pathlib import Path
from typing import NoReturn

import pytest

from server.commands.root import run
from server.errors import KeyringMissing
from server.machine import keychain
from server.machine.files.paths import find_folders
from server.machine.keychain import Keychain


class Memory:
    """A keyring in memory."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[(service, username)] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[(service, username)]


@pytest.fixture
def memory(home: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    memory = Memory()
    monkeypatch.setattr(keychain, "system_keyring", lambda: memory)
    return memory


def test_what_removes_drawbridge_has_its_key_removed(memory: Memory) -> None:
    Keychain(find_folders().config).store("db-secret", allow_file=False)
    memory.kept["another program", "x"] = "its own"
    assert run(["forget-key"]) == 0
    assert memory.kept == {("another program", "x"): "its own"}
    assert run(["forget-key"]) == 0


def test_a_key_in_a_file_is_removed_too(memory: Memory) -> None:
    file = Keychain(find_folders().config).file
    file.parent.mkdir(parents=True)
    file.write_text("db-secret\n")
    assert run(["forget-key"]) == 0
    assert not file.exists()


def test_an_unreachable_keyring_is_reported(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nowhere() -> NoReturn:
        raise KeyringMissing

    monkeypatch.setattr(keychain, "system_keyring", nowhere)
    assert run(["forget-key"]) == 1
    assert "keyring" in capsys.readouterr().err
