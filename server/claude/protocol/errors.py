"""What Claude Code says of a failure upstream, as one of our typed errors."""

import re

from server.errors import (
    BodyTooLarge,
    DrawbridgeError,
    PermissionRefused,
    PromptTooLong,
    SignInNeeded,
    UpstreamDown,
    UpstreamRefused,
    UpstreamUnknown,
    UsageLimit,
)

# A plan's limit comes with the time of its end; one without is the API's own, counted by the minute.
SHORT_LIMIT_S = 30.0
# Its own words before the API's: "API Error: 400 messages.0: ..." or "API Error: Request rejected (429) · slow down".
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
    """The error for `kind` (the CLI's word for it) and `status` (the API's, None without an answer).

    `resets_at` is the Unix time at which a limit ends, where Claude Code said it, and `retry_after_s` the wait until
    then. `text` is what the CLI would have shown. A status says more than the word, which is `unknown` for every plain
    400.
    """
    said = _PREFIX.sub("", text).strip()
    if _TOO_LONG.search(said) and status in {None, 400, 413}:
        return PromptTooLong()
    if status == 413:
        return BodyTooLarge("Claude's API takes requests of at most 32 MB, and this one is larger.")
    if kind == "billing_error":
        return UsageLimit(_said("Claude's API refused the payment", said), status=status)
    if status == 429 or kind == "rate_limit":
        wait_s = retry_after_s if retry_after_s is not None else SHORT_LIMIT_S
        refused = _said("Claude refused for now", said)
        return UsageLimit(refused, status=status, retry_after_s=wait_s, resets_at=resets_at)
    if status == 401 or (kind == "authentication_failed" and status is None):
        return SignInNeeded(_said("Claude did not accept the sign-in", said), status=status)
    if status == 403 or kind in {"authentication_failed", "oauth_org_not_allowed"}:
        return PermissionRefused(_said("Claude refused this account", said), status=status)
    if status == 404 or kind == "model_not_found":
        return UpstreamUnknown(_said("Claude does not know what was asked for", said), status=status)
    if status is not None and 400 <= status < 500:
        return UpstreamRefused(_said("Claude refused the request", said), status=status)
    return UpstreamDown(_said("Claude's API failed", said), status=status)


def _said(what: str, said: str) -> str:
    return f"{what}: {said}" if said else f"{what}."
