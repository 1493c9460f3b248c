"""`connect` for a running server, for one that requires a key, and without any."""

import json
import sys
from pathlib import Path

import pytest

from server.commands.root import run
from server.connect.clients import CLIENTS
from server.connect.instructions import MISSING_KEY
from server.machine.files.paths import find_folders
from server.machine.keychain import Keychain
from tests.ports import free_port
from tests.server.commands.conftest import Start
from tests.server.connect.pages import client_pages

Captured = pytest.CaptureFixture[str]
KEY = "db-not-for-the-log"


def test_alone_it_lists_the_clients(home: Path, capsys: Captured) -> None:
    assert run(["connect"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[: len(CLIENTS)]] == list(CLIENTS)
    assert run(["connect", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)) == list(CLIENTS)


def test_without_a_server_it_prints_the_manuals_page(home: Path, capsys: Captured) -> None:
    """Every page: the settings are the default ones here."""
    for path, text in client_pages():
        assert run(["connect", path.stem]) == 0
        captured = capsys.readouterr()
        if sys.platform != "win32":
            assert captured.out == text
        assert "No server is running" in captured.err


def test_it_names_the_running_servers_port_and_model(start: Start, capsys: Captured) -> None:
    port = free_port()
    program = start("serve", "--port", str(port), "--model", "haiku")
    program.port()
    assert run(["connect", "Open", "WebUI"]) == 0
    captured = capsys.readouterr()
    assert f"URL: http://127.0.0.1:{port}/v1\n" in captured.out
    assert captured.err == ""
    assert run(["connect", "codex", "--paste"]) == 0
    assert capsys.readouterr().out.startswith('model = "haiku"\n')
    assert run(["connect", "codex", "--paste", "--model", "opus"]) == 0
    assert capsys.readouterr().out.startswith('model = "opus"\n')


def test_programs_get_the_values_and_the_lines(start: Start, capsys: Captured) -> None:
    port = start("serve", "--port", str(free_port())).port()
    assert run(["connect", "curl", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["client"], found["title"], found["running"]) == ("curl", "curl", True)
    assert (found["base_url"], found["model"]) == (f"http://127.0.0.1:{port}/v1", "sonnet")
    assert (found["key_required"], found["key"], found["key_source"]) == (False, None, None)
    assert found["snippets"][0]["language"] == "sh"
    assert found["snippets"][0]["text"] in found["text"]


def test_a_required_key_is_shown_with_its_source(
    start: Start, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    program = start("serve", "--port", str(free_port()), "--log-level", "debug", DRAWBRIDGE_API_KEY=KEY)
    program.port()
    # The shell of the user does not have the key of the server.
    assert run(["connect", "cline"]) == 0
    captured = capsys.readouterr()
    assert f"API Key: {MISSING_KEY}" in captured.out
    assert "An access key is required, and " in captured.err
    _store_in_a_file()
    assert_shown(capsys, "a private file in the settings folder")
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", KEY)
    assert_shown(capsys, "the variable")
    _, out, err = program.stop()
    assert KEY not in out + err
    logs = find_folders().logs
    assert KEY not in "".join(path.read_text() for path in logs.rglob("*.log*"))


def assert_shown(capsys: Captured, source: str) -> None:
    """The command shows the key among the lines only, and says where it is from."""
    assert run(["connect", "cline"]) == 0
    captured = capsys.readouterr()
    assert f"API Key: {KEY}\n" in captured.out
    assert source in captured.err
    assert KEY not in captured.err
    assert run(["connect", "cline", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["key_required"], found["key"], found["key_source"]) == (True, KEY, source)


def _store_in_a_file() -> None:
    file = Keychain(find_folders().config).file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(KEY)
    file.chmod(0o600)


def test_an_unknown_client_is_an_error_with_a_suggestion(home: Path, capsys: Captured) -> None:
    assert run(["connect", "codx"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Did you mean codex?" in captured.err
