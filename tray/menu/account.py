"""The menu's lines about the account: who pays, what is wrong, and signing in."""

from collections.abc import Iterator
from dataclasses import replace

from server.status import SignInAccount
from server.status_phrases import account_line, extra_usage_line
from tray.commands import ActOnProblem, AllowExtraUsage, AllowOrigin, CancelSignIn, ChangeSetting, Command, SignIn
from tray.menu.item import SEPARATOR, Item, text_line
from tray.model import Fix, Problem, Snapshot

_PAYERS = {"api key": "the API key", "plan": "the Claude plan"}
_KEY_VARIABLES = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
# The line below a problem that names its fix.
_FIXES = {
    Fix.LOG: "See what happened in the log",
    Fix.INSTALL: "Install Claude Code...",
    Fix.NEXT_PORT: "Use the next free port",
    Fix.SETTINGS: "Open the settings file",
    Fix.RESTART: "Try again",
    Fix.ALLOW_ORIGIN: "Allow that page",
    Fix.PLAN: "Use the Claude plan",
    Fix.SIGN_IN: "Sign in to Claude...",
    Fix.EXTRA_USAGE: "Go on and pay until the plan resets",
}


def account_and_problem(snapshot: Snapshot) -> tuple[Item, Item]:
    """The account or what is wrong, then what helps.

    Always two lines, so that a problem does not move the lines down to "Who can connect".
    """
    problem, account = snapshot.problem, snapshot.status.account
    who = text_line(_account_text(snapshot))
    what = who if problem is None else text_line(problem.title)
    if snapshot.signing_in is not None:
        return what, _signing_in(snapshot.signing_in)
    if problem is None:
        needs_start = account.signed_in is False and not snapshot.status.demo
        extra = snapshot.status.extra_usage
        if extra is not None and extra.state == "in use":
            return what, text_line(extra_usage_line(extra, snapshot.now))
        return what, text_line("Start the server to sign in" if needs_start else "No problems")
    if problem.fix is Fix.NOTHING:
        return what, who
    return what, Item(_FIXES[problem.fix], _fix_for(problem))


def _signing_in(account: SignInAccount) -> Item:
    """The menu of a sign-in that waits for the browser.

    It does not offer the address that Claude Code prints: that page shows a code to be typed into a terminal.
    """
    return Item(
        "Signing in: finish in your browser",
        items=(
            Item("Open the sign-in page again", SignIn(account)),
            Item("Cancel signing in", CancelSignIn()),
            SEPARATOR,
            text_line("No browser? Run 'drawbridge login' in a terminal"),
        ),
    )


def _account_text(snapshot: Snapshot) -> str:
    """Who is signed in and who pays; or that the credentials are refused, unless the problem's line says so."""
    account, is_demo = snapshot.status.account, snapshot.status.demo
    if snapshot.problem is not None and snapshot.problem.title == account.refused:
        account = replace(account, refused=None)
    if snapshot.has_exported_key and account.payer == "api key" and not is_demo:
        return f"Billed per token to {_key_variable(snapshot)}"
    return account_line(account, demo=is_demo)


def _key_variable(snapshot: Snapshot) -> str:
    """The variable with the exported API key."""
    return next((name for name in _KEY_VARIABLES if name in snapshot.status.account.detail), _KEY_VARIABLES[0])


def _fix_for(problem: Problem) -> Command:
    match problem.fix:
        case Fix.SIGN_IN:
            return SignIn()
        case Fix.ALLOW_ORIGIN:
            # Only the line that says so allows it: the page may be an attacker's.
            return AllowOrigin(problem.subject)
        case Fix.EXTRA_USAGE:
            return AllowExtraUsage()
        case _:
            return ActOnProblem(problem.title)


def payer_items(snapshot: Snapshot) -> Iterator[Item]:
    """Claude Code prefers an exported API key to the plan without asking, so then the choice is here."""
    account = snapshot.status.account
    if not snapshot.has_exported_key or snapshot.status.demo:
        return
    source = dict(snapshot.pinned).get("payer")

    def choice(text: str, payer: str) -> Item:
        command = ChangeSetting("payer", payer)
        return Item(text, command, snapshot.payer == payer, radio=True, enabled=not source)

    lines = (
        text_line(f"Found {_key_variable(snapshot)} in your environment"),
        *((text_line(f"Payer set by {source}"),) if source else ()),
    )
    choices = (
        choice("Use the Claude plan", "plan"),
        choice("Use the API key (billed per token)", "api key"),
        choice("Let Claude Code choose (now: the API key)", "automatic"),
    )
    yield Item(f"Who pays: {_PAYERS.get(account.payer, account.payer)}", items=(*lines, *choices))


def other_sign_in(snapshot: Snapshot) -> Iterator[Item]:
    """The other account that can be signed in to."""
    problem = snapshot.problem
    if problem is not None and problem.fix is Fix.SIGN_IN and snapshot.signing_in is None:
        yield Item("Sign in with a Console account (billed per token)...", SignIn("console"))
