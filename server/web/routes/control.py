"""/control: the lever of the running server, for its own commands and its own page, on this computer only."""

import hmac
import time
from collections.abc import Callable

from fastapi import APIRouter, Request, Response

from server.errors import AccessDenied, NotFound
from server.machine.instance import TOKEN_HEADER
from server.web.access.policy import Access, access_of
from server.web.interfaces import ControlPort, Engine
from server.web.replies import JsonReply
from server.web.routes.status_json import state_json
from server.web.routes.status_page import page_token


def control_router(engine: Engine, control: ControlPort, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The control routes, which take the instance's token in the header `x-drawbridge-token` and nothing else."""
    router = APIRouter(include_in_schema=False)

    @router.get("/control/status")
    async def status(request: Request) -> Response:
        visit = _admit(request, control.token)
        key_required = visit.policy.key is not None
        host = request.headers["host"]
        return JsonReply(state_json(engine.status(), host=host, now=clock(), key_required=key_required))

    @router.post("/control/stop")
    async def stop(request: Request) -> Response:
        _admit(request, control.token, page_token(control, access_of(request)))
        control.stop()
        return JsonReply({"state": "stopping"}, status=202)

    return router


def _admit(request: Request, *tokens: str | None) -> Access:
    visit = access_of(request)
    if visit.policy.name != "local":
        raise NotFound(f"There is nothing at {request.url.path}.")
    given = request.headers.get(TOKEN_HEADER, "").encode()
    if not any(token is not None and hmac.compare_digest(given, token.encode()) for token in tokens):
        raise AccessDenied("This needs the token of the running server.", hint="Use 'drawbridge stop'.")
    return visit
