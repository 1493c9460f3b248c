"""What the dashboard needs to connect Cursor, besides the tunnel: which editions of it are on this computer."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.connect.instructions import ANY_KEY
from server.machine.cursor_editions import Edition, find_editions
from server.web.control.admission import Admission
from server.web.interfaces import Engine
from server.web.replies import JsonReply
from server.web.routes.status_json import base_url_of


def cursor_router(
    admission: Admission, engine: Engine, *, find: Callable[[], tuple[Edition, ...]] = find_editions
) -> APIRouter:
    """The route for Cursor's steps in the dashboard."""
    router = APIRouter()

    @router.get("/cursor")
    async def cursor(request: Request) -> Response:
        admission.page(request)
        editions = await asyncio.to_thread(find)
        return JsonReply(
            {
                "editions": [asdict(edition) for edition in editions],
                "has_private": any(edition.is_private for edition in editions),
                "local_base_url": base_url_of(engine.status(), request.headers["host"]),
                "local_key": None if engine.config.local_key is not None else ANY_KEY,
            }
        )

    return router
