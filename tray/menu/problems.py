"""Texts of problems and events: problems for the menu, notices for notifications."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never

from server.errors import (
    AlreadyRunning,
    CliMisnamed,
    CliMissing,
    CredentialsRefused,
    DrawbridgeError,
    KeyNeeded,
    KeyringAsking,
    KeyringLocked,
    KeyringMissing,
    KeyUnreadable,
    PortTaken,
    SettingsCorrupt,
    SettingsInvalid,
    SignInNeeded,
    UsageLimit,
)
from server.machine.billing import NO_KEY_HINT
from server.machine.credentials import can_plan_pay
from server.status import State, Status
from server.status_phrases import LONGEST, counted, fitted, own_address_line
from tray.commands import ActOnProblem, Open
from tray.menu.phrases import time_to_finish
from tray.menu.plan import (
    ExtraUsageBegun,
    LimitReached,
    PlanOccurrence,
    UsageHigh,
    limit_problem,
    plan_notice,
    plan_problem,
)
from tray.model import Fix, Notice, Problem

CLI_MISSING = Problem(
    "Claude Code was not found",
    "Drawbridge needs Claude Code, which isn't installed.",
    "Install it from https://claude.com/claude-code.",
    Fix.INSTALL,
)
SIGNED_OUT = Problem(
    "Claude Code is not signed in",
    "Requests cannot be answered until you sign in to Claude.",
    "Choose 'Sign in to Claude...' in the menu.",
    Fix.SIGN_IN,
)
NO_API_KEY = Problem(
    "No API key found",
    "The settings say to bill an API key, but none is set.",
    NO_KEY_HINT,
    Fix.SETTINGS,
)
UPSTREAM_DOWN = Problem(
    "Claude's API keeps failing",
    "Claude's API keeps failing. Drawbridge retries by itself; until then requests fail straight away.",
    "",
    Fix.NOTHING,
)
OPEN_LOG, OPEN_SETTINGS = "Open the log", "Open the settings file"
# The labels of notification buttons. No button allows an origin: on some desktops a click anywhere on the notification
# presses it, and the page may be an attacker's.
_LABELS = {
    Fix.LOG: OPEN_LOG,
    Fix.INSTALL: "Install Claude Code",
    Fix.NEXT_PORT: "Use the next free port",
    Fix.SETTINGS: OPEN_SETTINGS,
    Fix.RESTART: "Try again",
    Fix.SIGN_IN: "Sign in",
    Fix.PLAN: "Use the Claude plan",
}
_WAYLAND_HINT = "Install the package wl-clipboard, so that programs without a window can copy on this desktop."
_SEE_LOG = "See the log for details: choose 'Open log folder' in the menu."


@dataclass(frozen=True, slots=True)
class PortMoved:
    """The default port was taken, and the server listens at another one. `reason` is a sentence."""

    port: int
    reason: str
    base_url: str


@dataclass(frozen=True, slots=True)
class Copied:
    """Something was copied. `what` is a noun with its article, as in "The access key"."""

    what: str
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class DiagnosticsCopied:
    """The diagnostics were copied."""

    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class KeyRequired:
    """Every app must send the access key from now on; it is on the clipboard if `is_copied`."""

    is_new: bool
    is_copied: bool


@dataclass(frozen=True, slots=True)
class KeyReplaced:
    """An access key that is not required of apps on this computer was replaced."""

    is_copied: bool


@dataclass(frozen=True, slots=True)
class NetworkOpened:
    """Other devices can connect with the access key; it is on the clipboard if `is_copied`."""

    is_new: bool
    is_copied: bool


@dataclass(frozen=True, slots=True)
class SettingsSetAside:
    """The settings file could not be read and was renamed to `aside`. `reason` is a sentence."""

    aside: Path
    reason: str


@dataclass(frozen=True, slots=True)
class NoTray:
    """No tray shows the icon; `page` is the server's status page."""

    page: str


@dataclass(frozen=True, slots=True)
class Ending:
    """The app quits: its server cannot start, and without an icon the user cannot start it. `reason`: a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class Quitting:
    """The app waits for running answers before it quits."""

    answers: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The user has signed in; `account` is the menu's line about the account."""

    account: str


Occurrence = (
    PortMoved
    | Copied
    | DiagnosticsCopied
    | KeyRequired
    | KeyReplaced
    | NetworkOpened
    | SettingsSetAside
    | PlanOccurrence
    | NoTray
    | Ending
    | Quitting
    | SignedIn
)


def problem_in(status: Status, *, now: datetime | None = None) -> Problem | None:
    """The problem to fix first in a server's status; None if there is none. `now` as in `Snapshot`."""
    reason = status.trouble or status.pool.trouble
    if status.pool.lacks is not None:
        return CLI_MISSING if status.pool.lacks == "claude code" else _misnamed(status.pool.trouble or "")
    if status.account.refused and not status.demo:
        return _credentials(status.account.refused, status.account.cure or "")
    if status.account.signed_in is False and not status.demo:
        return SIGNED_OUT
    if status.account.signed_in and status.account.payer == "nobody" and not status.demo:
        return NO_API_KEY
    if (problem := plan_problem(status, now)) is not None:
        return problem
    for circuit in status.circuits:
        if circuit.cause == "limit" and (now is None or circuit.until > now.timestamp()):
            return limit_problem(circuit.until, now)
        if circuit.cause == "upstream":
            return UPSTREAM_DOWN
    if reason or status.state is State.FAILED:
        reason = reason or "The server crashed."
        return Problem(_title(reason, "The server has a problem"), reason, _SEE_LOG, Fix.LOG)
    if status.own_address:
        hint = "Remove that from your environment, then start Drawbridge again."
        title = fitted(f"{status.own_address[0]} points at Drawbridge itself")
        return Problem(title, own_address_line(status.own_address), hint, Fix.NOTHING)
    return _refused(status.refused_origin) if status.refused_origin else None


def _refused(origin: str) -> Problem:
    """A web page that may not use the server. The page itself only sees a failed connection."""
    message = (
        f"A web page of {fitted(origin, 200)} sent a request and was refused. Allow it only if you trust that app."
    )
    hint = "Choose 'Allow that page' in the menu, or change allowed_origins in the settings file."
    return Problem(fitted(f"A page of {origin} was refused"), message, hint, Fix.ALLOW_ORIGIN, origin)


def _credentials(title: str, cure: str) -> Problem:
    """Credentials that a sign-in does not replace."""
    fix = Fix.PLAN if can_plan_pay(title) else Fix.NOTHING
    return Problem(title, f"{title}, so no request can be answered.", cure, fix)


def _misnamed(message: str) -> Problem:
    """A wrong path in the settings; installing Claude Code would not fix it."""
    return Problem(CliMisnamed.title, message, "", Fix.SETTINGS)


def crash_problem(crashes: int, error: BaseException) -> Problem:
    """A server that crashed so often that it is not restarted. `error`: the last one."""
    crashed = f"The server crashed {counted(crashes, 'time')}"
    message = f"{crashed} in a short time and is not restarted. Last error: {_sentence(error)}"
    return Problem(crashed, message, "See the log, then choose 'Start' in the menu.", Fix.LOG)


def problem_for(error: BaseException, *, now: datetime | None = None) -> Problem:  # noqa: C901 # one case for each kind
    """An error as a problem. `now` as in `Snapshot`."""
    match error:
        case CliMissing():
            return _misnamed(str(error)) if isinstance(error, CliMisnamed) else CLI_MISSING
        case CredentialsRefused():
            return _credentials(error.title, error.hint)
        case SignInNeeded():
            return SIGNED_OUT
        case UsageLimit():
            wait_s = error.retry_after_s
            until = now + timedelta(seconds=wait_s) if now is not None and wait_s is not None else None
            return limit_problem(until.timestamp() if until is not None else None, now)
        case PortTaken():
            title = _title(error.message, error.title)
            return Problem(
                title, error.message, "Use the next free port, or choose another one under 'Port'.", Fix.NEXT_PORT
            )
        case SettingsCorrupt():
            return Problem(error.title, error.message, error.hint, Fix.SETTINGS)
        case SettingsInvalid():
            return Problem(_title(error.message, error.title), error.message, error.hint, Fix.SETTINGS)
        case KeyUnreadable() if isinstance(error.__cause__, KeyringAsking):
            text = f"{error.__cause__.hint} The server starts once it is unlocked."
            return Problem(error.__cause__.title, text, "", Fix.NOTHING)
        case KeyringLocked() | KeyUnreadable():
            return Problem(error.title, error.message, error.hint, Fix.RESTART)
        case KeyringMissing():
            hint = "Choose 'Store the key in a private file' under 'Access key' in the menu."
            return Problem(error.title, error.message, hint, Fix.NOTHING)
        case KeyNeeded():
            return Problem(error.title, error.message, "Choose 'New key' under 'Access key' in the menu.", Fix.NOTHING)
        case AlreadyRunning():
            return Problem(error.title, error.message, error.hint, Fix.NOTHING)
        case DrawbridgeError():
            return Problem(_title(error.title, "Something went wrong"), error.message, error.hint or _SEE_LOG, Fix.LOG)
        case _:
            return Problem("Something went wrong", _sentence(error), _SEE_LOG, Fix.LOG)


def _sentence(error: BaseException) -> str:
    if isinstance(error, DrawbridgeError):
        return error.message
    return f"{type(error).__name__}: {error}." if str(error) else f"{type(error).__name__}."


def body_text(title: str, message: str, hint: str) -> str:
    """`message` and `hint` as shown below `title`, without repeating the title."""
    rest = message.removeprefix(title).removeprefix(".").strip()
    return f"{rest or ('' if hint else message)} {hint}".strip()


def _title(message: str, otherwise: str) -> str:
    """The first sentence of `message`, or `otherwise` if that is too long for the menu."""
    first = fitted(message.partition(". ")[0], 1000).rstrip(".")
    return first if 0 < len(first) <= LONGEST else fitted(otherwise)


def notice_for(what: Problem | Occurrence) -> Notice:  # noqa: C901 # as above
    """The notification for a problem or an event. A click on a problem does what the line below it in the menu does."""
    match what:
        case Problem():
            label = _LABELS.get(what.fix, "")
            action = ActOnProblem(what.title) if label else None
            return Notice(what.title, body_text(what.title, what.message, what.hint), action, label)
        case PortMoved():
            text = f"{what.reason} Point your apps at {what.base_url}".strip()
            return Notice(f"Drawbridge is on port {what.port} today", text)
        case Copied(is_certain=False) | DiagnosticsCopied(is_certain=False):
            what_text = what.what if isinstance(what, Copied) else "The diagnostics"
            return Notice("Perhaps not copied", f"{what_text} may not be on the clipboard. {_WAYLAND_HINT}")
        case Copied():
            return Notice("Copied", f"{what.what} is on the clipboard.")
        case DiagnosticsCopied():
            return Notice("Diagnostics copied", "They contain no keys.")
        case KeyRequired():
            paste = "Paste it into your apps; requests without it are refused."
            if what.is_new and what.is_copied:
                return Notice("New access key copied", paste)
            title = "New access key created" if what.is_new else "The access key is required now"
            place = "It is on the clipboard." if what.is_copied else "Copy it under 'Access key'."
            return Notice(title, f"{place} {paste}")
        case KeyReplaced():
            title = "New access key copied" if what.is_copied else "New access key created"
            return Notice(title, "The old one stops working. Paste the new one into the apps that send it.")
        case NetworkOpened():
            created = "An access key was created. " if what.is_new else ""
            place = ", which is on the clipboard" if what.is_copied else ": copy it under 'Access key'"
            text = f"{created}They need the access key{place}. Nothing changes for apps on this computer."
            return Notice("Other devices can connect", text)
        case SettingsSetAside():
            text = f"{what.reason} It was renamed to {str(what.aside)!r}; the defaults are used."
            return Notice("The settings file could not be read", text, Open("settings"), OPEN_SETTINGS)
        case LimitReached() | UsageHigh() | ExtraUsageBegun():
            return plan_notice(what)
        case NoTray():
            text = f"This desktop shows no tray icons. Drawbridge is running anyway. Control it at {what.page}"
            return Notice("Drawbridge runs without an icon", text, Open("page"), "Open dashboard")
        case Ending():
            text = f"{what.reason} The server cannot start, and there is no tray icon to start it later."
            return Notice("Drawbridge quits", text.strip())
        case Quitting():
            return Notice("Drawbridge is quitting", f"{time_to_finish(what.answers)}.")
        case SignedIn():
            return Notice("Signed in to Claude", f"{what.account}.")
        case _:
            assert_never(what)
