"""How long a client should wait before it sends a request again."""

import math

from server.errors import BusyError, DrawbridgeError, UpstreamError

# A rate limit that ends within this time is worth waiting for; a usage limit is not.
_SHORT_WAIT_S = 60.0


def wait_s(error: DrawbridgeError) -> int | None:
    """The whole seconds to wait, at least one; None if unknown."""
    seconds = error.retry_after_s if isinstance(error, BusyError | UpstreamError) else None
    return max(1, math.ceil(seconds)) if seconds is not None and math.isfinite(seconds) else None


def is_short(seconds: int | None) -> bool:
    """Whether a client should wait that long by itself."""
    return seconds is not None and seconds <= _SHORT_WAIT_S
