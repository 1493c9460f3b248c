"""Each of our errors has a status, a type and a code that OpenAI's clients act on."""

import json
from collections.abc import Iterator

import pytest

from server import errors
from server.dialects.base import ErrorReply
from server.dialects.common.openai_errors import error_reply
from server.errors import DrawbridgeError
from tests.server.dialects.openai_api import published

STATUSES = {400, 401, 403, 404, 405, 409, 413, 408, 415, 426, 429, 500, 502, 503, 504}
TYPES = {
    "invalid_request_error",
    "authentication_error",
    "permission_error",
    "rate_limit_error",
    "insufficient_quota",
    "server_error",
}


def family(kind: type[DrawbridgeError]) -> Iterator[type[DrawbridgeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


KINDS = sorted(
    {kind for kind in family(DrawbridgeError) if kind.__module__.startswith(errors.__name__)},
    key=lambda kind: kind.__name__,
)


def error_of(reply: ErrorReply) -> dict[str, object]:
    error = reply.body["error"]
    assert isinstance(error, dict)
    return error


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_valid_response(kind: type[DrawbridgeError]) -> None:
    reply = error_reply(kind("What happened."))
    error = error_of(reply)
    assert reply.status in STATUSES
    assert list(reply.body) == ["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] in TYPES
    assert str(error["message"]).startswith("What happened.")
    assert json.loads(json.dumps(reply.body)) == reply.body
    assert all(key == key.lower() for key in reply.headers)


@pytest.mark.parametrize("kind", KINDS)
def test_the_published_schema_accepts_every_error(kind: type[DrawbridgeError]) -> None:
    published("ErrorResponse")(error_reply(kind()).body)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.__subclasses__()])
def test_only_errors_worth_a_retry_let_clients_retry(kind: type[DrawbridgeError]) -> None:
    """The official clients repeat on 409, 429 and 5xx: with each repeat a whole answer may be paid for again."""
    reply = error_reply(kind())
    is_repeated = reply.status == 429 or reply.status >= 500
    may_retry = {errors.QueueFull, errors.QueueTimeout, errors.ShuttingDown, errors.UpstreamDown, errors.RateLimit}
    # An endpoint for embeddings costs no answer of Claude, and may be back in a moment.
    may_retry |= {errors.EndpointFailed, errors.EndpointRefused}
    # The limit of a key passes within a minute.
    may_retry |= {errors.KeyLimited}
    is_worth_it = kind in may_retry
    assert (is_repeated and reply.headers.get("x-should-retry") != "false") == is_worth_it


@pytest.mark.parametrize(
    ("error", "status", "type_", "code"),
    [
        (errors.InvalidRequest(), 400, "invalid_request_error", None),
        (errors.PromptTooLong(), 400, "invalid_request_error", "context_length_exceeded"),
        (errors.ModelUnknown(), 404, "invalid_request_error", "model_not_found"),
        (errors.BodyTooLarge(), 413, "invalid_request_error", "request_too_large"),
        (errors.NotBuilt(), 404, "invalid_request_error", "not_supported"),
        (errors.NotFound(), 404, "invalid_request_error", "not_found"),
        (errors.MethodNotAllowed(), 405, "invalid_request_error", "method_not_allowed"),
        (errors.KeyRefused(), 401, "authentication_error", "invalid_api_key"),
        (errors.AccessDenied(), 403, "permission_error", "access_denied"),
        (errors.BodyNotJson(), 415, "invalid_request_error", "unsupported_media_type"),
        (errors.QueueFull(), 429, "rate_limit_error", "rate_limit_exceeded"),
        (errors.QueueTimeout(), 503, "server_error", "queue_timeout"),
        (errors.ShuttingDown(), 503, "server_error", "server_stopping"),
        (errors.CliMissing(), 503, "server_error", "claude_code_missing"),
        (errors.CliFailed(), 503, "server_error", "claude_code_failed"),
        (errors.WorkerDied(), 500, "server_error", "claude_code_ended"),
        (errors.WorkerSilent(), 504, "server_error", "claude_timeout"),
        (errors.AnswerCut(), 500, "server_error", "answer_cut"),
        (errors.UnexpectedOutput(), 500, "server_error", "claude_code_surprise"),
        (errors.UpstreamRefused(status=400), 400, "invalid_request_error", "claude_refused"),
        (errors.UpstreamRefused(status=422), 400, "invalid_request_error", "claude_refused"),
        (errors.SignInNeeded(status=401), 401, "authentication_error", "claude_sign_in_needed"),
        (errors.PermissionRefused(status=403), 403, "permission_error", "claude_permission_refused"),
        (errors.UpstreamUnknown(status=404), 404, "invalid_request_error", "model_not_found"),
        (errors.UsageLimit(status=429), 429, "insufficient_quota", "insufficient_quota"),
        (errors.UpstreamDown(status=500), 500, "server_error", "claude_unavailable"),
        (errors.UpstreamDown(status=529), 503, "server_error", "claude_unavailable"),
        (errors.UpstreamDown(status=None), 503, "server_error", "claude_unavailable"),
        (errors.PortTaken(), 500, "server_error", "cannot_start"),
    ],
)
def test_status_type_and_code_of_each_error(error: DrawbridgeError, status: int, type_: str, code: str | None) -> None:
    reply = error_reply(error)
    assert (reply.status, error_of(reply)["type"], error_of(reply)["code"]) == (status, type_, code)


@pytest.mark.parametrize(
    ("error", "param"),
    [
        (errors.InvalidRequest("x", param="messages[0].role"), "messages[0].role"),
        (errors.InvalidRequest("x"), None),
        (errors.PromptTooLong(), "messages"),
        (errors.ModelUnknown(), "model"),
        (errors.UpstreamUnknown(), "model"),
    ],
)
def test_the_invalid_field_is_named(error: DrawbridgeError, param: str | None) -> None:
    assert error_of(error_reply(error))["param"] == param


@pytest.mark.parametrize(
    ("retry_after_s", "code", "retry_after", "should_retry"),
    [
        (None, "insufficient_quota", None, "false"),
        (0.0, "rate_limit_exceeded", "1", None),
        (12.2, "rate_limit_exceeded", "13", None),
        (60.0, "rate_limit_exceeded", "60", None),
        (60.5, "insufficient_quota", "61", "false"),
        (18_000.0, "insufficient_quota", "18000", "false"),
        (float("inf"), "insufficient_quota", None, "false"),
    ],
)
def test_a_short_limit_is_a_rate_limit_and_a_long_one_a_quota(
    retry_after_s: float | None, code: str, retry_after: str | None, should_retry: str | None
) -> None:
    reply = error_reply(errors.UsageLimit(status=429, retry_after_s=retry_after_s))
    assert error_of(reply)["code"] == code
    assert reply.headers.get("retry-after") == retry_after
    assert reply.headers.get("x-should-retry") == should_retry


def test_a_rate_limit_without_a_named_end_has_no_retry_after() -> None:
    reply = error_reply(errors.RateLimit(status=429))
    assert error_of(reply)["code"] == "rate_limit_exceeded"
    assert reply.headers == {}


@pytest.mark.parametrize("kind", [errors.QueueFull, errors.QueueTimeout, errors.ShuttingDown])
def test_a_busy_server_sends_retry_after_only_if_the_time_is_known(kind: type[errors.BusyError]) -> None:
    assert error_reply(kind()).headers == {}
    assert error_reply(kind(retry_after_s=2.5)).headers == {"retry-after": "3"}


def test_an_error_without_a_row_takes_its_nearest_ancestors() -> None:
    class Stuck(errors.WorkerSilent):
        pass

    assert error_reply(Stuck()) == error_reply(errors.WorkerSilent())


def test_message_and_hint_are_both_sent() -> None:
    error = errors.InvalidRequest("It is wrong.", hint="Put it right.")
    assert error_of(error_reply(error))["message"] == "It is wrong. Put it right."
