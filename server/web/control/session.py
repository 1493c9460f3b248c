"""Opens the dashboard's session, stops the server, and quits the app."""

import time
from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Request, Response

from server.errors import AccessDenied, KeyRefused
from server.machine.page_ticket import TicketBook
from server.web.control.admission import Admission, local_only
from server.web.page_token import page_token
from server.web.replies import JsonReply

TICKET_HEADER = "x-drawbridge-ticket"


def session_router(admission: Admission, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The routes that give the page its token for a ticket or the access key, and that stop the server or the app."""
    router = APIRouter()
    control = admission.control
    tickets = TicketBook(control.token, clock=clock)

    @router.post("/open")
    async def open_page(request: Request) -> Response:
        access = local_only(request)
        if TICKET_HEADER in request.headers:
            if not tickets.redeem(request.headers[TICKET_HEADER]):
                raise AccessDenied(
                    "This link was used already, or has expired.", hint="Open the dashboard from the menu again."
                )
        elif not access.is_trusted:
            has_key = "authorization" in request.headers
            hint = "Copy the main one from Drawbridge's menu; an app's own key does not open this page."
            raise KeyRefused(
                "The access key is wrong." if has_key else "This server requires an access key.", hint=hint
            )
        return JsonReply({"token": page_token(control, replace(access, is_trusted=True))})

    @router.post("/stop")
    async def stop(request: Request) -> Response:
        admission.page(request)
        control.stop()
        return JsonReply({"state": "stopping"}, status=202)

    @router.post("/quit")
    async def quit_app(request: Request) -> Response:
        admission.page(request)
        control.quit()
        return JsonReply({"state": "quitting"}, status=202)

    return router
