import json
import re
from pathlib import Path

import pytest

from server.commands.root import run
from server.keys.key_book import KeyBook
from server.keys.key_file import FILE_NAME
from server.machine.files.paths import find_folders

pytestmark = pytest.mark.usefixtures("home")


def book() -> KeyBook:
    return KeyBook(find_folders().config)


def test_a_key_is_printed_alone_once_and_works(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "add", "Talon"]) == 0
    shown = capsys.readouterr()
    assert re.fullmatch(r"db-[0-9a-f]{10}-[\w-]{43}\n", shown.out)
    assert "shown only now" in shown.err
    found = book().find(shown.out.strip())
    assert found is not None
    assert found.name == "Talon"
    for arguments in (["keys"], ["keys", "list"], ["keys", "list", "--json"], ["doctor", "--json"]):
        run(arguments)
    assert shown.out.strip() not in "".join(capsys.readouterr())


def test_rights_are_set_listed_and_taken_back(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "--model",
        "haiku",
        "--model",
        "claude-opus-*",
        "--listener",
        "lan",
        "--requests",
        "20",
        "--tokens",
        "50000",
    ]
    assert run(["keys", "add", "Open WebUI", *arguments, "--agent", "--projects"]) == 0
    capsys.readouterr()
    assert run(["keys", "list", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row.pop("created_at") > 0
    assert row == {
        "name": "Open WebUI",
        "listeners": ["lan"],
        "models": ["haiku", "claude-opus-*"],
        "agent": True,
        "projects": True,
        "requests_per_minute": 20,
        "tokens_per_minute": 50000,
    }
    assert run(["keys", "set", "open webui", "--requests", "0", "--model", "*", "--no-agent", "--no-projects"]) == 0
    shown = capsys.readouterr().out.splitlines()[1]
    assert re.split(r"  +", shown)[2:] == ["lan", "all", "no", "no", "no limit", "50,000"]


def test_a_key_is_renamed_and_revoked(capsys: pytest.CaptureFixture[str]) -> None:
    run(["keys", "add", "Talon"])
    key = capsys.readouterr().out.strip()
    assert run(["keys", "rename", "talon", "Voice"]) == 0
    assert (found := book().find(key)) is not None
    assert found.name == "Voice"
    assert run(["keys", "revoke", "Voice"]) == 0
    assert "can also connect without its key" in capsys.readouterr().err
    assert book().find(key) is None
    assert run(["keys"]) == 0
    assert "No app has a key" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["revoke", "Nothing"], "no key with the name 'Nothing'"),
        (["rename", "Nothing", "x"], "no key with the name"),
        (["set", "Nothing", "--agent"], "no key with the name"),
        (["add", "Talon"], "a key with the name 'Talon' already"),
        (["add", " "], "1 to 40 printable characters"),
        (["add", "x", "--requests", "-1"], "--requests"),
        (["add", "x", "--listener", "attic"], "--listener"),
    ],
)
def test_what_is_wrong_is_said(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    book().add("Talon")
    assert run(["keys", *arguments]) != 0
    assert words in capsys.readouterr().err
    assert [key.name for key in book().listed()] == ["Talon"]


def test_connect_shows_a_new_key_of_the_clients_own(capsys: pytest.CaptureFixture[str]) -> None:
    keys = []
    for _ in range(2):
        assert run(["connect", "--new-key", "--json", "cline"]) == 0
        shown = capsys.readouterr()
        found = json.loads(shown.out)
        keys.append(found["key"])
        assert found["key"] in found["text"]
        assert "shown only now" in shown.err
    assert [getattr(book().find(key), "name", "") for key in keys] == ["Cline", "Cline 2"]


def test_all_keys_go_with_the_uninstaller_even_if_the_file_is_broken(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path(find_folders().config, FILE_NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("{")
    assert run(["keys"]) == 1
    assert "was damaged" in capsys.readouterr().err
    book().add("Talon")
    run(["forget-key"])
    assert list(path.parent.glob(FILE_NAME)) == []
