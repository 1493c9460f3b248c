"""The state of the server in words and as JSON, for whoever may know it."""

import asyncio
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime

from server.errors import DrawbridgeError
from server.machine.version import own_version
from server.status import AccountStatus, CircuitStatus, PoolStatus, State, Status, UsageWindow
from server.web.interfaces import Engine

NAME = "Drawbridge"

_PAYERS = {
    "plan": "The Claude plan of this account",
    "api key": "An Anthropic API key, by use",
    "bedrock": "Amazon Bedrock, by use",
    "vertex": "Google Vertex AI, by use",
    "demo": "Nobody: this is a demo",
    "nobody": "Nobody yet",
}


async def account_within(engine: Engine, seconds: float) -> AccountStatus:
    """Who is signed in, asked anew; what was known before where Claude Code takes longer or fails."""
    try:
        return await asyncio.wait_for(engine.account(), seconds)
    except (TimeoutError, DrawbridgeError):
        return engine.status().account


def state_of(status: Status) -> State:
    """The state; who answers at all is running, unless it is about to stop."""
    return status.state if status.state in {State.STOPPING, State.FAILED} else State.RUNNING


def trouble_of(status: Status) -> str | None:
    """What is wrong right now, in words; None when nothing is."""
    return status.trouble or status.pool.trouble or next(map(circuit_words, status.circuits), None)


def circuit_words(circuit: CircuitStatus) -> str:
    """Why requests are refused at once, and until when."""
    until = datetime.fromtimestamp(circuit.until).astimezone()
    whom = f" ({circuit.model})" if circuit.model else ""
    again = "Claude answers again" if circuit.cause == "limit" else "tried again"
    return f"{circuit.title}{whom}; {again} at {until:%H:%M:%S}"


def base_url_of(status: Status, host: str) -> str:
    """Where clients find the API; `host` is what this caller called us."""
    return status.base_url or f"http://{host}/v1"


def state_json(status: Status, *, host: str, now: float, key_required: bool) -> dict[str, object]:
    """Everything the server knows of itself. `now` is in seconds since 1970."""
    return {
        "status": "ok",
        "version": own_version(),
        "state": state_of(status).value,
        "demo": status.demo,
        "model": status.model,
        "base_url": base_url_of(status, host),
        "lan_addresses": list(status.lan_addresses),
        "key_required": key_required,
        "uptime_s": None if status.started_at is None else round(max(0.0, now - status.started_at), 1),
        "trouble": trouble_of(status),
        "cli": asdict(status.cli),
        "account": asdict(status.account),
        "usage": [asdict(window) for window in status.usage],
        "circuits": [asdict(circuit) for circuit in status.circuits],
        "engine": asdict(status.engine),
        "pool": {**asdict(status.pool), "ways": dict(status.pool.ways)},
    }


def account_words(account: AccountStatus) -> str:
    """Who is signed in, as a sentence."""
    if account.payer == "demo":
        return "A demo, without an account"
    if account.signed_in is None:
        return "Not known yet"
    if not account.signed_in:
        return "Nobody is signed in. Run 'drawbridge login'."
    return ", ".join(filter(None, (account.email, account.organization))) or "Signed in"


def payer_words(account: AccountStatus) -> str:
    """Who pays, as a sentence."""
    words = _PAYERS.get(account.payer, "Not known")
    return f"{words} ({account.detail})" if account.detail and account.payer != "demo" else words


def usage_words(usage: Iterable[UsageWindow]) -> str:
    """How much of the plan is used up, as a sentence."""
    return "; ".join(map(str, usage)) or "Not known before the first answer, nor without a plan"


def pool_words(pool: PoolStatus) -> str:
    """What the processes do, as a sentence."""
    words = [f"{pool.answering} answering", f"{pool.ready} ready"]
    if pool.booting:
        words.append(f"{pool.booting} starting")
    if pool.waiting:
        words.append(f"{pool.waiting} requests waiting")
    return f"{', '.join(words)}, of {pool.size} at most"
