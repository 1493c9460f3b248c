"""Which CLI is taken, and whose account it says it uses: asked of the real one."""

import asyncio
import json
import time
from pathlib import Path

import pytest

from server.claude.cli.locate import account_status, bundled_cli, cli_version, find_cli
from server.errors import CliFailed, CliMissing


def program(path: Path, text: str = "#!/bin/sh\nexit 0\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def environment(home: Path, **more: str) -> dict[str, str]:
    home.mkdir(exist_ok=True)
    return {"HOME": str(home), "PATH": "/usr/bin:/bin", **more}


def test_the_one_named_in_the_settings_comes_first(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine")
    assert find_cli(mine, environment(tmp_path)) == mine.resolve()


def test_a_named_one_that_is_not_there_is_never_passed_over(tmp_path: Path) -> None:
    with pytest.raises(CliMissing, match="nowhere"):
        find_cli(tmp_path / "nowhere", environment(tmp_path))


def test_the_bundled_one_comes_before_the_path(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "claude")
    assert find_cli(None, environment(tmp_path, PATH=str(tmp_path / "bin"))) == bundled_cli()


def test_without_a_bundled_one_the_path_and_then_known_folders_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.claude.cli.locate.bundled_cli", lambda: None)
    home = tmp_path / "home"
    known = program(home / ".claude" / "local" / "claude")
    assert find_cli(None, environment(home)) == known
    on_path = program(tmp_path / "bin" / "claude")
    assert find_cli(None, environment(home, PATH=str(tmp_path / "bin"))) == on_path


def test_a_script_that_windows_would_run_through_its_shell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliMissing, match=r"cmd\.exe"):
        find_cli(program(tmp_path / "claude.cmd"), environment(tmp_path))


async def test_the_bundled_one_tells_its_version(tmp_path: Path) -> None:
    cli = bundled_cli()
    assert cli is not None
    version = await cli_version(cli, environment(tmp_path))
    assert [part.isdigit() for part in version.split(".")] == [True] * 3


async def test_one_that_cannot_be_run_says_so(tmp_path: Path) -> None:
    text = tmp_path / "claude"
    text.write_text("not a program")
    with pytest.raises(CliFailed):
        await cli_version(text, environment(tmp_path))


async def test_its_last_words_say_why_it_does_not_run(tmp_path: Path) -> None:
    cli = program(tmp_path / "claude", "#!/bin/sh\necho first >&2; echo 'GLIBC_9 is missing' >&2; exit 3\n")
    with pytest.raises(CliFailed, match="ended with code 3 and said: 'GLIBC_9 is missing'"):
        await cli_version(cli, environment(tmp_path))


async def test_whoever_keeps_its_pipes_is_not_waited_for_when_the_asker_leaves(tmp_path: Path) -> None:
    """Nor is anything of it left that would complain when the loop is gone."""
    cli = program(tmp_path / "claude", '#!/bin/sh\ntouch "$HOME/up"\nsleep 5 &\nsleep 5\n')
    asking = asyncio.create_task(cli_version(cli, environment(tmp_path)))
    while not (tmp_path / "up").exists():
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


PAYERS = [
    ({}, False, "nobody"),
    ({"ANTHROPIC_API_KEY": "k"}, True, "api key"),
    ({"CLAUDE_CODE_OAUTH_TOKEN": "t"}, True, "plan"),
    ({"CLAUDE_CODE_USE_BEDROCK": "1"}, True, "bedrock"),
    ({"CLAUDE_CODE_USE_VERTEX": "1"}, True, "vertex"),
]


@pytest.mark.parametrize(("variables", "signed_in", "payer"), PAYERS)
async def test_the_real_cli_says_who_pays(
    tmp_path: Path, variables: dict[str, str], signed_in: bool, payer: str
) -> None:
    cli = bundled_cli()
    assert cli is not None
    account = await account_status(cli, environment(tmp_path, **variables))
    assert (account.signed_in, account.payer) == (signed_in, payer)


async def test_a_stored_sign_in_is_the_plan_and_a_key_beside_it_wins(tmp_path: Path) -> None:
    cli = bundled_cli()
    assert cli is not None
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    expires_ms = int(time.time() * 1000) + 86_400_000
    sign_in = {"accessToken": "dummy", "refreshToken": "dummy", "expiresAt": expires_ms, "subscriptionType": "max"}
    sign_in |= {"scopes": ["user:inference"]}
    (home / ".claude" / ".credentials.json").write_text(json.dumps({"claudeAiOauth": sign_in}))
    account = await account_status(cli, environment(home))
    assert (account.payer, account.subscription) == ("plan", "max")
    account = await account_status(cli, environment(home, ANTHROPIC_API_KEY="k"))
    assert account.payer == "api key"
    assert "ANTHROPIC_API_KEY" in account.detail
