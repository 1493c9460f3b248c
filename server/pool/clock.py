"""Time as the pool needs it: now, and a call at a later time."""

import asyncio
from collections.abc import Callable
from typing import Protocol


class Alarm(Protocol):
    """A call that is still to come."""

    def cancel(self) -> None:
        """It will not come."""


class Clock(Protocol):
    """Seconds that only grow."""

    def now(self) -> float:
        """The time."""

    def call_at(self, when: float, call: Callable[[], None]) -> Alarm:
        """Calls at that time, or at once when it has passed, from the event loop."""


class LoopClock:
    """The running event loop's own time."""

    def now(self) -> float:
        """Seconds of the loop's clock."""
        return asyncio.get_running_loop().time()

    def call_at(self, when: float, call: Callable[[], None]) -> Alarm:
        """As the loop does it."""
        return asyncio.get_running_loop().call_at(when, call)
