"""Publishes the server's status when it changes."""

import asyncio
from collections.abc import Callable

from server.status import Status

# The status changes with each token; changes within this time are published as one.
_PUBLISH_DELAY_S = 0.1


class StatusPublisher:
    """Calls `on_status` whenever `status()` differs from what was published last."""

    def __init__(self, status: Callable[[], Status], on_status: Callable[[Status], None]) -> None:
        self._status = status
        self._on_status = on_status
        self._last: Status | None = None
        self._timer: asyncio.TimerHandle | None = None

    def publish(self) -> None:
        """Publishes now."""
        status = self._status()
        if status != self._last:
            self._last = status
            self._on_status(status)

    def publish_soon(self) -> None:
        """In the loop: publishes in a moment, together with what changes until then."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_PUBLISH_DELAY_S, self._due)

    def _due(self) -> None:
        self._timer = None
        self.publish()
