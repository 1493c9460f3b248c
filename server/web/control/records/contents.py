"""Switches the keeping of contents, and shows and exports what is kept."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any  # a kept request as JSON

from fastapi import APIRouter, Request, Response

from server.contents.contents import Contents
from server.contents.export import curl_command, exported
from server.errors import InvalidRequest, NotFound
from server.journal.search import one
from server.machine.version import own_version
from server.web.control.admission import Admission
from server.web.control.records.journal import JournalReader, record_json, whole_number
from server.web.interfaces import Engine
from server.web.json_body import json_body
from server.web.replies import JsonReply
from server.web.routes.status_json import base_url_of

_LONGEST_MIN = 1440.0
_WHY = {
    "not kept": "Contents were not kept when this request was answered, or what was kept is forgotten.",
    "running": "This request is still being answered.",
    "dropped": "This request was kept, and made room for newer ones.",
}
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def contents_router(admission: Admission, contents: Contents | None) -> APIRouter:
    """The routes that switch the keeping and list what is kept."""
    router = APIRouter()

    def state(kept: Contents) -> dict[str, object]:
        return {"on": kept.is_on, **{name: value for name, value in asdict(kept.status).items() if name != "is_on"}}

    @router.get("/contents")
    async def kept(request: Request) -> Response:
        admission.page(request)
        found = _known(contents)
        return JsonReply({**state(found), "data": await asyncio.to_thread(found.all)})

    @router.post("/contents")
    async def switch(request: Request) -> Response:
        admission.page(request)
        is_on, minutes = _wish(await json_body(request))
        found = _known(contents)
        if is_on:
            found.keep(None if minutes is None else minutes * 60)
        else:
            found.stop()
        return JsonReply(state(found))

    @router.delete("/contents")
    async def forget(request: Request) -> Response:
        admission.page(request)
        found = _known(contents)
        found.forget()
        await asyncio.to_thread(found.flush)
        return JsonReply(state(found))

    return router


def kept_request_router(
    admission: Admission, engine: Engine, reader: JournalReader, contents: Contents | None
) -> APIRouter:
    """The routes over one kept request; `reader` has the records of requests that are exported without contents."""
    router = APIRouter()

    @router.get("/contents/{request_id}")
    async def one_request(request: Request, request_id: str) -> Response:
        admission.page(request)
        found = await asyncio.to_thread(_known(contents).get, request_id)
        if isinstance(found, str):
            return JsonReply({"state": found, "id": request_id, "reason": _WHY[found], "on": _known(contents).is_on})
        base = base_url_of(engine.status(), request.headers["host"]).removesuffix("/v1")
        return JsonReply({"state": "kept", **found, "curl": await asyncio.to_thread(curl_command, found, base)})

    @router.delete("/contents/{request_id}")
    async def forget_request(request: Request, request_id: str) -> Response:
        admission.page(request)
        return JsonReply({"forgotten": await asyncio.to_thread(_known(contents).forget_one, request_id)})

    @router.get("/contents/{request_id}/export")
    async def export(request: Request, request_id: str) -> Response:
        admission.page(request)
        found = None if contents is None else await asyncio.to_thread(contents.get, request_id)
        kept_request: Mapping[str, Any] | None = None if isinstance(found, str) else found
        number = whole_number(request, "number")
        record = None
        if number is not None:
            row = await reader.read(lambda connection: one(connection, number), None)
            record = None if row is None or row.id != request_id else record_json(number, row)
        if record is None and kept_request is None:
            raise NotFound("Nothing is known of this request.", hint="It may have been deleted, or be too old.")
        name = f"drawbridge-{_UNSAFE.sub('_', request_id)[:60]}.json"
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        file = await asyncio.to_thread(exported, record, kept_request, version=own_version())
        return JsonReply(file, headers=headers)

    return router


def _known(contents: Contents | None) -> Contents:
    if contents is None:
        raise NotFound("This server keeps no contents.")
    return contents


def _wish(body: object) -> tuple[bool, float | None]:
    """Whether contents are to be kept, and for how many minutes; None: until that is stopped."""
    if not isinstance(body, dict) or not isinstance(body.get("on"), bool):
        raise InvalidRequest('The body must be an object with "on", true or false.', param="on")
    # A misspelt "minutes" would keep contents until that is stopped.
    if unknown := next((str(name)[:80] for name in body if name not in {"on", "minutes"}), None):
        raise InvalidRequest(f"There is no field {unknown!r}.", param=unknown)
    minutes = body.get("minutes")
    if minutes is None:
        return body["on"], None
    is_number = isinstance(minutes, int | float) and not isinstance(minutes, bool)
    # Not a number is in no range, and Python compares integers of any size.
    if not is_number or not 0 < minutes <= _LONGEST_MIN:
        raise InvalidRequest(f"minutes must be a number up to {_LONGEST_MIN:.0f}, or null.", param="minutes")
    return body["on"], float(minutes)
