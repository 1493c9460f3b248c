"""The words for what the desktop knows, the same wherever they are shown: menu, tooltip, notification."""

from datetime import UTC, datetime
from typing import assert_never
from urllib.parse import urlsplit

from server.status import AccountStatus, State, UsageWindow
from tray.model import KeyPlace, Snapshot

# A menu is read at a glance; longer lines also make some panels wrap or cut them in the middle.
LONGEST = 59
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BY_THE_TOKEN = {
    "bedrock": "Amazon Bedrock",
    "vertex": "Google Vertex AI",
    "foundry": "Microsoft Foundry",
}


def fitted(text: str, longest: int = LONGEST) -> str:
    """`text` as one line of at most `longest` characters, its end cut off with three dots where it is longer."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun, as in "1 answer" and "2 answers"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def port_of(snapshot: Snapshot) -> int:
    """The port that is in use, which may be the next free one after the one in the settings."""
    try:
        return urlsplit(snapshot.base_url).port or snapshot.port
    except ValueError:
        return snapshot.port


def state_line(snapshot: Snapshot) -> str:
    """What the server does, as the menu's first line says it."""
    status = snapshot.status
    answers = counted(status.pool.answering, "answer")
    place = f"on port {port_of(snapshot)}"
    if snapshot.is_quitting:
        return f"Quitting when {answers} {_ends(status.pool.answering)}" if status.pool.answering else "Quitting"
    match status.state:
        case State.STARTING:
            line = f"Starting {place}"
        case State.RUNNING:
            waiting = f" and {status.pool.waiting} waiting" if status.pool.waiting else ""
            line = f"{answers} running{waiting} {place}" if status.pool.answering else f"Running {place}"
        case State.STOPPING:
            ends = f" when {answers} {_ends(status.pool.answering)}"
            line = f"Stopping{ends if status.pool.answering else ''}"
        case State.STOPPED:
            line = "Stopped"
        case State.FAILED:
            line = "Failed"
        case _:
            assert_never(status.state)
    return f"{line} (demo)" if status.demo else line


def _ends(number: int) -> str:
    return "is finished" if number == 1 else "are finished"


def account_line(account: AccountStatus, *, demo: bool = False) -> str:
    """Who is signed in and who pays. The payer is never cut off: a long name is."""
    if demo or account.payer == "demo":
        return "Demo: no account, nobody pays"
    if account.signed_in and account.payer == "nobody":
        return "Nobody pays: there is no API key"
    if account.payer == "nobody" or account.signed_in is False:
        return "Nobody is signed in to Claude"
    payer = _payer(account)
    if payer is None:
        return (
            "It is not known yet who is signed in" if not account.email else fitted(f"{account.email}: payer unknown")
        )
    if not account.email or account.method == "api_key" or account.payer in _BY_THE_TOKEN:
        return fitted(payer[0].upper() + payer[1:])
    return f"{fitted(account.email, LONGEST - len(payer) - 2)}: {payer}"


def _payer(account: AccountStatus) -> str | None:
    if account.payer == "plan":
        plan = fitted(account.subscription or "", 20)
        return f"the Claude {plan[0].upper()}{plan[1:]} plan pays" if plan else "the Claude plan pays"
    if account.payer == "api key":
        return "an API key pays, by the token"
    if account.payer in _BY_THE_TOKEN:
        return f"{_BY_THE_TOKEN[account.payer]} pays, by the token"
    return None


def usage_line(window: UsageWindow, now: datetime | None) -> str:
    """How much of one window of the plan is used, and when it begins anew."""
    used = "limit reached" if window.is_reached else f"{_percent(window.used)}% used"
    again = moment(window.resets_at, now)
    return f"{window.name}: {used}{f', resets {again}' if again else ''}"


def _percent(used: float) -> int:
    """Whole percent; 100 only when it is all."""
    if not used > 0:
        return 0
    return 100 if used >= 1 else min(99, round(used * 100))


def moment(unix_s: float | None, now: datetime | None) -> str:
    """A time as a person says it: "at 18:00", "tomorrow at 09:00", "on Friday at 09:00", "on 3 December at 09:00".

    Never "in 2 hours", which would be another text each minute and so another menu. Empty for None and for no time.
    """
    if unix_s is None:
        return ""
    try:
        # Half a minute more: a time that is 17:59:59 by a rounding is meant to be 18:00.
        then = datetime.fromtimestamp(unix_s + 30, now.tzinfo if now is not None else UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    clock = f"at {then:%H:%M}"
    if now is None:
        return f"on {then.day} {_MONTHS[then.month - 1]} {clock} UTC"
    days = (then.date() - now.date()).days
    if days == 0:
        return clock
    if days == 1:
        return f"tomorrow {clock}"
    if 1 < days < 7:
        return f"on {_DAYS[then.weekday()]} {clock}"
    return f"on {then.day} {_MONTHS[then.month - 1]} {clock}"


def key_line(snapshot: Snapshot) -> str:
    """Where the access key is kept."""
    match snapshot.key.place:
        case KeyPlace.NONE:
            return "There is no key yet"
        case KeyPlace.KEYRING:
            return "Kept in the system's keyring"
        case KeyPlace.FILE:
            return "Kept in a file that only you can read"
        case KeyPlace.SETTINGS:
            holder = dict(snapshot.pinned).get("api_key")
            return f"Set by {holder}" if holder else "Written in the settings file"
        case _:
            assert_never(snapshot.key.place)
