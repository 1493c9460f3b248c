"""/control: status and stop endpoints for local commands and our own page, authenticated by a token."""

import hmac
import time
from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from server.errors import AccessDenied, NotFound
from server.machine.instance import TOKEN_HEADER
from server.machine.page_ticket import TicketBook
from server.web.access.policy import Access, access_of
from server.web.interfaces import ControlPort, Engine
from server.web.replies import JsonReply
from server.web.routes.running import running_json
from server.web.routes.status_json import state_json
from server.web.routes.status_page import page_token
from server.web.running import RunningRequests

TICKET_HEADER = "x-drawbridge-ticket"


def control_router(
    engine: Engine, control: ControlPort, running: RunningRequests, *, clock: Callable[[], float] = time.time
) -> APIRouter:
    """The control routes. They require the instance's token in the header `x-drawbridge-token`."""
    router = APIRouter(include_in_schema=False)

    @router.get("/control/status")
    async def status(request: Request) -> Response:
        access = _admit(request, control.token)
        key_required = access.policy.key is not None
        host = request.headers["host"]
        return JsonReply(state_json(engine.status(), host=host, now=clock(), key_required=key_required))

    @router.get("/control/requests")
    async def requests(request: Request) -> Response:
        _admit(request, control.token)
        return JsonReply({"data": [running_json(entry, clock()) for entry in running.of(None)]})

    @router.delete("/control/requests/{request_id}")
    async def stop_request(request: Request, request_id: str) -> Response:
        _admit(request, control.token)
        return JsonReply({"stopped": running.stop(request_id, None)})

    tickets = TicketBook(control.token, clock=clock)

    @router.post("/control/open")
    async def open_page(request: Request) -> Response:
        access = access_of(request)
        if access.policy.name != "local":
            raise NotFound(f"There is nothing at {request.url.path}.")
        if not tickets.redeem(request.headers.get(TICKET_HEADER, "")):
            raise AccessDenied("This link was used already, or has expired.", hint="Open the page from the menu again.")
        return JsonReply({"token": page_token(control, replace(access, is_trusted=True))})

    @router.post("/control/stop")
    async def stop(request: Request) -> Response:
        _admit(request, control.token, page_token(control, replace(access_of(request), is_trusted=True)))
        control.stop()
        return JsonReply({"state": "stopping"}, status=202)

    return router


def _admit(request: Request, *tokens: str | None) -> Access:
    access = access_of(request)
    if access.policy.name != "local":
        raise NotFound(f"There is nothing at {request.url.path}.")
    sent = request.headers.get(TOKEN_HEADER, "").encode()
    if not any(token is not None and hmac.compare_digest(sent, token.encode()) for token in tokens):
        raise AccessDenied("This needs the token of the running server.", hint="Use 'drawbridge stop'.")
    return access
