"""The error for each failure that Claude Code reports."""

import pytest

from server.claude.protocol.errors import upstream_error
from server.errors import (
    BodyTooLarge,
    DrawbridgeError,
    PermissionRefused,
    PromptTooLong,
    RateLimit,
    SignInNeeded,
    UpstreamDown,
    UpstreamRefused,
    UpstreamUnknown,
    UsageLimit,
)

ROWS: list[tuple[str | None, int | None, str, type[DrawbridgeError], str]] = [
    ("unknown", 400, "API Error: 400 messages.0: bad thing", UpstreamRefused, "messages.0: bad thing"),
    ("invalid_request", 400, "Prompt is too long", PromptTooLong, ""),
    ("invalid_request", None, "Prompt is too long", PromptTooLong, ""),
    ("invalid_request", 413, "Request too large (max 32MB).", BodyTooLarge, "32 MB"),
    ("authentication_failed", 401, "Failed to authenticate. API Error: 401 no", SignInNeeded, "credentials: no"),
    ("authentication_failed", None, "Not logged in · Please run /login", SignInNeeded, "Not logged in"),
    ("authentication_failed", 403, "API Error: 403 no", PermissionRefused, "account: no"),
    ("oauth_org_not_allowed", None, "Your organisation does not allow it", PermissionRefused, "organisation"),
    ("model_not_found", 404, "It may not exist", UpstreamUnknown, "may not exist"),
    ("rate_limit", 429, "API Error: Request rejected (429) · slow down", RateLimit, "requests: slow down"),
    ("billing_error", 400, "Credit balance is too low", UsageLimit, "Credit balance"),
    ("server_error", 500, "API Error: 500 oops", UpstreamDown, "failed: oops"),
    ("server_error", 529, "API Error: 529 Overloaded", UpstreamDown, "failed: Overloaded"),
    ("unknown", None, "API Error: Connection error.", UpstreamDown, "Connection error."),
    (None, None, "", UpstreamDown, "failed."),
]


@pytest.mark.parametrize(("kind", "status", "text", "expected", "phrase"), ROWS)
def test_a_failure_becomes_its_typed_error(
    kind: str | None, status: int | None, text: str, expected: type[DrawbridgeError], phrase: str
) -> None:
    error = upstream_error(kind, status=status, text=text)
    assert type(error) is expected
    assert phrase in error.message
    assert error.hint or expected in {UpstreamRefused, BodyTooLarge, UsageLimit}
