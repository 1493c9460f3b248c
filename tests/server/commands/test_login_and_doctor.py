"""`login` and `doctor` with a small script in the place of Claude Code."""

import json
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.commands.root import run
from server.machine.files.paths import find_folders
from server.machine.instance import Instance, claim
from server.selfcheck.capabilities import Capability, fingerprint_of
from server.selfcheck.capabilities import CheckResult as SeenVerdict
from server.selfcheck.capabilities import ProbeResult as SeenCapability
from server.selfcheck.store import STORE_FILE, ResultStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the script is a shell's")
Captured = pytest.CaptureFixture[str]
MakeCli = Callable[..., Path]


@pytest.fixture
def cli(home: Path) -> MakeCli:
    """Makes a claude that answers `auth status` with `status`, and notes how its sign-in was called."""

    def make(*, status: dict[str, object] | None = None, version: str = "9.9.9", code: int = 0) -> Path:
        answer = json.dumps(status or {"loggedIn": True, "authMethod": "claude.ai", "subscriptionType": "max"})
        path = home / "bin" / "claude"
        path.parent.mkdir(exist_ok=True)
        path.write_text(
            f"""#!/bin/sh
case "$*" in
    --version) echo "{version} (Claude Code)" ;;
    "auth status") echo '{answer}' ;;
    *) echo "$@" > {home}/called; env > {home}/environment; echo "signing in"; exit {code} ;;
esac
"""
        )
        path.chmod(0o755)
        return path

    return make


def findings(capsys: Captured) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["verdict"], row["words"]) for row in json.loads(capsys.readouterr().out)}


def doctor(*arguments: str) -> int:
    return run(["doctor", "--json", "--port", str(_free_port()), *arguments])


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_login_is_claude_codes_own_and_its_terminal_is_ours(
    cli: MakeCli, home: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", "sesame")
    monkeypatch.setenv("CLAUDECODE", "1")
    assert run(["login", "--cli-path", str(cli())]) == 0
    assert (home / "called").read_text() == "auth login\n"
    assert capfd.readouterr().out == "signing in\n"
    environment = (home / "environment").read_text()
    assert "sesame" not in environment
    assert "CLAUDECODE" not in environment


@pytest.mark.parametrize("flag", ["--claudeai", "--console"])
def test_the_payer_can_be_chosen_at_login(cli: MakeCli, home: Path, flag: str) -> None:
    assert run(["login", flag, "--cli-path", str(cli())]) == 0
    assert (home / "called").read_text() == f"auth login {flag}\n"


def test_a_login_that_fails_is_exit_code_1(cli: MakeCli, capsys: Captured) -> None:
    assert run(["login", "--cli-path", str(cli(code=3))]) == 1
    assert "ended with code 3" in capsys.readouterr().err


def test_the_variable_of_the_cli_counts_for_login_and_doctor(
    cli: MakeCli, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    path = cli()
    monkeypatch.setenv("CLAUDE_CLI_PATH", str(path))
    assert run(["login"]) == 0
    assert (home / "called").exists()
    capsys.readouterr()
    doctor()
    assert findings(capsys)["Claude Code"] == ("ok", f"9.9.9 {path} (named in the settings)")


@pytest.mark.parametrize("command", ["login", "doctor"])
def test_a_missing_cli_is_reported(home: Path, capsys: Captured, command: str) -> None:
    assert run([command, "--cli-path", str(home / "none")]) == 1
    captured = capsys.readouterr()
    assert "There is no Claude Code at" in captured.out + captured.err


def test_doctor_exits_with_0_if_nothing_is_missing(cli: MakeCli, capsys: Captured) -> None:
    assert doctor("--cli-path", str(cli())) == 0
    found = findings(capsys)
    assert found["account"] == ("ok", "on the Claude Max plan (plan)")
    assert {found[name][0] for name in ("settings", "Claude Code", "data folder", "log folder", "port")} == {"ok"}
    assert found["tray"][0] in {"ok", "note"}
    assert "keyring" in found
    assert not find_folders().data.exists(), "looking makes nothing"


def test_doctor_names_a_variable_that_points_at_drawbridge_itself(
    cli: MakeCli, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = _free_port()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://localhost:{port}/")
    run(["doctor", "--json", "--port", str(port), "--cli-path", str(cli())])
    level, text = findings(capsys)["environment"]
    assert level == "note"
    assert text.startswith("ANTHROPIC_BASE_URL points at Drawbridge itself.")


def test_a_doctor_tells_what_the_self_check_found(cli: MakeCli, capsys: Captured) -> None:
    path = cli()
    doctor("--cli-path", str(path))
    assert findings(capsys)["self-check"][0] == "note"
    store = ResultStore(find_folders().data / STORE_FILE)
    seen = tuple(SeenCapability(one, holds=True) for one in Capability)
    store.save(SeenVerdict(fingerprint_of(path, "9.9.9"), seen))
    assert doctor("--cli-path", str(path)) == 0
    assert findings(capsys)["self-check"] == ("ok", "this Claude Code passed")
    without = tuple(SeenCapability(one, one is not Capability.RESET, "it came again") for one in Capability)
    store.save(SeenVerdict(fingerprint_of(path, "9.9.9"), without))
    assert doctor("--cli-path", str(path)) == 0
    verdict, words = findings(capsys)["self-check"]
    assert (verdict, Capability.RESET.value in words) == ("note", True)


def test_being_signed_out_is_missing_but_not_in_a_demo(cli: MakeCli, capsys: Captured) -> None:
    path = str(cli(status={"loggedIn": False}))
    assert doctor("--cli-path", path) == 1
    assert findings(capsys)["account"][0] == "MISSING"
    assert doctor("--cli-path", path, "--demo") == 0
    assert findings(capsys)["account"][0] == "note"


def test_a_cli_that_does_not_say_its_version_is_missing(cli: MakeCli, capsys: Captured) -> None:
    path = cli()
    path.write_text("not a program")
    path.chmod(0o644)
    assert doctor("--cli-path", str(path)) == 1
    assert findings(capsys)["Claude Code"][0] == "MISSING"


def test_a_broken_settings_file_is_found_first(cli: MakeCli, settings: Callable[[str], None], capsys: Captured) -> None:
    settings("port = = 1")
    assert doctor("--cli-path", str(cli())) == 1
    assert "Line 1" in findings(capsys)["settings"][1]


def test_an_unknown_setting_is_a_note(cli: MakeCli, settings: Callable[[str], None], capsys: Captured) -> None:
    settings("colour = 1")
    assert doctor("--cli-path", str(cli())) == 0
    assert findings(capsys)["settings"][0] == "note"


@pytest.mark.parametrize(("strict", "outcome"), [("false", "means the default model"), ("true", "is refused")])
def test_an_alias_for_a_model_that_claude_does_not_have_is_a_note(
    cli: MakeCli, settings: Callable[[str], None], capsys: Captured, strict: str, outcome: str
) -> None:
    settings(f'strict_models = {strict}\n[aliases]\nquick = "hiaku"\nfast = "haiku"\nold = "claude-opus-4-1"\n')
    assert doctor("--cli-path", str(cli())) == 0
    verdict, text = findings(capsys)["aliases"]
    shown = "quick = hiaku, fast = haiku, old = claude-opus-4-1"
    assert (verdict, text) == ("note", f"{shown}; quick {outcome}, because Claude has no model 'hiaku'")


def test_a_setting_for_a_model_that_claude_does_not_have_is_a_note(
    cli: MakeCli, settings: Callable[[str], None], capsys: Captured
) -> None:
    names = ("model", "fallback_model", "housekeeping_model")
    settings("".join(f'{name} = "hiaku"\n' for name in names))
    assert doctor("--cli-path", str(cli())) == 0
    found = findings(capsys)
    assert [found[name] for name in names] == [("note", "Claude has no model 'hiaku'")] * 3
    settings(
        'model = "default"\nfallback_model = "opus-high"\nhousekeeping_model = "fast"\n[aliases]\nfast = "haiku"\n'
    )
    assert doctor("--cli-path", str(cli())) == 0
    assert not {*names} & {*findings(capsys)}


@pytest.mark.parametrize(("flag", "name"), [("--data-dir", "data folder"), ("--log-dir", "log folder")])
def test_a_folder_that_cannot_be_written_is_missing(
    cli: MakeCli, home: Path, capsys: Captured, flag: str, name: str
) -> None:
    (home / "file").write_text("")
    assert doctor("--cli-path", str(cli()), flag, str(home / "file" / "x")) == 1
    assert findings(capsys)[name][0] == "MISSING"


def test_a_configured_port_that_is_taken_is_missing(cli: MakeCli, capsys: Captured) -> None:
    path = str(cli())
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert run(["doctor", "--json", "--cli-path", path, "--port", port]) == 1
        verdict, words = findings(capsys)["port"]
        assert (verdict, f"(pid {os.getpid()})" in words) == ("MISSING", True)


def test_a_running_server_explains_its_port(cli: MakeCli, capsys: Captured) -> None:
    folders = find_folders()
    folders.make()
    with claim(folders.data) as claimed:
        claimed.publish(Instance(5, "127.0.0.1", 1, "t", "1", "http://127.0.0.1:1/v1"))
        assert doctor("--cli-path", str(cli())) == 0
    assert findings(capsys)["port"] == ("ok", "Drawbridge is running at http://127.0.0.1:1/v1 (pid 5)")


def test_for_people_it_is_a_table(cli: MakeCli, capsys: Captured) -> None:
    assert run(["doctor", "--cli-path", str(cli(status={"loggedIn": False})), "--port", str(_free_port())]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith("MISSING account ") and "drawbridge login" in line for line in lines)
    assert any(line.startswith("ok      Claude Code ") for line in lines)
