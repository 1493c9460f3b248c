"""Ends Claude's use of the desktop. It is never started here: only the tray on this computer starts it."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.web.control.admission import Admission
from server.web.interfaces import Engine
from server.web.replies import JsonReply


def computer_router(admission: Admission, engine: Engine) -> APIRouter:
    """The route of the dashboard's "Stop". What Claude does is in the status."""
    router = APIRouter(prefix="/computer")

    @router.post("/stop")
    async def stop(request: Request) -> Response:
        admission.page(request)
        engine.computer.stop("page")
        return JsonReply({"computer": asdict(engine.computer.status)})

    return router
