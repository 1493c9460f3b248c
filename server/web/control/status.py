"""The server's status and its running requests."""

import time
from collections.abc import Callable
from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.status import Status
from server.status_phrases import account_line, pool_line
from server.web.control.admission import Admission
from server.web.control.problems import problems_json
from server.web.interfaces import Engine
from server.web.replies import JsonReply
from server.web.routes.conversations.running import running_json
from server.web.routes.status_json import state_json
from server.web.running import RunningRequests


def status_router(
    admission: Admission, engine: Engine, running: RunningRequests, *, clock: Callable[[], float] = time.time
) -> APIRouter:
    """The routes over the state of `engine` and its `running` requests, of all keys."""
    router = APIRouter()

    @router.get("/status")
    async def status(request: Request) -> Response:
        access = admission.page(request)
        host, key_required = request.headers["host"], access.policy.key is not None
        now = engine.status()
        uptime_s = None if now.started_at is None else round(max(0.0, clock() - now.started_at), 1)
        state = status_for_page(now, admission, host=host, key_required=key_required)
        return JsonReply({**state, "uptime_s": uptime_s})

    @router.get("/requests")
    async def requests(request: Request) -> Response:
        admission.page(request)
        return JsonReply({"data": [running_json(entry, clock()) for entry in running.of(None)]})

    @router.delete("/requests/{request_id}")
    async def stop_request(request: Request, request_id: str) -> Response:
        admission.page(request)
        return JsonReply({"stopped": running.stop(request_id, None)})

    return router


def status_for_page(status: Status, admission: Admission, *, host: str, key_required: bool) -> dict[str, object]:
    """The status as JSON that does not change with the time, with the phrases that the dashboard and the menu share."""
    return {
        **state_json(status, host=host, now=0.0, key_required=key_required),
        "uptime_s": None,
        "started_at": status.started_at,
        "approvals": asdict(status.approvals),
        "computer": asdict(status.computer),
        "can_quit": admission.control.can_quit,
        "problems": problems_json(status),
        "account_line": account_line(status.account, demo=status.demo, longest=200),
        "pool_line": pool_line(status.pool),
    }
