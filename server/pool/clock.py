"""The pool's clock: the time, and calls at a later time. Tests replace it."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """A scheduled call."""

    def cancel(self) -> None:
        """Cancels the call."""


class Clock(Protocol):
    """A monotonic clock in seconds."""

    def now(self) -> float:
        """The time."""

    def call_at(self, when: float, call: Callable[[], None]) -> Alarm:
        """Calls from the event loop at that time, or at once if it has passed."""


class LoopClock:
    """The running event loop's clock."""

    def now(self) -> float:
        """Seconds of the loop's clock."""
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, call: Callable[[], None]) -> Alarm:
        """Schedules the call on the loop."""
        return asyncio.get_running_loop().call_at(when, call)
