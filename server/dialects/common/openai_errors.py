"""Our errors in OpenAI's form: the status, type and code that its clients act on.

OpenAI's client libraries retry on 409, 429 and every 5xx. Where a retry would only use up quota or cannot help, the
response says `x-should-retry: false`. Drawbridge itself retries whatever failed without cost, so a failure of Claude
Code is never worth another blind retry.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from server import errors
from server.dialects.base import ErrorReply
from server.dialects.common.waits import is_short, wait_s
from server.errors import DrawbridgeError, RequestError

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class _Row:
    """One row of the table. `is_final`: the client library must not retry by itself."""

    status: int
    type: str
    code: str | None = None
    param: str | None = None
    is_final: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: _NO_HEADERS)


_INVALID = "invalid_request_error"
_SIGN_IN = "authentication_error"
_PERMISSION = "permission_error"
_LIMIT = "rate_limit_error"
_SERVER = "server_error"

_ROWS: Mapping[type[DrawbridgeError], _Row] = MappingProxyType(
    {
        DrawbridgeError: _Row(500, _SERVER, "internal_error", is_final=True),
        errors.RequestError: _Row(400, _INVALID),
        errors.InvalidRequest: _Row(400, _INVALID),
        errors.ResponseUnknown: _Row(400, _INVALID, "previous_response_not_found", "previous_response_id"),
        errors.PromptTooLong: _Row(400, _INVALID, "context_length_exceeded", "messages"),
        errors.ModelUnknown: _Row(404, _INVALID, "model_not_found", "model"),
        errors.ModelDenied: _Row(403, _PERMISSION, "model_not_allowed", "model"),
        errors.AgentDenied: _Row(403, _PERMISSION, "agent_not_allowed"),
        errors.ProjectsDenied: _Row(403, _PERMISSION, "projects_not_allowed"),
        errors.BodyTooLarge: _Row(413, _INVALID, "request_too_large"),
        # Clients that probe for an endpoint fall back to another one only on 404.
        errors.NotBuilt: _Row(404, _INVALID, "not_supported", is_final=True),
        errors.EmbeddingsMissing: _Row(404, _INVALID, "embeddings_not_installed", is_final=True),
        errors.EndpointFailed: _Row(502, _SERVER, "embeddings_endpoint_failed"),
        errors.EndpointRefused: _Row(502, _SERVER, "embeddings_endpoint_refused"),
        errors.BodyTooSlow: _Row(408, _INVALID, "request_timeout", headers={"connection": "close"}),
        errors.BodyAmbiguous: _Row(400, _INVALID, headers={"connection": "close"}),
        errors.NotFound: _Row(404, _INVALID, "not_found"),
        errors.MethodNotAllowed: _Row(405, _INVALID, "method_not_allowed"),
        errors.UpgradeRefused: _Row(426, _INVALID, "upgrade_required"),
        errors.AccessError: _Row(403, _PERMISSION, "access_denied"),
        errors.KeyRefused: _Row(401, _SIGN_IN, "invalid_api_key", headers={"www-authenticate": "Bearer"}),
        errors.AccessDenied: _Row(403, _PERMISSION, "access_denied"),
        errors.BodyNotJson: _Row(415, _INVALID, "unsupported_media_type"),
        errors.BusyError: _Row(503, _SERVER, "server_busy"),
        errors.KeyLimited: _Row(429, _LIMIT, "rate_limit_exceeded"),
        errors.QueueFull: _Row(429, _LIMIT, "rate_limit_exceeded"),
        errors.QueueTimeout: _Row(503, _SERVER, "queue_timeout"),
        errors.ShuttingDown: _Row(503, _SERVER, "server_stopping"),
        errors.RequestStopped: _Row(409, _INVALID, "request_stopped", is_final=True),
        errors.EngineError: _Row(500, _SERVER, "claude_code_failed", is_final=True),
        errors.CliMissing: _Row(503, _SERVER, "claude_code_missing", is_final=True),
        errors.CliFailed: _Row(503, _SERVER, "claude_code_failed", is_final=True),
        errors.CliUnfit: _Row(503, _SERVER, "claude_code_unfit", is_final=True),
        errors.WorkerDied: _Row(500, _SERVER, "claude_code_ended", is_final=True),
        errors.WorkerSilent: _Row(504, _SERVER, "claude_timeout", is_final=True),
        errors.AnswerCut: _Row(500, _SERVER, "answer_cut", is_final=True),
        errors.AgentLimit: _Row(500, _SERVER, "agent_limit", is_final=True),
        errors.UnexpectedOutput: _Row(500, _SERVER, "claude_code_surprise", is_final=True),
        errors.UpstreamError: _Row(500, _SERVER, "claude_failed"),
        errors.UpstreamRefused: _Row(400, _INVALID, "claude_refused"),
        errors.SignInNeeded: _Row(401, _SIGN_IN, "claude_sign_in_needed", is_final=True),
        errors.PermissionRefused: _Row(403, _PERMISSION, "claude_permission_refused"),
        errors.UpstreamUnknown: _Row(404, _INVALID, "model_not_found", "model"),
        errors.UsageLimit: _Row(429, "insufficient_quota", "insufficient_quota", is_final=True),
        errors.RateLimit: _Row(429, _LIMIT, "rate_limit_exceeded"),
        errors.UpstreamDown: _Row(503, _SERVER, "claude_unavailable"),
        errors.SettingPinned: _Row(409, _INVALID, "setting_pinned", is_final=True),
        errors.StartError: _Row(500, _SERVER, "cannot_start", is_final=True),
    }
)


def error_reply(error: DrawbridgeError) -> ErrorReply:
    """The response for `error`, by the row of its class or of the nearest ancestor that has one."""
    row = _adjusted(next(_ROWS[kind] for kind in type(error).__mro__ if kind in _ROWS), error)
    param = error.param if isinstance(error, RequestError) and error.param else row.param
    headers = dict(row.headers)
    if (seconds := wait_s(error)) is not None:
        headers["retry-after"] = str(seconds)
    if row.is_final:
        headers["x-should-retry"] = "false"
    body = {"message": str(error), "type": row.type, "param": param, "code": row.code}
    return ErrorReply(row.status, {"error": body}, headers)


def _adjusted(row: _Row, error: DrawbridgeError) -> _Row:
    """`row`, changed where the status or the wait that Claude's API gave makes a difference to the client."""
    match error:
        case errors.UsageLimit() if is_short(wait_s(error)):
            return replace(row, type=_LIMIT, code="rate_limit_exceeded", is_final=False)
        case errors.UpstreamDown(status=500):
            return replace(row, status=500)
        case errors.EndpointRefused():
            return replace(row, status=error.status)
        case _:
            return row
