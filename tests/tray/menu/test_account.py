"""The menu's lines about the account and a problem."""

from dataclasses import replace

import pytest
from hypothesis import given

from server.status import AccountStatus, SignInAccount
from tests.tray.menu.snapshots import PATIENT, STATES, commands, snapshots, submenu, texts
from tests.tray.states import RUNNING
from tray.commands import ActOnProblem, AllowExtraUsage, AllowOrigin, CancelSignIn, ChangeSetting, SignIn
from tray.control.snapshot import command_for
from tray.menu.item import SEPARATOR, Item
from tray.menu.menu import menu_for
from tray.menu.problems import problem_in
from tray.model import Fix, Problem, Snapshot

_OWN = {Fix.NOTHING, Fix.ALLOW_ORIGIN, Fix.SIGN_IN, Fix.EXTRA_USAGE}


class TestProblem:
    """A problem replaces the account's line, and what helps stands below it."""

    @pytest.mark.parametrize("fix", [fix for fix in Fix if fix not in _OWN])
    def test_the_line_below_a_problem_acts_on_it(self, fix: Fix) -> None:
        menu = menu_for(replace(RUNNING, problem=Problem("Something is wrong", "It is.", fix=fix)))
        assert menu[1] == Item("Something is wrong", enabled=False)
        assert menu[2].command == ActOnProblem("Something is wrong")

    def test_signing_in_is_the_first_thing_to_click_where_it_is_needed(self) -> None:
        menu = menu_for(STATES["signed_out"])
        assert next(item for item in menu if item.enabled) == Item("Sign in to Claude...", SignIn())
        assert [item.text for item in menu if "igned in" in item.text] == ["Claude Code is not signed in"]

    def test_a_refused_page_is_allowed_only_by_the_line_that_says_so(self) -> None:
        menu = menu_for(
            replace(RUNNING, problem=Problem("A page was refused", "It was.", "", Fix.ALLOW_ORIGIN, "x://y"))
        )
        assert menu[1] == Item("A page was refused", enabled=False)
        assert menu[2] == Item("Allow that page", AllowOrigin("x://y"))

    def test_paid_extra_usage_goes_on_only_by_the_line_that_says_so(self) -> None:
        menu = menu_for(STATES["extra_usage_stopped"])
        assert menu[2] == Item("Go on and pay until the plan resets", AllowExtraUsage())
        assert command_for(STATES["extra_usage_stopped"].problem) is None

    def test_the_user_who_goes_on_and_pays_can_stop_again(self) -> None:
        stopped = STATES["extra_usage_stopped"].status
        assert stopped.extra_usage is not None
        allowed = replace(stopped.extra_usage, is_stopped=False, is_allowed=True)
        menu = menu_for(replace(RUNNING, status=replace(stopped, extra_usage=allowed), on_extra_usage="stop"))
        usage = next(item for item in menu if item.text == "Plan usage")
        assert Item("Stop again until the plan resets", AllowExtraUsage(is_allowed=False)) in usage.items

    def test_a_problem_without_a_fix_leaves_the_account_in_sight(self) -> None:
        menu = menu_for(replace(RUNNING, problem=Problem("A limit is reached", "Wait.", fix=Fix.NOTHING)))
        assert menu[1] == Item("A limit is reached", enabled=False)
        assert menu[2] == menu_for(RUNNING)[1]

    def test_refused_credentials_are_named_once_and_the_payer_stays_in_sight(self) -> None:
        refused = AccountStatus(True, "bedrock", refused="Amazon Bedrock refused your credentials", cure="Renew them.")
        status = replace(RUNNING.status, account=refused)
        menu = menu_for(replace(RUNNING, status=status, problem=problem_in(status)))
        assert [item.text for item in menu[1:3]] == [
            "Amazon Bedrock refused your credentials",
            "Billed per token to Amazon Bedrock",
        ]

    def test_a_stopped_server_without_a_sign_in_is_not_called_free_of_problems(self) -> None:
        status = replace(STATES["stopped"].status, account=AccountStatus(signed_in=False, payer="nobody"))
        assert menu_for(replace(STATES["stopped"], status=status))[2].text == "Start the server to sign in"

    @PATIENT
    @given(snapshots)
    def test_a_problem_moves_no_other_line(self, snapshot: Snapshot) -> None:
        def fixed(menu: tuple[Item, ...]) -> list[Item]:
            return list(menu[3 : menu.index(SEPARATOR, 12)])

        calm = replace(snapshot, problem=None)
        signing_in = replace(calm, signing_in="console")
        worried = [replace(snapshot, problem=Problem("Oh", "no", fix=fix)) for fix in Fix]
        for other in (signing_in, *worried):
            assert fixed(menu_for(other)) == fixed(menu_for(calm))


class TestBilling:
    def test_an_exported_key_is_named_and_offers_the_choice(self) -> None:
        snapshot = STATES["api_key_pays"]
        assert {"Billed per token to ANTHROPIC_API_KEY", "Who pays: the API key"} <= set(texts(snapshot))
        choices = {item.command: item.checked for item in submenu(snapshot, "Who pays").values() if item.command}
        assert choices == {
            ChangeSetting("payer", "plan"): False,
            ChangeSetting("payer", "api key"): False,
            ChangeSetting("payer", "automatic"): True,
        }

    def test_the_billed_variable_is_named(self) -> None:
        snapshot = STATES["api_key_pays"]
        account = replace(snapshot.status.account, detail="the API key in ANTHROPIC_AUTH_TOKEN pays")
        other = replace(snapshot, status=replace(snapshot.status, account=account))
        assert "Billed per token to ANTHROPIC_AUTH_TOKEN" in texts(other)
        plan = replace(other, status=RUNNING.status)
        assert "Who pays: the Claude plan" in texts(plan)

    def test_without_an_exported_key_there_is_no_choice(self) -> None:
        assert not [text for text in texts(RUNNING) if text.startswith("Who pays")]

    def test_a_long_address_never_hides_the_billing(self) -> None:
        account = AccountStatus(True, "plan", email=f"{'a' * 80}@example.org", subscription="max")
        text = menu_for(replace(RUNNING, status=replace(RUNNING.status, account=account)))[1].text
        assert text.endswith("..., on the Claude Max plan")

    def test_sign_in_is_offered_only_while_signed_out(self) -> None:
        assert {SignIn(), SignIn("console")} <= set(commands(STATES["signed_out"]))
        assert not {SignIn(), SignIn("console")} & set(commands(RUNNING))

    @pytest.mark.parametrize("account", ["claudeai", "console"])
    def test_a_sign_in_that_waits_can_be_cancelled_and_repeated(self, account: SignInAccount) -> None:
        snapshot = replace(STATES["signing_in"], signing_in=account)
        signing_in = submenu(snapshot, "Signing in")
        assert signing_in["Open the sign-in page again"].command == SignIn(account)
        assert signing_in["Cancel signing in"].command == CancelSignIn()
        assert [command for command in commands(snapshot) if isinstance(command, SignIn)] == [SignIn(account)]
