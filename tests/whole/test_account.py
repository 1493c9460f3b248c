"""The account and the payer: menu, `doctor` and `/health` of the real app agree, and the menu changes them."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.standin.script import refuse
from server.standin.server import default_answer
from tests.tray.trayhost import TrayHost
from tests.whole.account import Account, sign_in
from tests.whole.aside import Aside, standin_aside
from tests.whole.desktop import App, open_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have trays of their own")
KEY = "sk-nobody-0123456789abcdef"


@contextmanager
def opened(
    state: str, folder: Path, bus: str, host: TrayHost, settings: str = "", **variables: str
) -> Iterator[tuple[App, Account, Aside]]:
    """The app with a Claude Code whose account is `state`. Its requests go to a stand-in."""
    account = Account(folder / "cli", state)
    sign_in(folder / "home")
    with (
        standin_aside() as upstream,
        open_app(
            folder,
            bus,
            host,
            is_demo=False,
            cli=account.cli,
            settings=settings,
            environment={"ANTHROPIC_BASE_URL": upstream.url, **variables},
        ) as app,
    ):
        app.until("Running on port", "Fable")
        yield app, account, upstream


def doctors(app: App) -> dict[str, str]:
    """Returns the row of `drawbridge doctor` about the account."""
    rows = json.loads(app.command("doctor", "--json").stdout)
    (row,) = [row for row in rows if row["name"] == "account"]
    return dict(row)


STATES = [
    ("plan", {}, "ada@example.org, on the Claude Max plan", "plan"),
    ("console", {}, "Billed per token to an API key", "api key"),
    ("bedrock", {}, "Billed per token to Amazon Bedrock", "bedrock"),
    ("signed out", {}, "Claude Code is not signed in", "nobody"),
    ("plan", {"ANTHROPIC_API_KEY": KEY}, "Billed per token to ANTHROPIC_API_KEY", "api key"),
]


@pytest.mark.parametrize(("state", "variables", "line", "payer"), STATES)
def test_the_menu_the_doctor_and_health_agree_on_the_payer(
    tmp_path: Path, bus: str, host: TrayHost, state: str, variables: dict[str, str], line: str, payer: str
) -> None:
    with opened(state, tmp_path, bus, host, **variables) as (app, _, _):
        assert line in app.until(line).splitlines()[1]
        health = app.get("/health").json()["account"]
        doctor = doctors(app)
        assert health["payer"] == payer
        assert health["signed_in"] is (payer != "nobody")
        assert (doctor["verdict"] == "ok") is (payer != "nobody")
        assert payer in doctor["words"] or "not signed in to Claude" in doctor["words"]
        assert KEY not in app.log + app.settings + json.dumps(health)


def test_nothing_is_sent_if_the_settings_demand_a_missing_api_key(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with opened("plan", tmp_path, bus, host, 'payer = "api key"\n') as (app, _, upstream):
        assert "Open the settings file" in app.until("No API key found")
        health = app.get("/health").json()["account"]
        doctor = doctors(app)
        assert (health["payer"], doctor["verdict"]) == ("nobody", "MISSING")
        assert "payer" in doctor["words"]
        assert app.chat().status_code == 401
        assert upstream.standin.requests == []


def test_a_click_signs_in_and_the_next_answer_comes(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with opened("signed out", tmp_path, bus, host) as (app, _, upstream):
        app.until("Claude Code is not signed in")
        app.item.click("Sign in to Claude...")
        app.until("ada@example.org, on the Claude Max plan")
        app.until_not("Sign in to Claude...", "Claude Code is not signed in")
        assert "on the Claude Max plan" in host.wait_notification("Signed in to Claude").text
        assert doctors(app)["verdict"] == "ok"
        assert app.get("/health").json()["account"]["signed_in"] is True
        assert app.chat().status_code == 200
        assert upstream.standin.requests[-1].headers["authorization"] == "Bearer dummy"


def test_a_console_account_is_signed_in_to_by_its_own_line(tmp_path: Path, bus: str, host: TrayHost) -> None:
    with opened("signed out", tmp_path, bus, host) as (app, _, _):
        app.until("Claude Code is not signed in")
        app.item.click("Sign in with a Console account (billed per token)...")
        app.until("Billed per token to an API key")


def test_an_expired_sign_in_is_shown_when_claude_rejects_it_until_the_next_answer(
    tmp_path: Path, bus: str, host: TrayHost
) -> None:
    """Claude Code itself still reports a sign-in."""
    with opened("plan", tmp_path, bus, host) as (app, _, upstream):
        app.until("on the Claude Max plan")
        upstream.standin.script(lambda _: refuse(401, "OAuth token has expired"))
        assert app.chat().status_code == 401
        app.until("Claude Code is not signed in", "Sign in to Claude...")
        assert app.get("/health").json()["account"]["signed_in"] is False
        assert (doctors(app)["verdict"], "Claude rejects" in doctors(app)["words"]) == ("MISSING", True)
        host.wait_notification("Claude Code is not signed in")
        upstream.standin.script(default_answer)
        app.item.click("Sign in to Claude...")
        app.until("on the Claude Max plan")
        app.until_not("Sign in to Claude...")
        assert app.chat().status_code == 200


def test_a_refused_key_is_named_and_one_click_lets_the_plan_pay(tmp_path: Path, bus: str, host: TrayHost) -> None:
    refused = "Anthropic refused the key in ANTHROPIC_API_KEY"
    with opened("plan", tmp_path, bus, host, ANTHROPIC_API_KEY=KEY) as (app, _, upstream):
        app.until("Billed per token to ANTHROPIC_API_KEY")
        upstream.standin.script(lambda _: refuse(401, "invalid x-api-key"))
        error = app.chat()
        assert error.status_code == 401
        message = error.json()["error"]["message"]
        assert (refused in message, "payer" in message, "drawbridge login" in message) == (True, True, False)
        menu = app.until(refused, "Use the Claude plan")
        assert "not signed in" not in menu.lower()
        assert "Sign in to Claude..." not in menu
        assert app.get("/health").json()["account"]["refused"] == refused
        doctor = doctors(app)
        assert (doctor["verdict"], refused in doctor["words"]) == ("MISSING", True)
        shown = host.wait_notification(refused)
        assert shown.actions == {"default": "Use the Claude plan"}
        upstream.standin.script(default_answer)
        shown.click()
        app.until("ada@example.org, on the Claude Max plan")
        app.until_not(refused)
        assert app.chat().status_code == 200
        assert "authorization" in upstream.standin.requests[-1].headers


def test_with_an_exported_key_the_plan_the_key_or_claude_code_decides(tmp_path: Path, bus: str, host: TrayHost) -> None:
    """Asserted on the environment of each worker and on its requests: no key is billed without the user's choice."""
    with opened("plan", tmp_path, bus, host, ANTHROPIC_API_KEY=KEY) as (app, account, upstream):

        def is_clicked(line: str) -> bool:
            """Clicks the line. Returns False if the menu has just changed."""
            try:
                app.item.click("Who pays", line)
            except LookupError:
                return False
            return True

        def choose(line: str) -> set[str]:
            """Clicks the line; returns the headers that authenticate the next request."""
            app.until("illed per token")
            app.host.wait(lambda: is_clicked(line) or None)
            app.item.wait_menu(lambda menu: menu.find("Who pays", line).checked)
            assert app.chat().status_code == 200
            headers = upstream.standin.requests[-1].headers
            return {name for name in ("authorization", "x-api-key") if name in headers}

        def keys() -> set[str]:
            """Returns the API keys in the environments of the workers."""
            app.host.wait(lambda: all(account.variables(worker.pid) for worker in app.workers()) or None)
            return {account.variables(worker.pid).get("ANTHROPIC_API_KEY", "") for worker in app.workers()}

        app.assert_menu("exported_key", "Billed per token to ANTHROPIC_API_KEY", "Fable")
        assert choose("Use the Claude plan") == {"authorization"}
        app.until("ada@example.org, on the Claude Max plan")
        assert 'payer = "plan"' in app.settings
        app.host.wait(lambda: keys() == {""} or None)
        assert choose("Use the API key (billed per token)") == {"x-api-key"}
        assert 'payer = "api key"' in app.settings
        app.host.wait(lambda: keys() == {KEY} or None)
        assert choose("Let Claude Code choose (now: the API key)") == {"x-api-key"}
        app.until("Billed per token to ANTHROPIC_API_KEY")
