"""The state of a completion, and its stop, by the ids of claude-code-api: those of completions and of sessions."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from server.errors import NotFound
from server.sessions.store import SessionStore
from server.web.access.policy import access_of
from server.web.openapi.completion_status import COMPLETION_ID, STATUS, STOPPED
from server.web.replies import JsonReply
from server.web.routes.conversations.sessions import session_json
from server.web.running import Known, RunningRequests

CompletionId = Annotated[str, Path(examples=[COMPLETION_ID])]
_HINT = "It may have ended some time ago: the last 500 are known. GET /v1/requests lists the running ones."


def completion_status_router(
    running: RunningRequests, sessions: SessionStore, *, clock: Callable[[], float]
) -> APIRouter:
    """The routes over `running`. Each access key sees and stops only its own requests."""
    router = APIRouter(prefix="/v1/chat/completions", tags=["Requests"])

    @router.get("/{completion_id:path}/status", summary="Show the state of a completion", responses=STATUS)
    async def status(http: Request, completion_id: CompletionId) -> Response:
        """Shows whether a completion is running, by the id of the completion, the request or the session."""
        owner = access_of(http).owner
        session = await sessions.info(owner, completion_id) if sessions.is_on else None
        about = {} if session is None else session_json(session, sessions.hours)
        known = running.known_as(completion_id, owner)
        if known is None and session is None:
            raise NotFound(f"No completion has the id '{completion_id[:100]}'.", hint=_HINT)
        return JsonReply({**about, **_status_json(completion_id, known, clock())})

    @router.delete("/{completion_id:path}", summary="Stop a running completion", responses=STOPPED)
    async def stop(http: Request, completion_id: CompletionId) -> Response:
        """Stops a completion, by the same ids as above; its client gets an error."""
        if not running.stop(completion_id, access_of(http).owner):
            raise NotFound(f"No running completion has the id '{completion_id[:100]}'.", hint=_HINT)
        return JsonReply(
            {"id": completion_id, "session_id": completion_id, "object": "chat.completion", "status": "stopped"}
        )

    return router


def _status_json(id_: str, known: Known | None, now: float) -> dict[str, object]:
    """The state as claude-code-api names it. A session without a request since the start is idle."""
    row: dict[str, object] = {"id": id_, "object": "chat.completion.status", "is_running": False, "status": "idle"}
    if known is None:
        return row
    usage = known.usage
    return {
        **row,
        "is_running": known.status == "running",
        "status": known.status,
        "request_id": known.request_id,
        "model": known.model,
        "created": int(now - known.age_ms / 1000),
        "age_ms": known.age_ms,
        "total_tokens": None if usage is None else usage.prompt + usage.output,
        "total_cost": known.cost_usd,
    }
