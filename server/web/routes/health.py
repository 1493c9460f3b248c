"""Routes about the server: /health, /version, /v1/auth/status, and / for programs and browsers."""

import time
from collections.abc import Callable
from dataclasses import asdict

from fastapi import APIRouter, Request, Response
from starlette.background import BackgroundTask

from server.machine.instance import TOKEN_HEADER
from server.machine.version import own_version
from server.status import AccountStatus, Status
from server.web.access.policy import access_of
from server.web.interfaces import ControlPort, Engine
from server.web.openapi.examples import AUTH_RESPONSES, HEALTH_RESPONSES, ROOT_RESPONSES, VERSION_RESPONSES
from server.web.page_token import page_access, page_token
from server.web.replies import JsonReply
from server.web.routes.status_json import NAME, account_within, base_url_of, state_json, state_of
from server.web.routes.status_page import render_page

# How long /v1/auth/status, and a page that knows no account yet, wait for it; /health never waits.
_PAGE_S = 2.0
_ACCOUNT_S = 10.0


def server_router(
    engine: Engine, *, control: ControlPort | None = None, clock: Callable[[], float] = time.time
) -> APIRouter:
    """The routes about the server. With `control`, the page has a stop button."""
    router = APIRouter(tags=["Server"])

    @router.get("/health", summary="Check the server", responses=HEALTH_RESPONSES)
    async def health(request: Request) -> Response:
        """Returns "ok", and with the key (or if none is required) the server's status."""
        access = access_of(request)
        if not access.is_trusted:
            return JsonReply({"status": "ok", "version": own_version()})
        return JsonReply(_state(request, now=clock(), key_required=access.policy.key is not None))

    @router.get("/v1/auth/status", summary="Show the account and who pays", responses=AUTH_RESPONSES)
    async def auth_status(request: Request) -> Response:
        """Returns who is signed in to Claude Code and who pays: a plan, an API key, Bedrock or Vertex.

        With an app's own key, only whether an account is signed in and who pays.
        """
        account = await account_within(engine, _ACCOUNT_S)
        if access_of(request).key is not None:
            account = AccountStatus(signed_in=account.signed_in, payer=account.payer)
        return JsonReply(asdict(account))

    @router.get("/version", summary="Show the version", responses=VERSION_RESPONSES)
    async def version() -> Response:
        """Returns the version of Drawbridge."""
        return JsonReply({"name": NAME, "version": own_version()})

    @router.get("/", summary="Describe the server", responses=ROOT_RESPONSES)
    async def about(request: Request) -> Response:
        """Describes the server: JSON for programs, a page for browsers."""
        access = page_access(control, access_of(request), request.headers.get(TOKEN_HEADER, ""))
        status = engine.status()
        if "text/html" not in request.headers.get("accept", ""):
            if access.policy.is_ollamas:
                return Response("Ollama is running", media_type="text/plain")
            host, key_required = request.headers["host"], access.policy.key is not None
            return JsonReply(_about_json(status, host=host, key_required=key_required))
        if access.is_trusted and status.account.payer == "unknown":
            await account_within(engine, _PAGE_S)
        token = page_token(control, access)
        page = render_page(engine.status(), access, host=request.headers["host"], token=token, now=clock())
        if access.is_trusted:
            # Asking Claude Code takes up to a second. The page gets what has changed as an event.
            page.background = BackgroundTask(account_within, engine, _PAGE_S)
        return page

    def _state(request: Request, *, now: float, key_required: bool) -> dict[str, object]:
        return state_json(engine.status(), host=request.headers["host"], now=now, key_required=key_required)

    return router


def _about_json(status: Status, *, host: str, key_required: bool) -> dict[str, object]:
    return {
        "name": NAME,
        "version": own_version(),
        "state": state_of(status).value,
        "base_url": base_url_of(status, host),
        "docs": "/docs",
        "health": "/health",
        "key_required": key_required,
    }
