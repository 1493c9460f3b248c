"""`drawbridge embeddings-key`, and what `drawbridge doctor` says of embeddings."""

import io
import json
import stat
import sys
from collections.abc import Callable

import pytest

from server.commands.root import run
from server.embeddings import install
from server.errors import KeyringMissing
from server.machine import keychain
from server.machine.files.paths import find_folders
from server.machine.keychain import EMBEDDINGS_KEY, Keychain
from tests.ports import free_port
from tests.server.commands.test_forget_key import Memory, memory

__all__ = ["memory"]

Captured = pytest.CaptureFixture[str]
Monkey = pytest.MonkeyPatch


def piped(monkeypatch: Monkey, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_a_piped_key_is_stored_beside_the_access_key_and_removed(
    memory: Memory, monkeypatch: Monkey, capsys: Captured
) -> None:
    access = Keychain(find_folders().config)
    access.store("db-secret", allow_file=False)
    piped(monkeypatch, " sk-other\n")
    assert run(["embeddings-key"]) == 0
    found = Keychain(find_folders().config, EMBEDDINGS_KEY).find()
    assert found is not None
    assert found.key == "sk-other"
    printed = capsys.readouterr()
    assert "in the keyring" in printed.err
    assert "sk-other" not in printed.out + printed.err
    assert run(["embeddings-key", "--remove"]) == 0
    assert Keychain(find_folders().config, EMBEDDINGS_KEY).find() is None
    kept = access.find()
    assert kept is not None
    assert kept.key == "db-secret"


def test_a_typed_key_is_not_shown(memory: Memory, monkeypatch: Monkey) -> None:
    hidden: list[bool] = []

    def prompt(_: str, *, hide_input: bool, err: bool) -> str:
        hidden.append(hide_input and err)
        return "sk-typed"

    piped(monkeypatch, "")
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("click.prompt", prompt)
    assert run(["embeddings-key"]) == 0
    assert (list(memory.kept.values()), hidden) == (["sk-typed"], [True])


@pytest.mark.parametrize("text", ["", " \n"])
def test_without_a_key_nothing_is_stored(memory: Memory, monkeypatch: Monkey, capsys: Captured, text: str) -> None:
    piped(monkeypatch, text)
    assert run(["embeddings-key"]) == 2
    assert "No key given" in capsys.readouterr().err
    assert memory.kept == {}


@pytest.mark.usefixtures("home")
def test_without_a_keyring_it_goes_into_a_private_file_only_if_that_is_wanted(
    monkeypatch: Monkey, capsys: Captured
) -> None:
    def nowhere() -> None:
        raise KeyringMissing

    monkeypatch.setattr(keychain, "system_keyring", nowhere)
    file = Keychain(find_folders().config, EMBEDDINGS_KEY).file
    piped(monkeypatch, "sk-other")
    assert run(["embeddings-key"]) == 1
    assert not file.exists()
    piped(monkeypatch, "sk-other")
    assert run(["embeddings-key", "--file"]) == 0
    assert file.read_text().strip() == "sk-other"
    assert sys.platform == "win32" or stat.S_IMODE(file.stat().st_mode) == 0o600
    assert repr(str(file)) in capsys.readouterr().err


def doctors(capsys: Captured) -> tuple[str, str]:
    run(["doctor", "--json", "--port", str(free_port())])
    (row,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "embeddings")
    return row["verdict"], row["words"]


@pytest.mark.usefixtures("home")
def test_doctor_names_what_computes_embeddings(
    settings: Callable[[str], None], monkeypatch: Monkey, capsys: Captured
) -> None:
    assert doctors(capsys) == ("ok", f"by the local model ({install.PACKAGE})")
    monkeypatch.setattr(install, "_MODULE", "no_such_package")
    verdict, text = doctors(capsys)
    assert (verdict, text.startswith("not installed. "), "--extra embeddings" in text) == ("note", True, True)
    settings('embeddings_url = "http://user:secret@127.0.0.1:11434/v1?key=secret"')
    assert doctors(capsys) == ("ok", "by http://127.0.0.1:11434")
