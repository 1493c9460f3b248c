"""Closes a connection whose request has not arrived completely without losing the answer.

A socket that is closed while the client still sends is reset, and a reset discards what the client has not read yet:
it would see a network error instead of the reason for which its request was refused (RFC 9112, section 9.6).
"""

import asyncio
from collections.abc import Callable
from typing import Any

LINGER_S = 2.0


class LingeringTransport:
    """A transport whose `close` sends the end of the answer first, if `is_incomplete()`, and then discards the rest.

    The connection ends when the client closes its side, or after `LINGER_S`. All else is the `inner` transport's.
    """

    def __init__(self, inner: asyncio.Transport, is_incomplete: Callable[[], bool]) -> None:
        self._inner = inner
        self._is_incomplete = is_incomplete
        self._timer: asyncio.TimerHandle | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def is_lingering(self) -> bool:
        """Whether what arrives now is to be discarded."""
        return self._timer is not None

    def is_closing(self) -> bool:
        """Whether nothing can be sent any more."""
        return self.is_lingering or self._inner.is_closing()

    def close(self) -> None:
        """Closes the connection, now or when the client has stopped sending."""
        if self.is_closing():
            return
        if self._is_incomplete():
            self._timer = asyncio.get_running_loop().call_later(LINGER_S, self._inner.abort)
            self._inner.write_eof()
            self._inner.resume_reading()
        else:
            self._inner.close()

    def end(self) -> None:
        """The connection is lost."""
        if self._timer is not None:
            self._timer.cancel()
