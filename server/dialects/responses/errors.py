"""Errors of the Responses API, in the forms that its clients act on.

Codex repeats a failed request up to 30 times, and each may be an answer of Claude. So it gets what it does not repeat:
400, a usage limit in ChatGPT's form, or a failure with one of the codes that it knows.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from server import errors
from server.dialects.base import ErrorReply
from server.dialects.common.openai_errors import error_reply
from server.errors import DrawbridgeError

_OVERLOADED = "server_is_overloaded"


def is_codex(headers: Mapping[str, str]) -> bool:
    """Whether the request with these headers is from Codex."""
    return any(headers.get(name, "").lower().startswith("codex") for name in ("originator", "user-agent"))


def responses_error(error: DrawbridgeError, *, is_codex: bool = False) -> ErrorReply:
    """The response for `error` before the answer begins."""
    reply = error_reply(error)
    fields = reply.body["error"]
    assert isinstance(fields, dict)
    if isinstance(error, errors.PromptTooLong):
        fields = {**fields, "param": error.param or "input"}
    if isinstance(error, errors.UsageLimit) and _is_long(fields):
        ends = {} if error.resets_at is None else {"resets_at": math.ceil(error.resets_at)}
        fields = {**fields, "type": "usage_limit_reached", **ends}
    elif is_codex:
        return _codex_reply(error, reply, fields)
    return ErrorReply(reply.status, {"error": fields}, reply.headers)


@dataclass(frozen=True, slots=True)
class RequestErrors:
    """The responses for errors of one request before its answer begins."""

    is_codex: bool

    def __call__(self, error: DrawbridgeError) -> ErrorReply:
        """The response for `error`."""
        return responses_error(error, is_codex=self.is_codex)


def failure_in_stream(error: DrawbridgeError, *, is_codex: bool = False) -> dict[str, str]:
    """The `error` of a response that failed after it began. Only Codex gets codes that OpenAI's schema lacks."""
    reply = error_reply(error)
    fields = reply.body["error"]
    assert isinstance(fields, dict)
    message = str(fields["message"])
    match error:
        case errors.PromptTooLong():
            code = "context_length_exceeded" if is_codex else "invalid_prompt"
        case errors.UsageLimit() if _is_long(fields):
            code = "insufficient_quota" if is_codex else "rate_limit_exceeded"
        case errors.UsageLimit():
            code = "rate_limit_exceeded"
            if is_codex and "retry-after" in reply.headers:
                # Codex reads the time from the message.
                message += f" Try again in {reply.headers['retry-after']}s."
        case errors.RequestError() | errors.UpstreamRefused():
            code = "invalid_prompt"
        case _ if is_codex:
            code = _OVERLOADED if _is_passing(error) else "invalid_prompt"
        case _:
            code = "server_error"
    return {"code": code, "message": message}


def _codex_reply(error: DrawbridgeError, reply: ErrorReply, fields: Mapping[str, object]) -> ErrorReply:
    if reply.status == 429:
        return ErrorReply(429, {"error": dict(fields)}, reply.headers)
    if _is_passing(error):
        return ErrorReply(503, {"error": {**fields, "code": _OVERLOADED}}, reply.headers)
    return ErrorReply(400, {"error": dict(fields)}, reply.headers)


def _is_long(fields: Mapping[str, object]) -> bool:
    """Whether a usage limit lasts too long to be waited for."""
    return fields["code"] == "insufficient_quota"


def _is_passing(error: DrawbridgeError) -> bool:
    """Whether the same request may succeed in a moment."""
    return isinstance(error, errors.BusyError | errors.UpstreamDown)
