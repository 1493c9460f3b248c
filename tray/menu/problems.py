"""What is wrong and what has happened, in the desktop's words: problems for the menu, notices for notifications."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import assert_never, overload

from server.errors import (
    AlreadyRunning,
    CliMisnamed,
    CliMissing,
    DrawbridgeError,
    KeyNeeded,
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
from server.status import State, Status, UsageWindow
from server.status_phrases import LONGEST, counted, fitted, moment
from tray.commands import ActOnProblem, Open
from tray.model import Fix, KeyPlace, Notice, Problem

CLI_MISSING = Problem(
    "Claude Code was not found",
    "Drawbridge answers through Claude Code, and there is none on this computer.",
    "Install it from https://claude.com/claude-code.",
    Fix.INSTALL,
)
SIGNED_OUT = Problem(
    "Claude Code is not signed in",
    "Nobody is signed in to Claude, so no request can be answered.",
    "Choose 'Sign in to Claude...' in the menu.",
    Fix.SIGN_IN,
)
NO_API_KEY = Problem(
    "There is no API key to pay",
    "The settings have an API key pay, and there is none, so no request can be answered.",
    NO_KEY_HINT,
    Fix.SETTINGS,
)
UPSTREAM_DOWN = Problem(
    "Claude's API is not answering",
    "Claude's API failed several times in a row, so requests are refused at once. It is tried again now and then.",
    "",
    Fix.NOTHING,
)
_SEE_LOG = "The log says more: choose 'Open log folder' in the menu."


@dataclass(frozen=True, slots=True)
class PortMoved:
    """The default port was taken, `why` in words, and `port` is used instead."""

    port: int
    why: str


@dataclass(frozen=True, slots=True)
class Copied:
    """Something is in the clipboard: `what` as a noun with its article, as in "The access key"."""

    what: str


@dataclass(frozen=True, slots=True)
class KeyCreated:
    """There is a new access key, in the clipboard too if `is_copied`."""

    place: KeyPlace
    is_copied: bool


@dataclass(frozen=True, slots=True)
class SettingsSetAside:
    """The settings file could not be read: it is now `aside`, and the defaults hold."""

    aside: Path
    why: str


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A window of the plan is used up."""

    window: UsageWindow
    now: datetime | None


@dataclass(frozen=True, slots=True)
class NoTray:
    """The desktop has no place for the icon; the page at `page` shows how it is."""

    page: str


@dataclass(frozen=True, slots=True)
class Quitting:
    """The app ends when so many answers have ended."""

    answers: int


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The sign-in is done; `account` says who is signed in and who pays, as the menu does."""

    account: str


Occurrence = PortMoved | Copied | KeyCreated | SettingsSetAside | LimitReached | NoTray | Quitting | SignedIn


@overload
def problem_for(problem: BaseException, *, crashes: int = 0, now: datetime | None = None) -> Problem: ...
@overload
def problem_for(problem: Status, *, crashes: int = 0, now: datetime | None = None) -> Problem | None: ...
def problem_for(problem: Status | BaseException, *, crashes: int = 0, now: datetime | None = None) -> Problem | None:
    """The problem that a server's status tells of (None: all is well), or the one that an error is.

    `crashes`: it ended by itself so often that it is not started again. `now` as in `Snapshot`.
    """
    if crashes:
        return _crashed(crashes, problem)
    return _in_status(problem, now) if isinstance(problem, Status) else _from_error(problem, now)


def _crashed(crashes: int, last: Status | BaseException) -> Problem:
    reason = last.trouble if isinstance(last, Status) else _sentence(last)
    ended = counted(crashes, "time")
    said = f" The last time: {reason}" if reason else ""
    return Problem(
        f"The server ended by itself {ended}",
        f"The server ended by itself {ended} in a short while and is not started again.{said}",
        "See the log, then choose 'Start' in the menu.",
        Fix.LOG,
    )


def _in_status(status: Status, now: datetime | None) -> Problem | None:
    """Of several problems the one that must be mended first: no program, no sign-in, no allowance, anything else."""
    said = status.trouble or status.pool.trouble
    if status.pool.lacks is not None:
        return CLI_MISSING if status.pool.lacks == "claude code" else _misnamed(status.pool.trouble or "")
    if status.account.signed_in is False and not status.demo:
        return SIGNED_OUT
    if status.account.signed_in and status.account.payer == "nobody" and not status.demo:
        return NO_API_KEY
    reached = [window for window in status.usage if window.is_reached]
    if reached:
        return _limit(max((window.resets_at for window in reached if window.resets_at is not None), default=None), now)
    for circuit in status.circuits:
        if circuit.cause == "limit" and (now is None or circuit.until > now.timestamp()):
            return _limit(circuit.until, now)
        if circuit.cause == "upstream":
            return UPSTREAM_DOWN
    if said or status.state is State.FAILED:
        reason = said or "The server ended by itself."
        return Problem(_title(reason, "The server has a problem"), reason, _SEE_LOG, Fix.LOG)
    return None


def _misnamed(said: str) -> Problem:
    """A path in the settings that leads nowhere has words of its own, and to install another one does not mend it."""
    return Problem(CliMisnamed.title, said, "", Fix.SETTINGS)


def _limit(resets_at: float | None, now: datetime | None) -> Problem:
    again = moment(resets_at, now)
    if not again:
        return Problem("Claude's usage limit is reached", "Claude answers no requests for now.", "", Fix.NOTHING)
    return Problem(
        f"Usage limit reached, resets {again}",
        f"Claude's usage limit is reached. Claude answers again {again}.",
        "",
        Fix.NOTHING,
    )


def _from_error(error: BaseException, now: datetime | None) -> Problem:
    match error:
        case CliMissing():
            return _misnamed(str(error)) if isinstance(error, CliMisnamed) else CLI_MISSING
        case SignInNeeded():
            return SIGNED_OUT
        case UsageLimit():
            wait_s = error.retry_after_s
            until = now + timedelta(seconds=wait_s) if now is not None and wait_s is not None else None
            return _limit(until.timestamp() if until is not None else None, now)
        case PortTaken():
            title = _title(error.message, error.title)
            return Problem(
                title, error.message, "Use the next free port, or choose another one under 'Port'.", Fix.NEXT_PORT
            )
        case SettingsCorrupt():
            return Problem(error.title, error.message, error.hint, Fix.SETTINGS)
        case SettingsInvalid():
            return Problem(_title(error.message, error.title), error.message, error.hint, Fix.SETTINGS)
        case KeyringLocked() | KeyUnreadable():
            return Problem(error.title, error.message, error.hint, Fix.RESTART)
        case KeyringMissing():
            hint = "Choose 'Keep it in a file only you can read' under 'Access key' in the menu."
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


def said_after(title: str, message: str, hint: str) -> str:
    """`message` and `hint` as they stand below or behind `title`: nothing is said twice."""
    rest = message.removeprefix(title).removeprefix(".").strip()
    return f"{rest or ('' if hint else message)} {hint}".strip()


def _title(message: str, otherwise: str) -> str:
    """The first sentence of `message` if it is short enough for the menu."""
    first = fitted(message.partition(". ")[0], 1000).rstrip(".")
    return first if 0 < len(first) <= LONGEST else fitted(otherwise)


def notice_for(what: Problem | Occurrence) -> Notice:
    """The notification for a problem, whose click does what its line in the menu does, or for what has happened."""
    match what:
        case Problem():
            action = None if what.fix is Fix.NOTHING else ActOnProblem()
            return Notice(what.title, said_after(what.title, what.message, what.hint), action)
        case PortMoved():
            return Notice(f"Drawbridge uses port {what.port}", f"{what.why} Your apps need the new base URL.".strip())
        case Copied():
            return Notice("Copied", f"{what.what} is in the clipboard.")
        case KeyCreated():
            where = {KeyPlace.KEYRING: "the system's keyring", KeyPlace.FILE: "a file that only you can read"}
            kept = f"It is kept in {where[what.place]}" if what.place in where else "It is kept until Drawbridge ends"
            copied = ", and it is in the clipboard" if what.is_copied else ""
            return Notice("There is a new access key", f"{kept}{copied}. Apps must send it from now on.")
        case SettingsSetAside():
            text = f"{what.why} It is kept as {str(what.aside)!r}, and the defaults hold."
            return Notice("The settings file could not be read", text, Open("settings"))
        case LimitReached():
            problem = _limit(what.window.resets_at, what.now)
            return Notice(problem.title, f"{problem.message} ({what.window.name})")
        case NoTray():
            text = f"This desktop shows no tray icons. Drawbridge runs all the same; its page is {what.page}"
            return Notice("Drawbridge runs without an icon", text, Open("page"))
        case Quitting():
            running = counted(what.answers, "answer is", "answers are")
            return Notice("Drawbridge is quitting", f"{running} still running and may finish first.")
        case SignedIn():
            return Notice("Signed in to Claude", f"{what.account}.")
        case _:
            assert_never(what)
