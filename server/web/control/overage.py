"""Continues with paid extra usage, although the settings say to stop."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.web.control.admission import Admission
from server.web.interfaces import Engine
from server.web.replies import JsonReply


def overage_router(admission: Admission, engine: Engine) -> APIRouter:
    """The route of the page's and the command's "go on"."""
    router = APIRouter()

    @router.post("/overage")
    async def go_on(request: Request) -> Response:
        admission.page(request)
        engine.allow_extra_usage()
        extra = engine.status().extra_usage
        return JsonReply({"extra_usage": None if extra is None else asdict(extra)})

    return router
