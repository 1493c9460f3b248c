"""Responses as JSON, and errors in the form of the dialect of their path."""

import logging
import traceback
from collections.abc import Mapping

from fastapi.responses import Response
from starlette.types import Scope

from server.dialects.framing import json_bytes
from server.dialects.messages.dialect import VERSION_HEADER
from server.dialects.registry import DIALECTS, dialect_for
from server.errors import DrawbridgeError
from server.logs import request_id
from server.web.journaling import note_failure

logger = logging.getLogger(__name__)

DIALECTS_KEY = "drawbridge.dialects"
_VERSION_HEADER = VERSION_HEADER.encode()
JSON_HEADERS = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))


class JsonReply(Response):
    """`value` as JSON that must not be cached."""

    def __init__(self, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(json_bytes(value), status_code=status, headers=dict(headers or {}))
        self.raw_headers.extend(JSON_HEADERS)


def error_response(error: DrawbridgeError, scope: Scope) -> JsonReply:
    """The response for `error`, in the form of the dialect that the request belongs to."""
    is_anthropics = any(name == _VERSION_HEADER for name, _ in scope.get("headers", ()))
    dialect = dialect_for(scope.get("path", ""), scope.get(DIALECTS_KEY, DIALECTS), is_anthropics=is_anthropics)
    note_failure(scope, error)
    reply = dialect.error(error, request_id.get())
    return JsonReply(reply.body, status=reply.status, headers=reply.headers)


def header_value(text: str) -> str:
    """`text` as a header value, so that a field name of the client's cannot inject a header."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)[:1000]


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
