"""The queue's tickets, and the leases they become."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.errors import DrawbridgeError
from server.pool.types import Grant, Waiter, Way

T = TypeVar("T")


class Ticket:
    """A place in the queue; it ends with a grant, or with the error that the request gets instead.

    Cancelling the waiting task ends the ticket at once, so that no worker is granted to a cancelled request. If the
    task is cancelled after the grant but before it resumes, `grant` still holds it, so that the worker can be returned.
    """

    def __init__(self, waiter: Waiter, *, first_in_line: bool) -> None:
        self.waiter = waiter
        self.first_in_line = first_in_line
        self._outcome: asyncio.Future[Grant | DrawbridgeError] = asyncio.get_running_loop().create_future()

    @property
    def is_pending(self) -> bool:
        """Whether the request still waits."""
        return not self._outcome.done()

    @property
    def grant(self) -> Grant | None:
        """The grant, even if the waiting task has not received it yet."""
        if not self._outcome.done() or self._outcome.cancelled():
            return None
        outcome = self._outcome.result()
        return outcome if isinstance(outcome, Grant) else None

    def settle(self, outcome: Grant | DrawbridgeError) -> None:
        """Ends the wait of a pending ticket."""
        self._outcome.set_result(outcome)

    async def wait(self) -> Grant:
        """Returns the grant. Raises the error that came instead."""
        outcome = await self._outcome
        if isinstance(outcome, DrawbridgeError):
            raise outcome
        return outcome


@dataclass(frozen=True, slots=True)
class LeaseResult:
    """Whether the worker is kept, and for which conversation (None: for any of its kind); else `why` it retires."""

    is_kept: bool = False
    conversation_key: str | None = None
    why: str = "its conversation is over"


class Lease(Generic[T]):
    """A worker for one answer, returned at the end of `Pool.lease`. It retires unless `keep` was called."""

    def __init__(self, worker: T, way: Way, *, on_first_token: Callable[[], None]) -> None:
        self.result = LeaseResult()
        self.worker = worker
        self.way = way
        self._on_first_token = on_first_token

    def keep(self, conversation_key: str | None) -> None:
        """Parks the worker: for this conversation, or after a reset for any other of its kind."""
        self.result = LeaseResult(is_kept=True, conversation_key=conversation_key)

    def retire(self, why: str) -> None:
        """Ends the worker; `why` is for the log."""
        self.result = LeaseResult(why=why)

    def first_token(self) -> None:
        """Tells the pool that the answer has begun, so that boots of spares no longer wait for it."""
        self._on_first_token()
