"""Tickets with which the app opens the server's page without the access key: short-lived, and valid once."""

import hmac
import secrets
import time
from collections.abc import Callable

LIFETIME_S = 60.0


def make_ticket(token: str, *, now: float | None = None) -> str:
    """A ticket for the page of the instance with this secret `token`."""
    ends = f"{(time.time() if now is None else now) + LIFETIME_S:.0f}.{secrets.token_hex(8)}"
    return f"{ends}.{_signature(token, ends)}"


class TicketBook:
    """Redeems the tickets of one instance, each once."""

    def __init__(self, token: str, *, clock: Callable[[], float] = time.time) -> None:
        self._token = token
        self._clock = clock
        self._used: dict[str, float] = {}

    def redeem(self, ticket: str) -> bool:
        """Whether `ticket` is genuine, not expired and used for the first time."""
        ends, _, signature = ticket.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _signature(self._token, ends).encode()):
            return False
        now, end = self._clock(), float(ends.partition(".")[0])
        self._used = {used: until for used, until in self._used.items() if until >= now}
        if end < now or ticket in self._used:
            return False
        self._used[ticket] = end
        return True


def _signature(token: str, ends: str) -> str:
    return hmac.digest(token.encode(), f"open the page until {ends}".encode(), "sha256").hex()
