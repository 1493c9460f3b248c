"""Signing in without a terminal: with scripts instead of Claude Code, and the real one's first step."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from server.claude.cli.account import account_status
from server.claude.cli.locate import bundled_cli
from server.claude.cli.sign_in import sign_in
from server.errors import CliFailed, SignInNeeded

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the scripts are not Windows'")
URL = "https://claude.example/cai/oauth/authorize?code=true&state=secret-state"
PLAN = '{"loggedIn": true, "authMethod": "claude.ai", "subscriptionType": "max", "email": "ada@example.org"}'
MakeCli = Callable[..., Path]


@pytest.fixture
def cli(tmp_path: Path) -> MakeCli:
    """Makes a CLI: `login` is what `auth login` runs, `status` what `auth status` prints."""

    def make(login: str, status: str = PLAN) -> Path:
        path = tmp_path / "claude"
        path.write_text(
            f"""#!/bin/sh
case "$*" in
    "auth status") echo '{status}' ;;
    "auth login"*) echo $$ > {tmp_path}/pid; echo "$@" > {tmp_path}/arguments; env > {tmp_path}/environment
        {login} ;;
esac
"""
        )
        path.chmod(0o755)
        return path

    return make


def environment() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}


async def ended(pid: int) -> bool:
    """Whether the process has ended or is a zombie."""
    for _ in range(500):
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
            os.kill(pid, 0)
        except (ProcessLookupError, FileNotFoundError):
            return True
        await asyncio.sleep(0.01)
    return False


async def started(tmp_path: Path) -> int:
    while not (tmp_path / "environment").exists():
        await asyncio.sleep(0.01)
    return int((tmp_path / "pid").read_text())


@pytest.mark.parametrize("account", ["claudeai", "console"])
async def test_account_and_address_are_reported(cli: MakeCli, tmp_path: Path, account: str) -> None:
    urls: list[str] = []
    path = cli(f"echo 'Opening browser'; printf 'visit: {URL}\\nPaste code here > '")
    found = await sign_in(path, environment(), account, urls.append)  # type: ignore[arg-type] # one of the two
    assert (found.signed_in, found.payer, found.email) == (True, "plan", "ada@example.org")
    assert urls == [URL]
    assert (tmp_path / "arguments").read_text() == f"auth login --{account}\n"


async def test_an_address_is_reported_whole_however_it_arrives(cli: MakeCli) -> None:
    urls: list[str] = []
    path = cli("printf 'visit https://claude.exam'; sleep 0.05; printf 'ple/x?y=1'; sleep 0.05; printf ' now\\n'")
    await sign_in(path, environment(), on_url=urls.append)
    assert urls == ["https://claude.example/x?y=1"]


async def test_a_browser_that_keeps_the_pipe_open_does_not_hold_it_up(cli: MakeCli, tmp_path: Path) -> None:
    path = cli(f"sleep 600 & echo $! > {tmp_path}/browser; echo 'visit {URL} '")
    try:
        assert (await sign_in(path, environment())).signed_in
    finally:
        os.kill(int((tmp_path / "browser").read_text()), signal.SIGKILL)


async def test_a_browser_lives_on_after_the_sign_in(cli: MakeCli, tmp_path: Path) -> None:
    path = cli(f"sleep 600 </dev/null >/dev/null 2>&1 & echo $! > {tmp_path}/browser")
    await sign_in(path, environment())
    browser = int((tmp_path / "browser").read_text())
    os.kill(browser, 0)
    os.kill(browser, signal.SIGKILL)


@pytest.mark.parametrize(
    ("login", "status", "phrase"),
    [
        ("exit 3", PLAN, "ended with code 3"),
        ("exit 0", '{"loggedIn": false}', "without signing in"),
    ],
)
async def test_a_failed_sign_in_is_reported(cli: MakeCli, login: str, status: str, phrase: str) -> None:
    with pytest.raises(SignInNeeded, match=phrase) as caught:
        await sign_in(cli(login, status), environment())
    assert "Try again" in caught.value.hint


async def test_a_sign_in_that_times_out_leaves_no_process(cli: MakeCli, tmp_path: Path) -> None:
    with pytest.raises(SignInNeeded, match="No sign-in"):
        await sign_in(cli("exec sleep 600"), environment(), timeout_s=3)
    assert await ended(await started(tmp_path))


async def test_a_cancelled_sign_in_leaves_no_process(cli: MakeCli, tmp_path: Path) -> None:
    task = asyncio.create_task(sign_in(cli("exec sleep 600"), environment()))
    pid = await started(tmp_path)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ended(pid)


async def test_a_program_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "claude"
    path.write_text("not a program")
    with pytest.raises((CliFailed, SignInNeeded)):
        await sign_in(path, environment())


async def test_no_output_is_logged(cli: MakeCli, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    await sign_in(cli(f"echo 'visit {URL} '"), environment())
    assert "secret-state" not in caplog.text
    assert "claude auth login ended with code 0" in caplog.text


async def test_the_real_one_opens_the_browser_without_a_terminal_and_waits(tmp_path: Path) -> None:
    """Only the first step, since there is no account: the browser gets an address that redirects to this computer."""
    path = bundled_cli()
    assert path is not None
    opened = tmp_path / "opened"
    browser = tmp_path / "bin" / "xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/new && mv {tmp_path}/new {opened}\n')
    browser.chmod(0o755)
    urls: list[str] = []
    child = environment() | {"PATH": f"{browser.parent}:/usr/bin:/bin", "BROWSER": str(browser), "DISPLAY": ":99"}
    task = asyncio.create_task(sign_in(path, child, "claudeai", urls.append))
    while not (opened.exists() and urls) and not task.done():
        await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "redirect_uri=http%3A%2F%2Flocalhost" in opened.read_text()
    assert urls[0].startswith("https://claude.com/")


STATES = [
    ('{"loggedIn": false, "authMethod": "none", "apiProvider": "firstParty"}', False, "nobody"),
    (PLAN, True, "plan"),
    ('{"loggedIn": true, "authMethod": "api_key", "apiKeySource": "ANTHROPIC_API_KEY"}', True, "api key"),
    ('{"loggedIn": true, "authMethod": "third_party", "apiProvider": "bedrock"}', True, "bedrock"),
    ('{"loggedIn": true, "authMethod": "third_party", "apiProvider": "vertex"}', True, "vertex"),
]


@pytest.mark.parametrize(("status", "signed_in", "payer"), STATES)
async def test_each_state_of_an_account_is_understood(cli: MakeCli, status: str, signed_in: bool, payer: str) -> None:
    found = await account_status(cli("exit 1", status), environment())
    assert (found.signed_in, found.payer) == (signed_in, payer)
