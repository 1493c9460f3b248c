"""Converts a failure that Claude Code reports into one of our typed errors."""

import re
from dataclasses import dataclass
from typing import Any  # frames are foreign JSON

from server.claude.protocol.frames import Frame
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


@dataclass(frozen=True, slots=True)
class Reported:
    """What Claude Code says of a failed request: its kind, the API's status, and the text; None is unknown."""

    kind: str | None
    status: int | None
    text: str

    @classmethod
    def read(cls, complaint: Frame | None, result: Frame | None) -> "Reported":
        """`complaint` is Claude Code's own message about the failure, `result` the end of its turn."""
        own: Any = complaint or {}
        end: Any = result or {}
        content = own.get("message", {}).get("content")
        blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
        text = "".join(str(block.get("text", "")) for block in blocks if block.get("type") == "text")
        return cls(own.get("error"), end.get("api_error_status"), text or str(end.get("result") or ""))

    def as_error(self, *, resets_at: float | None = None, now: float = 0.0) -> DrawbridgeError:
        """The failure as an error. `resets_at`: when a limit that was met ends."""
        retry_after_s = max(1.0, resets_at - now) if resets_at is not None else None
        return upstream_error(
            self.kind, status=self.status, text=self.text, retry_after_s=retry_after_s, resets_at=resets_at
        )


def rejected_until(frame: Frame) -> float | None:
    """When the limit ends that a `rate_limit_event` reports as met; None if it is not met, or if that is unknown.

    Raises `KeyError` or `AttributeError` for a frame that is none.
    """
    info: Any = frame["rate_limit_info"]
    until = info.get("resetsAt") if info.get("status") == "rejected" else None
    return float(until) if isinstance(until, int | float) else None


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
