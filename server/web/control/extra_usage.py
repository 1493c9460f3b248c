"""Continues with paid extra usage, although the settings say to stop; stops again."""

from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.web.control.admission import Admission
from server.web.interfaces import Engine
from server.web.replies import JsonReply


def extra_usage_router(admission: Admission, engine: Engine) -> APIRouter:
    """The routes of "go on" and "stop again", for the dashboard and the command."""
    router = APIRouter()

    @router.post("/extra-usage")
    async def go_on(request: Request) -> Response:
        return _allow(request, is_allowed=True)

    @router.delete("/extra-usage")
    async def stop_again(request: Request) -> Response:
        return _allow(request, is_allowed=False)

    def _allow(request: Request, *, is_allowed: bool) -> Response:
        admission.page(request)
        engine.allow_extra_usage(is_allowed=is_allowed)
        extra = engine.status().extra_usage
        return JsonReply({"extra_usage": None if extra is None else asdict(extra)})

    return router
