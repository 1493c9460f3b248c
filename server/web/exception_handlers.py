"""Whatever goes wrong in a request leaves as JSON in OpenAI's shape, with a true status."""

import logging

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import DoorClosed, DrawbridgeError, NoSuchThing, NotBuilt, WrongMethod
from server.web.access.policy import access_of
from server.web.path_aliases import is_unbuilt
from server.web.replies import own_mistake, refusal

logger = logging.getLogger(__name__)


def add_exception_handlers(app: FastAPI) -> None:
    """Has every error of the routes leave as JSON."""
    app.add_exception_handler(DrawbridgeError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(_ErrorMiddleware)


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, DrawbridgeError)
    return refusal(error)


async def _on_http_error(request: Request, error: Exception) -> Response:
    """What the router says itself: no such path, or not this method."""
    assert isinstance(error, HTTPException)
    path = request.scope["path"]
    if error.status_code == 405:
        reply = refusal(WrongMethod(f"{path} does not answer {request.method}."))
        reply.headers.update(error.headers or {})
        return reply
    if error.status_code == 404 and is_unbuilt(path):
        return refusal(NotBuilt(f"Drawbridge does not answer {path} yet.", hint="Use /v1/chat/completions."))
    if error.status_code == 404:
        return refusal(NoSuchThing(f"There is nothing at {path}.", hint="The base URL ends with /v1."))
    return refusal(own_mistake(error))


class _ErrorMiddleware:
    """Serves nothing without a door, and turns a bug into a 500 where the request id is still known."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_head = False

        async def watched(message: Message) -> None:
            nonlocal has_head
            has_head = True
            await send(message)

        try:
            if scope["type"] == "http":
                access_of(Request(scope))
            await self._app(scope, receive, watched)
        except DoorClosed as error:
            await refusal(error)(scope, receive, watched)
        except ClientDisconnect:
            logger.debug("the client left before its request was read")
        except Exception as error:  # noqa: BLE001 # the edge of a request
            reply = refusal(own_mistake(error))
            if has_head:
                # The reply is torn: without an end the connection is closed, and nobody takes it for whole.
                return
            await reply(scope, receive, send)
