"""Each of our errors has a status and a type on which Anthropic's libraries and Claude Code act."""

from collections.abc import Iterator

import anthropic
import httpx2
import pytest

from server import errors
from server.dialects.messages.errors import error_reply
from server.errors import DrawbridgeError

# The statuses of each type in Anthropic's documentation; 405, 408 and 415 are not among them.
STATUSES = {
    "invalid_request_error": {400, 405, 409, 415},
    "authentication_error": {401},
    "permission_error": {403},
    "not_found_error": {404},
    "request_too_large": {413},
    "rate_limit_error": {429},
    "api_error": {500},
    "timeout_error": {408, 504},
    "overloaded_error": {529},
}
CLIENT = anthropic.Anthropic(api_key="x", base_url="http://127.0.0.1:9")


def family(kind: type[DrawbridgeError]) -> Iterator[type[DrawbridgeError]]:
    yield kind
    for child in kind.__subclasses__():
        yield from family(child)


KINDS = sorted(
    {kind for kind in family(DrawbridgeError) if kind.__module__.startswith(errors.__name__)},
    key=str,
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_has_a_type_of_its_status(kind: type[DrawbridgeError]) -> None:
    reply = error_reply(kind("What happened."), "req_1")
    error = reply.body["error"]
    assert isinstance(error, dict)
    assert reply.status in STATUSES[error["type"]]
    assert (reply.body["type"], reply.body["request_id"]) == ("error", "req_1")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not kind.__subclasses__()])
def test_only_errors_worth_a_retry_let_clients_retry(kind: type[DrawbridgeError]) -> None:
    reply = error_reply(kind(), "req_1")
    may_retry = {
        *(errors.QueueFull, errors.QueueTimeout, errors.ShuttingDown),
        *(errors.UpstreamDown, errors.RateLimit, errors.BodyTooSlow, errors.KeyLimited),
    }
    response = httpx2.Response(reply.status, headers=reply.headers, request=httpx2.Request("POST", "http://x"))
    assert CLIENT._should_retry(response) == (kind in may_retry)  # what the library decides


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (errors.InvalidRequest("No."), anthropic.BadRequestError),
        (errors.SignInNeeded("No."), anthropic.AuthenticationError),
        (errors.KeyRefused("No."), anthropic.AuthenticationError),
        (errors.AccessDenied("No."), anthropic.PermissionDeniedError),
        (errors.NotFound("No."), anthropic.NotFoundError),
        (errors.ModelUnknown("No."), anthropic.NotFoundError),
        (errors.BodyTooLarge("No."), anthropic.APIStatusError),
        (errors.UsageLimit("No."), anthropic.RateLimitError),
        (errors.UpstreamDown("No.", status=529), anthropic.InternalServerError),
        (errors.WorkerDied("No."), anthropic.InternalServerError),
    ],
)
def test_anthropics_library_raises_its_own_error(
    error: DrawbridgeError, raised: type[anthropic.APIStatusError]
) -> None:
    reply = error_reply(error, "req_1")
    response = httpx2.Response(
        reply.status, json=reply.body, headers={"request-id": "req_1"}, request=httpx2.Request("POST", "http://x")
    )
    made = CLIENT._make_status_error_from_response(response)  # what the library raises
    assert isinstance(made, raised)
    assert "No." in made.message
    assert made.request_id == "req_1"


def test_a_limit_that_ends_soon_is_worth_a_wait() -> None:
    soon, late = (error_reply(errors.UsageLimit(retry_after_s=seconds), "").headers for seconds in (2.5, 7200.0))
    assert soon == {"retry-after": "3"}
    assert late == {"retry-after": "7200", "x-should-retry": "false"}


def test_claude_code_knows_a_conversation_that_is_too_long_by_its_words() -> None:
    for message in ("", "Prompt is too long: 9 tokens > 8 maximum"):
        body = error_reply(errors.PromptTooLong(message), "").body["error"]
        assert isinstance(body, dict)
        assert str(body["message"]).lower().count("prompt is too long") == 1


def test_a_failure_of_the_api_keeps_its_status() -> None:
    assert error_reply(errors.UpstreamDown(status=500), "").status == 500
    assert error_reply(errors.UpstreamDown(status=None), "").status == 529
