"""The server's status as JSON, for /health and /control/status."""

import asyncio
from dataclasses import asdict

from server.errors import DrawbridgeError
from server.machine.version import own_version
from server.status import AccountStatus, State, Status
from server.status_phrases import ollama_state, problem_line
from server.web.interfaces import Engine

NAME = "Drawbridge"


async def account_within(engine: Engine, seconds: float) -> AccountStatus:
    """Asks Claude Code for the account; returns the last known one if that fails or takes longer."""
    try:
        return await asyncio.wait_for(engine.account(), seconds)
    except (TimeoutError, DrawbridgeError):
        return engine.status().account


def state_of(status: Status) -> State:
    """Returns the state; a server that answers counts as running unless it is stopping."""
    return status.state if status.state in {State.STOPPING, State.FAILED} else State.RUNNING


def base_url_of(status: Status, host: str) -> str:
    """Returns the base URL; `host` is the Host header of this request."""
    return status.base_url or f"http://{host}/v1"


def state_json(status: Status, *, host: str, now: float, key_required: bool) -> dict[str, object]:
    """Returns the whole status. `now` is a Unix time."""
    return {
        "status": "ok",
        "version": own_version(),
        "state": state_of(status).value,
        "demo": status.demo,
        "model": status.model,
        "base_url": base_url_of(status, host),
        "lan_addresses": list(status.lan_addresses),
        "ollama": {"state": ollama_state(status.ollama), **asdict(status.ollama)},
        "tunnel": {**asdict(status.tunnel), "base_url": status.tunnel.base_url},
        "key_required": key_required,
        "uptime_s": None if status.started_at is None else round(max(0.0, now - status.started_at), 1),
        "trouble": problem_line(status),
        "cli": asdict(status.cli),
        "account": asdict(status.account),
        "usage": [asdict(window) for window in status.usage],
        "extra_usage": None if status.extra_usage is None else asdict(status.extra_usage),
        "contents": asdict(status.contents),
        "circuits": [asdict(circuit) for circuit in status.circuits],
        "engine": asdict(status.engine),
        "pool": {**asdict(status.pool), "ways": dict(status.pool.ways)},
    }
