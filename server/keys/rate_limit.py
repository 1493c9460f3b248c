"""Requests and tokens of one key in the last minute, and how long to wait at its limits.

A moving window: each request counts for a minute from its arrival, and its tokens for a minute from the answer's end.
The library `limits` was tried: it reads the clock itself, keeps one entry for each token and takes half a second to
import.
"""

from collections import deque

from server.errors import KeyLimited
from server.keys.rights import Rights

WINDOW_S = 60.0


class MovingWindow:
    """The sum of the amounts of the last minute."""

    def __init__(self) -> None:
        self._amounts: deque[tuple[float, int]] = deque()
        self._sum = 0

    def add(self, amount: int, now: float) -> None:
        """Adds an amount; `now` never decreases from call to call."""
        self._amounts.append((now, amount))
        self._sum += amount

    def sum(self, now: float) -> int:
        """The sum at `now`."""
        while self._amounts and self._amounts[0][0] + WINDOW_S <= now:
            self._sum -= self._amounts.popleft()[1]
        return self._sum

    def wait_s(self, limit: int | None, now: float) -> float:
        """How long until the sum is below `limit`; 0 if it is."""
        left = self.sum(now)
        if limit is None or left < limit:
            return 0.0
        for then, amount in self._amounts:
            left -= amount
            if left < limit:
                return then + WINDOW_S - now
        raise AssertionError("the sum of nothing is below every limit")


class Meter:
    """What one key has used."""

    def __init__(self) -> None:
        self.requests = MovingWindow()
        self.tokens = MovingWindow()

    def admit(self, name: str, rights: Rights, now: float) -> None:
        """Counts a request of the key `name`. Raises `KeyLimited`, and then does not count it.

        The tokens of an answer are known at its end, so those of running answers may exceed the limit.
        """
        waits = (
            (self.requests.wait_s(rights.requests_per_minute, now), rights.requests_per_minute, "request"),
            (self.tokens.wait_s(rights.tokens_per_minute, now), rights.tokens_per_minute, "token"),
        )
        wait_s, limit, what = max(waits, key=lambda wait: wait[0])
        if wait_s > 0:
            counted = f"{limit} {what}{'' if limit == 1 else 's'}"
            raise KeyLimited(f"The access key '{name}' may use {counted} a minute.", retry_after_s=wait_s)
        self.requests.add(1, now)
