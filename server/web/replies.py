"""Request bodies and responses as JSON, and errors in the form of the dialect of their path."""

import json
import logging
import math
import traceback
from collections.abc import Mapping

from fastapi.responses import Response
from starlette.requests import Request
from starlette.types import Scope

from server.dialects.framing import json_bytes
from server.dialects.registry import DIALECTS, dialect_for
from server.errors import DrawbridgeError, InvalidRequest
from server.logs import request_id

logger = logging.getLogger(__name__)

DIALECTS_KEY = "drawbridge.dialects"
JSON_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class JsonReply(Response):
    """`value` as JSON that must not be cached."""

    def __init__(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json_bytes(value), status_code=status, headers=dict(headers or {}))
        self.raw_headers.extend(JSON_HEADERS)


def error_response(error: DrawbridgeError, scope: Scope) -> JsonReply:
    """The response for `error`, in the form of the dialect that the path of the request belongs to."""
    dialect = dialect_for(scope.get("path", ""), scope.get(DIALECTS_KEY, DIALECTS))
    reply = dialect.error(error, request_id.get())
    return JsonReply(reply.body, status=reply.status, headers=reply.headers)


def internal_error(error: BaseException) -> DrawbridgeError:
    """Logs a bug of ours and returns the error to send. The log leaves out its message, which may quote the request."""
    stack = "".join(traceback.format_tb(error.__traceback__))
    cause = error.__cause__ or error.__context__
    origin = f" (from {type(cause).__name__})" if cause else ""
    logger.error("a bug in Drawbridge: %s%s\n%s", type(error).__name__, origin, stack)
    return DrawbridgeError(
        "Drawbridge failed to answer this request because of a bug.",
        hint="Its log has the details, under the id in the header x-request-id.",
    )


async def json_body(request: Request) -> object:
    """The parsed body of the request. Raises `InvalidRequest` if it is not JSON."""
    raw = await request.body()
    if not raw.strip():
        raise InvalidRequest("The body is empty.", hint="Send a JSON object.")
    try:
        return json.loads(raw, parse_constant=_refuse_constant, parse_float=_finite)
    except RecursionError as error:
        raise InvalidRequest("The body is nested too deeply.") from error
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"The body is not valid JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        ) from error
    except UnicodeDecodeError as error:
        raise InvalidRequest("The body is not valid JSON in UTF-8.") from error
    except ValueError as error:
        # Python limits the length of integers, because their conversion takes quadratic time.
        raise InvalidRequest("The body contains a number with too many digits.") from error


def _refuse_constant(name: str) -> object:
    raise InvalidRequest(f"The body is not valid JSON: {name} is not a JSON number.")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise InvalidRequest(f"The body contains the number {digits[:40]}, which is too large.")
    return number
