"""QR codes for a phone: the base URL of this server as other devices reach it, with a key.

A code with a key is as secret as the key: it is in a reply to POST that is not cached, and in no log.
"""

import asyncio
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response

from server.connect.qr_code import qr_code
from server.errors import InvalidRequest
from server.keys.named_key import NamedKey
from server.status import Status
from server.web.control.admission import Admission
from server.web.control.parts import Parts
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.replies import JsonReply

_KEY_LONGEST = 1000


def phone_router(admission: Admission, engine: Engine, parts: Parts) -> APIRouter:
    """The routes over the addresses for other devices, and their codes."""
    router = APIRouter(prefix="/phone")

    @router.get("")
    async def addresses(request: Request) -> Response:
        admission.page(request)
        rows = [{"base_url": url, "listener": listener} for url, listener in _addresses(engine.status())]
        return JsonReply({"data": rows, "has_main_key": engine.config.api_key is not None})

    # With POST, so that the key is in no address.
    @router.post("")
    async def code(request: Request) -> Response:
        admission.page(request)
        given = await json_body(request)
        if not isinstance(given, dict):
            raise InvalidRequest("The request body must be a JSON object.")
        asked = given.get("base_url")
        url, listener = next((row for row in _addresses(engine.status()) if row[0] == asked), ("", ""))
        if not url:
            raise InvalidRequest("base_url is not an address of this server for other devices.", param="base_url")
        text = _key_for(listener, given.get("key"), engine.config.api_key, parts)
        # Making it takes some milliseconds of processor time.
        drawn = await asyncio.to_thread(qr_code, f"{url}\n{text}" if text else url)
        return JsonReply({"size": drawn.size, "path": drawn.path, "has_key": text is not None})

    return router


def _addresses(status: Status) -> Iterator[tuple[str, str]]:
    """The base URLs for other devices, each with the listener that it leads to."""
    for address in status.lan_addresses:
        yield f"http://{address}/v1", "lan"
    if status.tunnel.base_url:
        yield status.tunnel.base_url, "tunnel"


def _key_for(listener: str, key: object, main: str | None, parts: Parts) -> str | None:
    """The text of the key to put into the code: none, the server's own for `True`, or the given one of an app.

    Only a key that the address accepts is taken. Raises `InvalidRequest`.
    """
    if key is None:
        return None
    if key is True:
        if listener != "lan" or main is None:
            raise InvalidRequest("This address does not take the main access key: make a key of its own.", param="key")
        return main
    if not isinstance(key, str) or len(key) > _KEY_LONGEST:
        raise InvalidRequest("key must be a string, or true for the main access key.", param="key")
    found: NamedKey | None = parts.keys.find(key) if parts.keys is not None else None
    if found is None or listener not in found.rights.listeners:
        raise InvalidRequest("This is not a key that may be used at this address.", param="key")
    return key
