"""The clients that can be connected, what to type into each, and what each has sent since."""

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import Literal

from fastapi import APIRouter, Request, Response

from server.connect.clients import CLIENTS, COMMON_CLIENTS, SUMMARIES, TITLES, ClientName
from server.connect.instructions import Setup, instructions_for
from server.errors import InvalidRequest, NotFound
from server.web.arrivals.arrival import Arrival, running_arrival
from server.web.arrivals.diagnosis import diagnosis
from server.web.arrivals.matching import Seen, is_of, last_seen, seen
from server.web.control.admission import Admission
from server.web.control.connecting.markdown_blocks import blocks_of
from server.web.control.parts import Parts
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.replies import JsonReply
from server.web.routes.status_json import base_url_of
from server.web.running import RunningRequests

# What the address field of a client takes, where that is not the base URL.
_ADDRESSES: Mapping[ClientName, Literal["endpoint", "root", "host"]] = MappingProxyType(
    {
        "talon": "endpoint",
        "claude-code": "root",
        "anthropic-python": "root",
        "ollama": "root",
        "vscode": "root",
        "raycast": "host",
    }
)
_CHAT = "/chat/completions"
_KEY_LONGEST = 1000


def clients_router(
    admission: Admission,
    engine: Engine,
    parts: Parts,
    running: RunningRequests,
    *,
    clock: Callable[[], float] = time.time,
) -> APIRouter:
    """The routes over the clients with instructions, and over what arrived from them."""
    router = APIRouter()

    def setup(request: Request, key: str | None = None, *, is_windows: bool = sys.platform == "win32") -> Setup:
        config = engine.config
        base_url = base_url_of(engine.status(), request.headers["host"])
        is_needed = config.local_key is not None or key is not None
        return Setup(base_url, config.model, requires_key=is_needed, key=key, is_windows=is_windows)

    def address(client: ClientName, request: Request) -> str:
        """What the client's address field takes. Cursor's is the tunnel's address; empty while it is closed."""
        if client == "cursor" and parts.tunnel is not None:
            return parts.tunnel.status.base_url
        return address_of(client, setup(request))

    def endpoint(client: ClientName, request: Request) -> str:
        """The whole address of chat completions for the client; empty while Cursor's tunnel is closed."""
        base = parts.tunnel.status.base_url if client == "cursor" and parts.tunnel is not None else None
        base = setup(request).base_url if base is None else base
        return base and f"{base}{_CHAT}"

    @router.get("/clients")
    async def clients(request: Request) -> Response:
        admission.page(request)
        arrivals = parts.arrivals.since(0) if parts.arrivals is not None else []
        place = {"base_url": setup(request).base_url, "key_required": engine.config.local_key is not None}
        return JsonReply({**_cards(arrivals), **place, "now": clock()})

    @router.get("/clients/{name}")
    async def instructions(request: Request, name: str) -> Response:
        admission.page(request)
        return _instructions(_client(name), setup(request))

    # With POST, so that the key is in no address.
    @router.post("/clients/{name}")
    async def filled(request: Request, name: str) -> Response:
        admission.page(request)
        key, system = _choices(await json_body(request))
        return _instructions(_client(name), setup(request, key, is_windows=system == "windows"))

    @router.get("/seen")
    async def what_came(request: Request, client: str = "", since: str = "0") -> Response:
        admission.page(request)
        name, start = _client(client), _time(since)
        found = seen(name, parts.arrivals.since(start) if parts.arrivals is not None else [])
        is_answering = any(is_of(name, running_arrival(entry)) for entry in running.of(None))
        addresses = {"address": address(name, request), "endpoint": endpoint(name, request)}
        row = seen_json(found, addresses=addresses, is_answering=is_answering)
        return JsonReply({"client": name, **row, "now": clock()})

    return router


def _cards(arrivals: Sequence[Arrival]) -> dict[str, object]:
    return {
        "data": [_card(client, last_seen(client, arrivals)) for client in _in_order()],
        "was_asked": any(arrival.is_ok and arrival.kind == "request" for arrival in arrivals),
        "system": "windows" if sys.platform == "win32" else "posix",
    }


def address_of(client: ClientName, setup: Setup) -> str:
    """What to enter where `client` asks for an address."""
    values = setup.values(client)
    match _ADDRESSES.get(client):
        case "endpoint":
            return f"{values['base_url']}{_CHAT}"
        case "root":
            return values["root_url"]
        case "host":
            return values["host"]
        case _:
            return values["base_url"]


def seen_json(found: Seen, *, addresses: Mapping[str, str], is_answering: bool) -> dict[str, object]:
    """What came from a client; `addresses` are those that a finding may offer, by the names of offers."""
    finding = None if found.finding is None else asdict(found.finding)
    if finding is not None and finding["offer"] in addresses:
        finding |= {"offer": "address", "value": addresses[finding["offer"]]}
    return {
        "state": "answering" if is_answering and found.state != "seen" else found.state,
        "last": None if found.last is None else arrival_json(found.last),
        "finding": finding,
        "found_at": found.found_at,
        "others": [arrival_json(other) for other in found.others],
    }


def arrival_json(arrival: Arrival) -> dict[str, object]:
    """What the dashboard shows of an arrival."""
    finding = diagnosis(arrival)
    return {
        "at": arrival.at,
        "app": arrival.app,
        "kind": arrival.kind,
        "model": arrival.model or arrival.asked,
        "way": arrival.way,
        "key": arrival.key,
        "status": arrival.status,
        "seconds": arrival.seconds,
        "ok": arrival.is_ok,
        "text": "" if finding is None else finding.text,
    }


def _in_order() -> list[ClientName]:
    return [*COMMON_CLIENTS, *(client for client in CLIENTS if client not in COMMON_CLIENTS)]


def _card(client: ClientName, last: Arrival | None) -> dict[str, object]:
    return {
        "name": client,
        "title": TITLES[client],
        "summary": SUMMARIES[client],
        "common": client in COMMON_CLIENTS,
        # Its requests come through a tunnel, where a key is always required.
        "needs_key": client == "cursor",
        "seen_at": None if last is None else last.at,
    }


def _instructions(client: ClientName, setup: Setup) -> Response:
    found = instructions_for(client, setup)
    return JsonReply(
        {
            "client": client,
            "title": TITLES[client],
            "address": address_of(client, setup),
            "base_url": setup.base_url,
            "model": setup.model,
            "key_required": setup.requires_key,
            "key_missing": setup.requires_key and setup.key is None,
            "system": "windows" if setup.is_windows else "posix",
            "has_commands": any(snippet.language in {"sh", "powershell"} for snippet in found.snippets),
            "manual": f"/manual/clients/{client}",
            "blocks": blocks_of(found.text),
        }
    )


def _client(name: str) -> ClientName:
    for client in CLIENTS:
        if client == name:
            return client
    raise NotFound("There are no instructions for this client.")


def _time(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise InvalidRequest("since must be a Unix time.", param="since") from error


def _choices(body: object) -> tuple[str | None, str]:
    """The key and the system that the dashboard wants the instructions for."""
    if not isinstance(body, dict):
        raise InvalidRequest("The body must be an object.")
    key, system = body.get("key"), body.get("system", "windows" if sys.platform == "win32" else "posix")
    if key is not None and (not isinstance(key, str) or not 0 < len(key) <= _KEY_LONGEST or not key.isprintable()):
        raise InvalidRequest("key must be a string of printable characters.", param="key")
    if not isinstance(system, str) or system not in {"windows", "posix"}:
        raise InvalidRequest("system must be 'windows' or 'posix'.", param="system")
    return key, system
