"""Turns every exception of a route into an error response with its true status."""

import logging

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import AccessDenied, DrawbridgeError, MethodNotAllowed, NotBuilt, NotFound, UpgradeRefused
from server.web.access.policy import access_of
from server.web.replies import error_response, internal_error
from server.web.unavailable import instead_of

logger = logging.getLogger(__name__)


def add_exception_handlers(app: FastAPI) -> None:
    """Has `app` answer every exception with an error in the form of the path's dialect."""
    app.add_exception_handler(DrawbridgeError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(_ErrorMiddleware)


async def _on_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DrawbridgeError)
    return error_response(error, request.scope)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """Answers the router's own errors: unknown path, wrong method."""
    assert isinstance(error, HTTPException)
    path, headers = request.scope["path"], {}
    # Below it are only the ids of completions, which an app that adds a path to its base URL does not mean.
    is_unknown = error.status_code == 404 or (error.status_code == 405 and path.startswith("/v1/chat/completions/"))
    if error.status_code in {404, 405} and request.headers.get("upgrade", "").lower() == "websocket":
        own: DrawbridgeError = UpgradeRefused(f"{path} is not available over WebSocket.")
    elif is_unknown and (hint := instead_of(path)) is not None:
        own = NotBuilt(f"Drawbridge does not support {path}.", hint=hint)
    elif error.status_code == 405:
        own = MethodNotAllowed(f"{path} does not support the method {request.method}.")
        headers = dict(error.headers or {})
    elif error.status_code == 404:
        own = NotFound(f"There is nothing at {path}.", hint="The base URL ends with /v1.")
    else:
        own = internal_error(error)
    reply = error_response(own, request.scope)
    reply.headers.update(headers)
    return reply


class _ErrorMiddleware:
    """Refuses requests that no `AccessMiddleware` let in, and answers a bug with 500 while the request id is known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            if scope["type"] == "http":
                access_of(Request(scope))
            await self._app(scope, receive, watched)
        except AccessDenied as error:
            await error_response(error, scope)(scope, receive, watched)
        except ClientDisconnect:
            logger.debug("the client disconnected before its request was read")
        except Exception as error:  # noqa: BLE001 # the last handler of a request
            reply = error_response(internal_error(error), scope)
            # A response that has begun is left without an end: the connection closes, so no client takes it for whole.
            if not has_begun:
                await reply(scope, receive, send)
