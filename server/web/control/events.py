"""The live events of the server, and the last lines of its log."""

import asyncio
import time
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from server.web.control.admission import Admission
from server.web.control.parts import Parts
from server.web.control.status import status_for_page
from server.web.events.hub import EventHub
from server.web.events.log_lines import tail
from server.web.events.stream import EventStream
from server.web.interfaces import Engine
from server.web.journaling import Entry
from server.web.replies import JsonReply
from server.web.routes.conversations.running import running_json
from server.web.running import RunningRequests


def events_router(
    admission: Admission,
    engine: Engine,
    running: RunningRequests,
    parts: Parts,
    *,
    clock: Callable[[], float] = time.time,
) -> APIRouter:
    """The routes over the events of `parts.hub` and over the log."""
    router = APIRouter()
    hub = parts.hub
    assert hub is not None

    @router.get("/events")
    async def events(request: Request) -> Response:
        access = admission.page(request)
        host, key_required = request.headers["host"], access.policy.key is not None
        key = engine.config.local_key

        def state() -> object:
            return {"requests": [live_json(entry, clock()) for entry in running.of(None)]}

        def status() -> object:
            return status_for_page(engine.status(), admission, host=host, key_required=key_required)

        # A new key ends old pages.
        last_id, is_allowed = request.headers.get("last-event-id", ""), lambda: engine.config.local_key == key
        return EventStream(hub, last_id, state=state, status=status, is_allowed=is_allowed)

    @router.get("/logs")
    async def logs(request: Request) -> Response:
        admission.page(request)
        newest = list(parts.log.lines) if parts.log is not None else []
        before = float(str(newest[0]["time"])) if newest else clock()
        older = await asyncio.to_thread(tail, parts.log_folder, before) if parts.log_folder is not None else []
        folder = str(parts.log_folder) if parts.log_folder is not None else None
        return JsonReply({"data": [*older, *newest], "folder": folder, "level": engine.config.log_level})

    @router.get("/diagnostics")
    async def diagnostics(request: Request) -> Response:
        admission.page(request)
        text = await asyncio.to_thread(parts.diagnose) if parts.diagnose is not None else ""
        return JsonReply({"text": text})

    return router


def live_json(entry: Entry, now: float) -> dict[str, object]:
    """A running request as JSON. `number` tells requests with the same id apart; `now` is a Unix time."""
    began = round(now - entry.age_ms / 1000, 3)
    return {**running_json(entry, now), "number": entry.number, "began": began, "key": entry.record.key}


def publish_running(hub: EventHub, clock: Callable[[], float]) -> Callable[[str, Entry], None]:
    """What `RunningRequests` calls when a request has started, and when its answer begins."""

    def publish(phase: str, entry: Entry) -> None:
        hub.publish("request", {"phase": phase, "request": live_json(entry, clock())})

    return publish
