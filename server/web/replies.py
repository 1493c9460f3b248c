"""The edge of a request: whatever goes wrong inside leaves as JSON in OpenAI's shape, with a true status."""

import json
import logging
import traceback
from collections.abc import Mapping

from fastapi.responses import Response
from starlette.requests import Request

from server.dialects.chat_completions.errors import error_reply
from server.errors import DrawbridgeError, InvalidRequest
from server.web.encoding import JSON_HEADERS, json_bytes

logger = logging.getLogger(__name__)


class JsonReply(Response):
    """`value` as JSON that nobody keeps."""

    def __init__(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json_bytes(value), status_code=status, headers=dict(headers or {}))
        self.raw_headers.extend(JSON_HEADERS)


def refusal(error: DrawbridgeError) -> JsonReply:
    """The reply that says `error`."""
    problem = error_reply(error)
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
