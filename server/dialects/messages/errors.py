"""Our errors in Anthropic's form.

Anthropic's libraries and Claude Code retry on 408, 409, 429 and every 5xx, but not if the response says
`x-should-retry: false`: where a retry would only use up quota or cannot help. 529 is the status of an overload.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from server import errors
from server.dialects.base import ErrorReply
from server.dialects.common.waits import is_short, wait_s
from server.errors import DrawbridgeError

# By these words, which its API says, Claude Code knows that a conversation is too long.
_TOO_LONG = "prompt is too long"


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table. `is_final`: the client library must not retry by itself."""

    status: int
    type: str
    is_final: bool = False


_INVALID = _Row(400, "invalid_request_error")
_NOT_FOUND = _Row(404, "not_found_error")
_PERMISSION = _Row(403, "permission_error")
_SIGN_IN = _Row(401, "authentication_error")
_LIMIT = _Row(429, "rate_limit_error")
_OVERLOADED = _Row(529, "overloaded_error")
_FAILED = _Row(500, "api_error", is_final=True)

_ROWS: Mapping[type[DrawbridgeError], _Row] = MappingProxyType(
    {
        DrawbridgeError: _FAILED,
        errors.RequestError: _INVALID,
        errors.ModelUnknown: _NOT_FOUND,
        errors.ModelDenied: _PERMISSION,
        errors.AgentDenied: _PERMISSION,
        errors.BodyTooLarge: _Row(413, "request_too_large"),
        errors.BodyTooSlow: _Row(408, "timeout_error"),
        errors.NotBuilt: _NOT_FOUND,
        errors.NotFound: _NOT_FOUND,
        errors.MethodNotAllowed: _Row(405, "invalid_request_error"),
        errors.AccessError: _PERMISSION,
        errors.KeyRefused: _SIGN_IN,
        errors.BodyNotJson: _Row(415, "invalid_request_error"),
        errors.BusyError: _OVERLOADED,
        errors.KeyLimited: _LIMIT,
        errors.QueueFull: _LIMIT,
        errors.RequestStopped: _Row(409, "invalid_request_error", is_final=True),
        errors.WorkerSilent: _Row(504, "timeout_error", is_final=True),
        errors.UpstreamError: _Row(500, "api_error"),
        errors.UpstreamRefused: _INVALID,
        errors.SignInNeeded: replace(_SIGN_IN, is_final=True),
        errors.PermissionRefused: _PERMISSION,
        errors.UpstreamUnknown: _NOT_FOUND,
        errors.UsageLimit: replace(_LIMIT, is_final=True),
        errors.RateLimit: _LIMIT,
        errors.UpstreamDown: _OVERLOADED,
    }
)


def error_reply(error: DrawbridgeError, request_id: str) -> ErrorReply:
    """The response for `error`, by the row of its class or of the nearest ancestor that has one."""
    row = _row(error)
    headers = {"retry-after": str(seconds)} if (seconds := wait_s(error)) is not None else {}
    if row.is_final:
        headers["x-should-retry"] = "false"
    if isinstance(error, errors.BodyTooSlow | errors.BodyAmbiguous):
        headers["connection"] = "close"
    return ErrorReply(row.status, error_body(error, request_id), headers)


def error_body(error: DrawbridgeError, request_id: str) -> dict[str, object]:
    """The JSON body of `error`, which is also the data of an error in a stream."""
    message = str(error)
    if isinstance(error, errors.PromptTooLong) and _TOO_LONG not in message.lower():
        message = f"{message} ({_TOO_LONG})"
    return {"type": "error", "error": {"type": _row(error).type, "message": message}, "request_id": request_id}


def _row(error: DrawbridgeError) -> _Row:
    row = next(_ROWS[kind] for kind in type(error).__mro__ if kind in _ROWS)
    match error:
        case errors.UsageLimit() if is_short(wait_s(error)):
            return replace(row, is_final=False)
        case errors.UpstreamDown(status=500):
            return replace(row, status=500, type="api_error")
        case _:
            return row
