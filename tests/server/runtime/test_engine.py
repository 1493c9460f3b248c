"""The whole engine over the real CLI, behind a small script that fakes the account."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from server.answering.circuit_breaker import FIRST_S
from server.claude.cli.locate import bundled_cli
from server.config import Config, Payer
from server.conversation.events import Finished
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.errors import SignInNeeded
from server.machine.files.paths import Folders
from server.runtime.engine import Engine, open_engine
from server.selfcheck.capabilities import fingerprint_of
from server.selfcheck.store import STORE_FILE, ResultStore
from server.standin.script import refuse
from server.standin.server import Standin, default_answer, open_standin
from server.status import AccountStatus, Serving, State, UsageWindow
from server.status_phrases import problem_line
from tests.whole.checked import keep_verdict

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the script is not Windows'")

# Signed in where a file says so; an exported key comes first, as with the real one. Every process notes its variables.
SCRIPT = """#!/bin/sh
env > {folder}/new.$$ && mv {folder}/new.$$ {folder}/environment.$$
case "$*" in
    "auth status")
        if [ -n "$ANTHROPIC_API_KEY" ]; then
            echo '{{"loggedIn": true, "authMethod": "api_key", "apiKeySource": "ANTHROPIC_API_KEY"}}'
        elif [ -e {folder}/signed-in ]; then
            echo '{{"loggedIn": true, "authMethod": "claude.ai", "subscriptionType": "max"}}'
        else
            echo '{{"loggedIn": false}}'; exit 1
        fi ;;
    "auth login --claudeai") echo 'visit https://claude.example/authorize?x '; touch {folder}/signed-in ;;
    *) exec {cli} "$@" ;;
esac
"""


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    async with open_standin() as standin:
        yield standin


@pytest.fixture
def config(tmp_path: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch) -> Config:
    """Settings that name the script, in an environment whose API is the stand-in."""
    monkeypatch.setenv("ANTHROPIC_BASE_URL", standin.url)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    # So that the CLI sends its request, whoever is signed in.
    monkeypatch.setenv("CLAUDE_CODE_OAUTH_TOKEN", "nobody's")
    path = tmp_path / "claude"
    path.write_text(SCRIPT.format(folder=tmp_path, cli=bundled_cli()))
    path.chmod(0o755)
    return Config(cli_path=path, pool_size=1, isolation="process")


@asynccontextmanager
async def opened(config: Config, tmp_path: Path, *, is_checked: bool = True) -> AsyncIterator[Engine]:
    """`is_checked`: the self-check has passed in an earlier run."""
    if is_checked:
        await keep_verdict(tmp_path / "d", config.cli_path)
    async with open_engine(config, Folders(tmp_path / "c", tmp_path / "d", tmp_path / "l")) as engine:
        yield engine


async def until(engine: Engine, holds: Callable[[], object]) -> None:
    """Waits until `holds`, checked at each change and every 0.1 s, since the end of a process is not reported."""
    news = asyncio.Event()
    engine.on_change = news.set
    while not holds():
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await news.wait()
        news.clear()


async def ask(engine: Engine) -> str:
    turn = ModelRequest(
        profile=Profile(), settings=ModelSettings(model="sonnet"), messages=(Message("user", (Text("hello"),)),)
    )
    events = [event async for event in engine.stream(turn)]
    assert isinstance(events[-1], Finished), events
    return "whole"


def keys_of(tmp_path: Path, pid: int | None) -> set[str]:
    lines = (tmp_path / f"environment.{pid}").read_text().splitlines()
    return {line.partition("=")[0] for line in lines} & {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"}


def spare(tmp_path: Path) -> int | None:
    """The one process that lives."""
    alive = [
        int(path.suffix[1:]) for path in tmp_path.glob("environment.*") if Path(f"/proc/{path.suffix[1:]}").exists()
    ]
    return alive[0] if len(alive) == 1 else None


async def test_its_status_names_the_models_and_the_cli(config: Config, tmp_path: Path) -> None:
    async with opened(config, tmp_path) as engine:
        await engine.account()
        status = engine.status()
        assert status.cli.path == str(config.cli_path)
        assert {"sonnet", "opus"} <= {model.id for model in status.models}
        assert all(model.name for model in status.models)


async def test_the_verdict_on_an_updated_claude_code_is_under_its_new_version(config: Config, tmp_path: Path) -> None:
    """Under the old one the next start would check it again for nothing."""
    assert config.cli_path is not None
    kept = ResultStore(tmp_path / "d" / STORE_FILE)
    async with opened(config, tmp_path, is_checked=False) as engine:
        await until(engine, lambda: engine.status().engine.checked)
        before = await engine.account()
        version = engine.status().cli.version
        assert kept.result(fingerprint_of(config.cli_path, version))
        new = tmp_path / "new"
        new.write_text(config.cli_path.read_text().replace('"$*" in', '"$*" in\n"--version") echo 9.9.9;;', 1))
        new.chmod(0o755)
        new.replace(config.cli_path)
        engine.find_cli()
        assert not engine.status().engine.checked
        await until(engine, lambda: engine.status().engine.checked)
        assert engine.status().cli.version == "9.9.9"
        assert await engine.account() == before
    verdict = kept.result(fingerprint_of(config.cli_path))
    assert verdict is not None
    assert verdict.fingerprint.version == "9.9.9"


async def test_an_exported_key_pays_until_the_plan_is_chosen_and_spares_are_renewed(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No answer is billed per token by mistake, neither by a new process nor by one booted before."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "billed")
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "billed too")
    (tmp_path / "signed-in").touch()
    async with opened(config, tmp_path) as engine:
        assert (await engine.account()).payer == "api key"
        await until(engine, lambda: engine.status().pool.raw == 1 and spare(tmp_path))
        first = spare(tmp_path)
        assert keys_of(tmp_path, first) == {"ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"}
        engine.apply(replace(config, payer="plan"))
        await until(engine, lambda: engine.status().account.payer == "plan")
        await until(engine, lambda: engine.status().pool.raw == 1 and spare(tmp_path) not in {None, first})
        assert keys_of(tmp_path, spare(tmp_path)) == set()
        engine.apply(replace(config, payer="api key"))
        assert (await engine.account()).payer == "api key"


async def test_a_sign_in_is_known_at_once_and_renews_the_processes(config: Config, tmp_path: Path) -> None:
    async with opened(config, tmp_path) as engine:
        assert (await engine.account()).signed_in is False
        await until(engine, lambda: engine.status().pool.raw == 1 and spare(tmp_path))
        before, urls = spare(tmp_path), list[str]()
        found = await engine.sign_in("claudeai", urls.append)
        assert (found.payer, found.signed_in) == ("plan", True)
        assert engine.status().account == found
        assert urls == ["https://claude.example/authorize?x"]
        await until(engine, lambda: engine.status().pool.raw == 1 and spare(tmp_path) not in {None, before})


async def test_a_sign_in_gets_the_session_and_no_exported_key(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "billed")
    monkeypatch.setenv("XDG_RUNTIME_DIR", "/run/user/1")
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", "sesame")
    assert config.cli_path is not None
    noted = config.cli_path.read_text().replace("touch", f"env > {tmp_path}/login; touch")
    config.cli_path.write_text(noted)
    async with opened(config, tmp_path) as engine:
        await engine.sign_in("claudeai", lambda _: None)
    variables = (tmp_path / "login").read_text()
    assert "XDG_RUNTIME_DIR=/run/user/1\n" in variables
    assert "billed" not in variables
    assert "sesame" not in variables


async def test_an_expired_sign_in_is_shown_until_an_answer_comes(
    config: Config, tmp_path: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claude Code itself still reports a valid sign-in."""
    (tmp_path / "signed-in").touch()
    async with opened(config, tmp_path) as engine:
        assert (await engine.account()).signed_in is True
        standin.script(lambda _: refuse(401, "OAuth token has expired"))
        with pytest.raises(SignInNeeded):
            await ask(engine)
        account = engine.status().account
        assert (account.signed_in, account.payer) == (False, "plan")
        assert account.detail == "on the Claude Max plan, but Claude rejects the sign-in"
        assert await engine.account() == account
        standin.script(default_answer)
        # When it is due, the next request tries.
        later = time.time() + FIRST_S
        monkeypatch.setattr(engine.breaker, "_clock", lambda: later)
        assert await ask(engine) == "whole"
        assert engine.status().account.signed_in is True


async def test_an_account_query_from_before_a_change_of_payer_is_ignored(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "billed")
    (tmp_path / "signed-in").touch()
    asked, go = tmp_path / "asked", tmp_path / "go"
    os.mkfifo(asked)
    os.mkfifo(go)
    assert config.cli_path is not None
    held = f'"auth status") [ -p {asked} ] && mv {asked} {asked}.was && echo > {asked}.was && read line < {go}\n'
    config.cli_path.write_text(config.cli_path.read_text().replace('"auth status")\n', held, 1))
    async with opened(config, tmp_path) as engine:
        payers: list[str] = []
        engine.on_change = lambda: payers.append(engine.status().account.payer)
        asking = asyncio.create_task(engine.account())
        while asked.exists():
            await asyncio.sleep(0.01)
        await asyncio.to_thread(Path(f"{asked}.was").read_text)
        engine.apply(replace(config, payer="plan"))
        await asyncio.to_thread(go.write_text, "\n")
        assert (await asking).payer == "plan"
        assert "api key" not in payers


async def test_plan_usage_is_published_and_cleared_with_the_account(config: Config, tmp_path: Path) -> None:
    async with opened(config, tmp_path) as engine:
        news: list[tuple[UsageWindow, ...]] = []
        engine.on_change = lambda: news.append(engine.status().usage)
        window = UsageWindow("5 hours", 1.0, 2_000_000_000, is_reached=True)
        engine.usage.update((window,))
        assert news[-1] == engine.status().usage == (window,)
        engine.apply(replace(config, payer="plan"))
        assert engine.status().usage == ()


async def test_a_demo_has_no_payer_whatever_the_settings_say(tmp_path: Path) -> None:
    async with opened(Config(demo=True, payer="plan", pool_size=1, isolation="process"), tmp_path) as engine:
        assert await engine.account() == AccountStatus(signed_in=True, payer="demo", detail="demo: no account, no cost")
        assert await ask(engine) == "whole"
    assert os.environ.get("ANTHROPIC_API_KEY") is None


PAYERS: list[tuple[Payer, bool, set[str]]] = [
    ("automatic", False, {"authorization"}),
    ("automatic", True, {"x-api-key"}),
    ("plan", False, {"authorization"}),
    ("plan", True, {"authorization"}),
    ("api key", True, {"x-api-key"}),
    ("api key", False, set()),
]


@pytest.mark.parametrize(("payer", "is_exported", "arrives"), PAYERS)
async def test_the_chosen_payer_is_what_claude_receives_and_a_missing_api_key_never_means_the_plan(
    config: Config,
    tmp_path: Path,
    standin: Standin,
    monkeypatch: pytest.MonkeyPatch,
    payer: Payer,
    is_exported: bool,
    arrives: set[str],
) -> None:
    (tmp_path / "signed-in").touch()
    if is_exported:
        monkeypatch.setenv("ANTHROPIC_API_KEY", "billed")
    if payer != "automatic":
        # Then the request would go elsewhere.
        monkeypatch.setenv("CLAUDE_CODE_USE_BEDROCK", "1")
    async with opened(replace(config, payer=payer), tmp_path) as engine:
        if not arrives:
            with pytest.raises(SignInNeeded, match="say to bill an API key, but none is set"):
                await ask(engine)
            account = engine.status().account
            assert (account.signed_in, account.payer, standin.requests) == (True, "nobody", [])
            engine.apply(replace(config, payer="plan"))
            arrives = {"authorization"}
        assert await ask(engine) == "whole"
        assert {"authorization", "x-api-key"} & set(standin.requests[-1].headers) == arrives


async def test_no_process_gets_an_address_that_leads_back_to_this_server(
    config: Config, tmp_path: Path, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request would ask this server again, without end."""
    monkeypatch.setenv("ANTHROPIC_AUTH_TOKEN", "for this server")
    async with opened(config, tmp_path) as engine:
        await until(engine, lambda: engine.status().pool.raw == 1 and spare(tmp_path))
        before = spare(tmp_path)
        engine.serving = Serving(State.RUNNING, (standin.url.removeprefix("http://"),))
        await until(engine, lambda: engine.status().pool.raw == 1 and spare(tmp_path) not in {None, before})
        environment = (tmp_path / f"environment.{spare(tmp_path)}").read_text()
        assert "ANTHROPIC_BASE_URL" not in environment
        assert "ANTHROPIC_AUTH_TOKEN" not in environment
        status = engine.status()
        assert status.own_address == ("ANTHROPIC_BASE_URL",)
        assert "points at Drawbridge itself" in (problem_line(status) or "")
        # On another port the address is not ours any more.
        engine.serving = Serving(State.RUNNING, ("127.0.0.1:1",))
        assert engine.status().own_address == ()
        assert await ask(engine) == "whole"


async def test_the_session_ids_of_its_own_processes_are_known(config: Config, tmp_path: Path, standin: Standin) -> None:
    async with opened(config, tmp_path) as engine:
        await ask(engine)
        session = standin.requests[-1].headers["x-claude-code-session-id"]
        assert engine.is_own_session(session)
        assert not engine.is_own_session("another")
