"""The routes of running requests: list them, and stop one."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from server.errors import NotFound
from server.web.access.policy import access_of
from server.web.journaling import Entry
from server.web.openapi.running import LISTED, RUNNING_ID, STOPPED
from server.web.replies import JsonReply
from server.web.running import RunningRequests

RequestId = Annotated[str, Path(examples=[RUNNING_ID])]


def running_router(running: RunningRequests, *, clock: Callable[[], float]) -> APIRouter:
    """The routes over `running`. Each access key sees and stops only its own requests."""
    router = APIRouter(prefix="/v1/requests", tags=["Requests"])

    @router.get("", summary="List running requests", responses=LISTED)
    async def list_running(http: Request) -> Response:
        """Lists the requests that are being answered now, the oldest first, without their words."""
        entries = running.of(access_of(http).owner)
        return JsonReply({"object": "list", "data": [running_json(entry, clock()) for entry in entries]})

    @router.delete("/{request_id}", summary="Stop a running request", responses=STOPPED)
    async def stop(http: Request, request_id: RequestId) -> Response:
        """Stops a request; its client gets an error. The id is in the header `x-request-id` of the reply."""
        if not running.stop(request_id, access_of(http).owner):
            raise NotFound(f"No running request has the id '{request_id[:100]}'.", hint="It may have just ended.")
        return JsonReply({"id": request_id, "object": "request", "stopped": True})

    return router


def running_json(entry: Entry, now: float) -> dict[str, object]:
    """A running request as JSON. `now` is a Unix time."""
    record, age_ms = entry.record, entry.age_ms
    return {
        "id": record.id,
        "object": "request",
        "created": int(now - age_ms / 1000),
        "app": record.app,
        "dialect": record.dialect,
        "model": record.model or record.asked,
        "way": record.way,
        "first_ms": record.first_ms,
        "age_ms": age_ms,
    }
