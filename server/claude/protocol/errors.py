"""Converts a failure that Claude Code reports into one of our typed errors."""

import re

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

# The CLI's text before the API's: "API Error: 400 messages.0: ..." or "API Error: Request rejected (429) · slow down".
_PREFIX = re.compile(r"^(?:Failed to authenticate\. )?API Error: (?:Request rejected \(\d{3}\) · |\d{3} )?")
_TOO_LONG = re.compile(r"prompt is too long|exceeds? the (?:maximum )?context", re.IGNORECASE)


def upstream_error(
    kind: str | None,
    *,
    status: int | None,
    text: str,
    retry_after_s: float | None = None,
    resets_at: float | None = None,
) -> DrawbridgeError:
    """The error for the CLI's `kind` and the API's `status` (None without a response).

    `text` is the CLI's message. `resets_at` is the Unix time at which a limit ends, if known, and `retry_after_s` the
    time until then. The status is more precise than `kind`, which is `unknown` for every plain 400.
    """
    detail = _PREFIX.sub("", text).strip()
    if _TOO_LONG.search(detail) and status in {None, 400, 413}:
        return PromptTooLong()
    if status == 413:
        return BodyTooLarge("The request is larger than the 32 MB that Claude's API accepts.")
    if kind == "billing_error":
        return UsageLimit(_with_detail("Claude's API refused the payment", detail), status=status)
    if status == 429 or kind == "rate_limit":
        message = _with_detail("Claude is limiting requests", detail)
        if retry_after_s is None:
            return RateLimit(message, status=status)
        return UsageLimit(message, status=status, retry_after_s=retry_after_s, resets_at=resets_at)
    if status == 401 or (kind == "authentication_failed" and status is None):
        return SignInNeeded(_with_detail("Claude rejected the credentials", detail), status=status)
    if status == 403 or kind in {"authentication_failed", "oauth_org_not_allowed"}:
        return PermissionRefused(_with_detail("Claude refused this account", detail), status=status)
    if status == 404 or kind == "model_not_found":
        return UpstreamUnknown(_with_detail("Claude's API does not know the model or path", detail), status=status)
    if status is not None and 400 <= status < 500:
        return UpstreamRefused(_with_detail("Claude refused the request", detail), status=status)
    return UpstreamDown(_with_detail("Claude's API failed", detail), status=status)


def _with_detail(message: str, detail: str) -> str:
    return f"{message}: {detail}" if detail else f"{message}."
