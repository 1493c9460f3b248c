"""Shows, opens and closes the tunnel."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.errors import InvalidRequest, NotFound, TunnelRefused
from server.keys.tunnel_key import ensure_tunnel_key, tunnel_keys
from server.machine.tunnels.provider import Look, Provider
from server.setting_parsers import host_name
from server.status import TunnelStatus
from server.tunnel.manager import TunnelManager
from server.web.control.admission import Admission
from server.web.control.parts import Parts
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.replies import JsonReply

_LOOK_S = 12.0
_PORT = re.compile(r"[1-9][0-9]{0,4}")


def tunnel_router(admission: Admission, engine: Engine, parts: Parts) -> APIRouter:
    """The routes over the tunnel of `parts`."""
    router = APIRouter(prefix="/tunnel")

    @router.get("")
    async def show(request: Request) -> Response:
        """`look=false`: without the providers, for a caller that waits for a change."""
        admission.page(request)
        manager, config = _manager(parts), engine.config
        answer = {**_state(manager.status, parts), "host": config.tunnel_host or "", "at_start": config.tunnel}
        if request.query_params.get("look") != "false":
            answer["providers"] = await _providers(manager, config.tunnel_host or "")
        return JsonReply(answer)

    @router.post("")
    async def open_tunnel(request: Request) -> Response:
        admission.page(request)
        manager, config = _manager(parts), engine.config
        given = await _object(request)
        name, host = _text(given, "provider"), _host(given) or config.tunnel_host or ""
        name = name or ("" if config.tunnel == "off" else config.tunnel.replace(" ", "-"))
        name = name or await _first_ready(manager, host)
        # Before there is a key, whose text is shown only in this reply.
        provider = manager.provider(name)
        if provider.traits.asks and given.get("agreed") is not True:
            raise InvalidRequest(
                f"{provider.traits.reader} can read every request through this tunnel.",
                hint="Send 'agreed': true if that is all right.",
                param="agreed",
            )
        key = None
        if parts.keys is not None:
            key_name, text = await asyncio.to_thread(ensure_tunnel_key, parts.keys)
            key = {"name": key_name, "key": text}
        await manager.open(name, host)
        return JsonReply({**_state(manager.status, parts), "key": key}, status=202)

    @router.delete("")
    async def close(request: Request) -> Response:
        admission.page(request)
        manager = _manager(parts)
        await manager.close()
        return JsonReply(_state(manager.status, parts))

    return router


def _state(status: TunnelStatus, parts: Parts) -> dict[str, object]:
    names = [] if parts.keys is None else [key.name for key in tunnel_keys(parts.keys)]
    return {"status": {**asdict(status), "base_url": status.base_url}, "keys": names}


async def _providers(manager: TunnelManager, host: str) -> list[Mapping[str, object]]:
    providers = list(manager.providers.values())
    looks = await asyncio.gather(*(_look(provider, host) for provider in providers))
    return [{**asdict(one.traits), **asdict(look)} for one, look in zip(providers, looks, strict=True)]


async def _look(provider: Provider, host: str) -> Look:
    try:
        return await asyncio.wait_for(provider.look(host), _LOOK_S)
    except TunnelRefused as error:
        return Look(error.kind, error.message, error.command, error.url)
    except TimeoutError:
        return Look("ended", "Its program does not answer.")


async def _first_ready(manager: TunnelManager, host: str) -> str:
    """The first provider that could open a tunnel at once, and that need not be agreed to."""
    for provider in manager.providers.values():
        if not provider.traits.asks and (await _look(provider, host)).lacks is None:
            return provider.traits.name
    raise InvalidRequest(
        "No tunnel provider is ready.",
        hint="Name one: 'provider' is one of " + ", ".join(manager.providers) + ".",
        param="provider",
    )


def _manager(parts: Parts) -> TunnelManager:
    if parts.tunnel is None:
        raise NotFound("This server has no tunnel.")
    return parts.tunnel


async def _object(request: Request) -> dict[str, object]:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise InvalidRequest("The request body must be a JSON object.")
    return body


def _text(given: Mapping[str, object], name: str) -> str:
    value = given.get(name, "")
    if not isinstance(value, str) or len(value) > 253 or not value.isprintable():
        raise InvalidRequest(f"{name} must be a string.", param=name)
    return value.strip()


def _host(given: Mapping[str, object]) -> str:
    """The public name, as the setting takes it, and with a port, which an address of the user's own may have."""
    whole = _text(given, "host")
    if not whole:
        return ""
    name, colon, port = whole.removeprefix("https://").rstrip("/").partition(":")
    try:
        known = host_name(name)
    except ValueError:
        known = ""
    if not known or (colon and not _PORT.fullmatch(port)):
        raise InvalidRequest(f"{whole!r} is not a public host name, as in claude.example.org.", param="host")
    return f"{known}{colon}{port}"
