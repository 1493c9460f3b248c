"""Phrases for the server's status, shared by the menu, the status page and the command line."""

from collections.abc import Sequence
from datetime import UTC, datetime

from server.status import (
    AccountStatus,
    CircuitStatus,
    ContentsStatus,
    ExtraUsageStatus,
    OllamaStatus,
    PoolStatus,
    Status,
    TunnelStatus,
    UsageWindow,
)

# A menu is read at a glance; longer lines also make some panels wrap or cut them in the middle.
LONGEST = 59
_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_CLOUDS = {
    "bedrock": "Amazon Bedrock",
    "vertex": "Google Vertex AI",
    "foundry": "Microsoft Foundry",
}


def fitted(text: str, longest: int = LONGEST) -> str:
    """Returns `text` as one line of at most `longest` characters, cut off with three dots if it is longer."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return line if len(line) <= longest else line[: longest - 3].rstrip() + "..."


def counted(number: int, one: str, many: str | None = None) -> str:
    """Returns a number with its noun, as in "1 answer" and "2 answers"."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def account_line(account: AccountStatus, *, demo: bool = False, longest: int = LONGEST) -> str:
    """Says who is signed in and who pays. A long e-mail address is cut, the payer never."""
    if demo or account.payer == "demo":
        return "Demo: no account, no cost"
    if account.refused:
        return fitted(account.refused, longest)
    if account.signed_in and account.payer == "nobody":
        return "No API key, so nothing can be answered"
    if account.payer == "nobody" or account.signed_in is False:
        return "Not signed in to Claude"
    payer = _payer(account)
    if payer is None:
        return fitted(f"{account.email}: payer unknown", longest) if account.email else "Checking who is signed in..."
    if not account.email or account.method == "api_key" or account.payer in _CLOUDS:
        return fitted(payer[0].upper() + payer[1:], longest)
    return f"{fitted(account.email, longest - len(payer) - 2)}, {payer}"


def _payer(account: AccountStatus) -> str | None:
    if account.payer == "plan":
        plan = fitted(account.subscription or "", 20)
        return f"on the Claude {plan[0].upper()}{plan[1:]} plan" if plan else "on the Claude plan"
    if account.payer == "api key":
        return "billed per token to an API key"
    if account.payer in _CLOUDS:
        return f"billed per token to {_CLOUDS[account.payer]}"
    return None


def usage_line(window: UsageWindow, now: datetime | None) -> str:
    """Says how much of one window of the plan is used, and when it resets."""
    used = "limit reached" if window.is_reached else f"{percent(window.used)}% used"
    resets = moment(window.resets_at, now)
    return f"{window.name}: {used}{f', resets {resets}' if resets else ''}"


def extra_usage_line(extra: ExtraUsageStatus, now: datetime | None) -> str:
    """Says whether paid extra usage answers, as in "Paid extra usage: in use, resets at 18:00"."""
    if extra.state != "in use":
        return f"Paid extra usage: {extra.state}"
    if extra.is_near_limit and not extra.is_stopped:
        return "Paid extra usage: in use, near its limit"
    resets = moment(extra.resets_at, now)
    return f"Paid extra usage: {'stopped' if extra.is_stopped else 'in use'}{f', resets {resets}' if resets else ''}"


def contents_line(contents: ContentsStatus, now: datetime | None) -> str:
    """Says that contents are kept, as in "Contents of requests are kept until 14:45"; "" if they are not."""
    if not contents.is_on:
        return ""
    until = moment(contents.until, now).removeprefix("at ")
    return f"Contents of requests are kept{f' until {until}' if until else ''}"


def percent(used: float) -> int:
    """Rounds to whole percent; 100 only if all is used."""
    if not used > 0:
        return 0
    return 100 if used >= 1 else min(99, round(used * 100))


def moment(unix_s: float | None, now: datetime | None) -> str:
    """Returns "at 18:00", "tomorrow at 09:00", "on Friday at 09:00" or "on 3 December at 09:00"; "" for no valid time.

    Never "in 2 hours": that text, and with it the menu, would change each minute.
    """
    if unix_s is None:
        return ""
    try:
        # Half a minute more: 17:59:59 is a rounded 18:00.
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


def pool_line(pool: PoolStatus) -> str:
    """Says what the processes do, as in "2 of 3 ready, 1 busy"."""
    phrases = [f"{pool.ready} of {pool.size} ready", f"{pool.answering} busy"]
    if pool.booting:
        phrases.append(f"{pool.booting} starting")
    if pool.waiting:
        phrases.append(f"{counted(pool.waiting, 'request')} waiting")
    return ", ".join(phrases)


def circuit_line(circuit: CircuitStatus) -> str:
    """Says why requests are refused at once, and until when."""
    until = datetime.fromtimestamp(circuit.until).astimezone()
    model = f" ({circuit.model})" if circuit.model else ""
    return f"{circuit.title}{model}; {'resets' if circuit.cause == 'limit' else 'next try'} at {until:%H:%M:%S}"


def own_address_line(variables: Sequence[str]) -> str:
    """Says that these variables point at Drawbridge itself."""
    verb, them = ("points", "it") if len(variables) == 1 else ("point", "them")
    return f"{' and '.join(variables)} {verb} at Drawbridge itself. Claude Code is started without {them}."


def refused_origin_line(origin: str) -> str:
    """Says that a page was refused, which the page itself shows as a failed connection only."""
    return f"A page of {fitted(origin, 200)} was refused. If you trust it, add that origin to allowed_origins."


def problem_line(status: Status) -> str | None:
    """Says what is wrong now; None if nothing is."""
    known = status.trouble or status.pool.trouble or next(map(circuit_line, status.circuits), None)
    known = known or (own_address_line(status.own_address) if status.own_address else None)
    known = known or (refused_origin_line(status.refused_origin) if status.refused_origin else None)
    known = known or (sessions_line(status.sessions_trouble) if status.sessions_trouble else None)
    return known or (journal_line(status.journal_trouble) if status.journal_trouble else None)


def sessions_line(trouble: str) -> str:
    """Says why sessions will not survive a restart."""
    return f"Sessions are kept in memory only: their file cannot be written ({trouble})."


def journal_line(trouble: str) -> str:
    """Says why the list of requests has gaps."""
    return f"Requests are answered but not listed: the file of the list cannot be written ({trouble})."


def ollama_state(ollama: OllamaStatus) -> str:
    """Whether Ollama's port answers, for programs."""
    return "refused" if ollama.refused else "listening" if ollama.addresses else "off"


def ollama_line(ollama: OllamaStatus) -> str:
    """Whether Ollama's port answers, as in "answers at 127.0.0.1:11434"."""
    if ollama.refused:
        return f"does not answer: {ollama.refused}"
    return f"answers at {', '.join(ollama.addresses)}" if ollama.addresses else "off"


def tunnel_line(tunnel: TunnelStatus) -> str:
    """The tunnel's state in one line."""
    match tunnel.state:
        case "open":
            return f"Open through {tunnel.title}"
        case "opening":
            return f"Opening: {tunnel.title}"
        case "lost":
            return f"Lost, and being opened again: {tunnel.title}"
        case "failed":
            return f"Not open: {tunnel.title}"
    if tunnel.closed_after_hours:
        return f"Closed: not used for {tunnel.closed_after_hours:g} hours"
    return "Off"
