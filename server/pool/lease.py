"""A place in the queue, and what it becomes: a worker lent for one answer."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from server.errors import DrawbridgeError
from server.pool.plan import Grant, Waiter, Way

T = TypeVar("T")


class Ticket:
    """A place in the queue with an outcome to come: a grant, or the error that the request gets instead.

    A caller who leaves cancels the outcome; from that moment the ticket is no longer pending, so that no worker is
    handed to somebody who has gone. Who is cancelled after the grant and before it woke up finds it in `grant`.
    """

    def __init__(self, waiter: Waiter, *, first_in_line: bool) -> None:
        self.waiter = waiter
        self.first_in_line = first_in_line
        self._outcome: asyncio.Future[Grant | DrawbridgeError] = asyncio.get_running_loop().create_future()

    @property
    def is_pending(self) -> bool:
        """Whether somebody still waits here."""
        return not self._outcome.done()

    @property
    def grant(self) -> Grant | None:
        """What was granted, taken or not."""
        if not self._outcome.done() or self._outcome.cancelled():
            return None
        outcome = self._outcome.result()
        return outcome if isinstance(outcome, Grant) else None

    def settle(self, outcome: Grant | DrawbridgeError) -> None:
        """Ends the wait of a pending ticket."""
        self._outcome.set_result(outcome)

    async def wait(self) -> Grant:
        """The grant. Raises the error that came instead of it."""
        outcome = await self._outcome
        if isinstance(outcome, DrawbridgeError):
            raise outcome
        return outcome


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of the worker when its lease is over: it retires for the reason `why`, or it is kept.

    `conversation` is the key of what a kept worker holds; None: nothing that anybody may go on with.
    """

    is_kept: bool = False
    conversation: str | None = None
    why: str = "its conversation is over"


class Lease(Generic[T]):
    """A worker for one answer. It goes back when the `async with` of `Pool.lease` ends, however that happens.

    Unless `keep` was called before, it retires then.
    """

    def __init__(self, worker: T, way: Way, waited_s: float, *, on_first_token: Callable[[], None]) -> None:
        self.verdict = Verdict()
        self.worker = worker
        self.way = way
        self.waited_s = waited_s
        self._on_first_token = on_first_token

    def keep(self, conversation: str | None) -> None:
        """The worker is at rest and may go on: with this conversation, or after a boundary with any of its profile."""
        self.verdict = Verdict(is_kept=True, conversation=conversation)

    def retire(self, why: str) -> None:
        """The worker goes; `why` is for the log."""
        self.verdict = Verdict(why=why)

    def first_token(self) -> None:
        """Tells the pool that the answer has begun, so that boots need not yield to it any longer."""
        self._on_first_token()
