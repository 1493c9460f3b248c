"""The edge of a request: whatever goes wrong inside leaves as JSON in OpenAI's shape, with a true status."""

import json
import logging
import traceback
from collections.abc import Mapping

from fastapi import FastAPI
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.errors import DoorClosed, DrawbridgeError, InvalidRequest, NoSuchThing, NotBuilt, WrongMethod
from server.openai.problems import problem_for
from server.web.frames import JSON_HEADERS, json_bytes
from server.web.paths import is_unbuilt
from server.web.policy import visit_of

logger = logging.getLogger(__name__)


class JsonReply(Response):
    """`value` as JSON that nobody keeps."""

    def __init__(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json_bytes(value), status_code=status, headers=dict(headers or {}))
        self.raw_headers.extend(JSON_HEADERS)


def refusal(error: DrawbridgeError) -> JsonReply:
    """The reply that says `error`."""
    problem = problem_for(error)
    return JsonReply(problem.body, status=problem.status, headers=problem.headers)


def own_mistake(error: BaseException) -> DrawbridgeError:
    """Logs a bug of ours, without its message, which might quote the request, and gives what the caller may know."""
    stack = "".join(traceback.format_tb(error.__traceback__))
    cause = error.__cause__ or error.__context__
    origin = f" (from {type(cause).__name__})" if cause else ""
    logger.error("a bug in Drawbridge: %s%s\n%s", type(error).__name__, origin, stack)
    return DrawbridgeError(
        "Drawbridge made a mistake while it answered this request.",
        hint="Its log says where, under the id in the header x-request-id.",
    )


async def json_body(request: Request) -> object:
    """The body of the request, parsed. Raises `InvalidRequest` where it is no JSON."""
    raw = await request.body()
    if not raw.strip():
        raise InvalidRequest("The body is empty.", hint="Send a JSON object.")
    try:
        return json.loads(raw, parse_constant=_no_constant)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except ValueError as error:
        raise InvalidRequest("The body is not valid JSON in UTF-8.") from error


def _no_constant(name: str) -> object:
    raise InvalidRequest(f"The body is not valid JSON: {name} is no JSON number.")


def set_edge(app: FastAPI) -> None:
    """Has every error of the routes leave as JSON."""
    app.add_exception_handler(DrawbridgeError, _on_error)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(_Edge)


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


class _Edge:
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
                visit_of(Request(scope))
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
