"""The current problems for the dashboard: each in words, with a remedy."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from server.machine.billing import NO_KEY_HINT
from server.status import CircuitStatus, Status
from server.status_phrases import circuit_line, journal_line, own_address_line, refused_origin_line, sessions_line

_SEE_LOG = "The section Logs has the details."


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem: `is_serious` if requests fail because of it."""

    title: str
    help: str = ""
    is_serious: bool = True


def problems_json(status: Status) -> list[dict[str, object]]:
    """All problems of `status`, the most important first."""
    return [asdict(problem) for problem in problems_of(status)]


def problems_of(status: Status) -> Iterator[Problem]:
    """All problems of `status`, the most important first."""
    if status.trouble:
        yield Problem(status.trouble, _SEE_LOG)
    if status.pool.lacks == "claude code":
        title = "Claude Code was not found. Drawbridge answers through it."
        yield Problem(title, "Install it from https://claude.com/claude-code. Drawbridge then finds it by itself.")
    elif status.pool.trouble:
        help_ = "Correct the setting cli_path." if status.pool.lacks else _SEE_LOG
        yield Problem(status.pool.trouble, help_)
    if not status.demo:
        yield from _of_account(status)
    yield from map(_of_circuit, status.circuits)
    if status.own_address:
        help_ = "Remove that from your environment, then start Drawbridge again."
        yield Problem(own_address_line(status.own_address), help_, is_serious=False)
    if status.refused_origin:
        yield Problem(refused_origin_line(status.refused_origin), is_serious=False)
    help_ = "Check the permissions of the data folder, and the free space."
    if status.sessions_trouble:
        yield Problem(sessions_line(status.sessions_trouble), help_, is_serious=False)
    if status.tunnel.state in {"lost", "failed"} and status.tunnel.problem:
        help_ = " ".join(filter(None, (status.tunnel.hint, status.tunnel.command, status.tunnel.link)))
        yield Problem(f"The tunnel is not open. {status.tunnel.problem}", help_, is_serious=False)
    if status.journal_trouble:
        yield Problem(journal_line(status.journal_trouble), help_, is_serious=False)


def _of_account(status: Status) -> Iterator[Problem]:
    account = status.account
    if account.refused:
        yield Problem(f"{account.refused}, so no request can be answered.", account.cure or "")
    elif account.signed_in is False:
        yield Problem(
            "Claude Code is not signed in, so no request can be answered.",
            "Choose 'Sign in to Claude...' in Drawbridge's menu, or run 'drawbridge login'.",
        )
    elif account.signed_in and account.payer == "nobody":
        yield Problem("No API key was found, although the settings say to bill one.", NO_KEY_HINT)


def _of_circuit(circuit: CircuitStatus) -> Problem:
    help_ = {
        "limit": "Claude answers again then. Another model may have a limit of its own.",
        "upstream": "Drawbridge tries again by itself; until then requests fail at once.",
        "sign in": "Sign in again in Drawbridge's menu, or run 'drawbridge login'.",
    }
    return Problem(circuit_line(circuit), help_[circuit.cause])
