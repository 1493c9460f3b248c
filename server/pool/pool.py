"""Keeps Claude Code processes booted ahead of requests and leases one to each request."""

import asyncio
import contextvars
import itertools
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from types import TracebackType
from typing import Generic, Self, assert_never

from server.backoff import Backoff
from server.errors import DrawbridgeError, QueueFull, QueueTimeout, ShuttingDown
from server.pool.boot_history import BootHistory
from server.pool.clock import Alarm, Clock, LoopClock
from server.pool.lease import Lease, LeaseResult, Ticket
from server.pool.plan import plan
from server.pool.types import Grant, Kind, Limits, PoolHistory, Refused, Waiter, WorkerState
from server.pool.warming import next_to_warm_up
from server.pool.workers import W, WorkerSet
from server.status import PoolStatus

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 15.0


@dataclass(slots=True)
class _ConditionWaiter:
    """A task that waits on a condition of the pool."""

    condition: Callable[[], bool]
    event: asyncio.Event = field(default_factory=asyncio.Event)


class Pool(Generic[W]):
    """A pool of workers: `async with pool`, then `async with pool.lease(kind)` for each answer.

    After every event (a request, a cancellation, a boot, a death, a tick) `_step` calls `plan` and starts what it
    says, without an await in between, so there is no lock. `on_change` is called with every new status.
    """

    def __init__(
        self,
        spawn: Callable[[], W],
        *,
        limits: Limits,
        clock: Clock | None = None,
        backoff: Backoff | None = None,
        on_change: Callable[[PoolStatus], None] = lambda _: None,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
    ) -> None:
        self._limits = limits
        self._clock = clock or LoopClock()
        self._on_change = on_change
        self._close_timeout_s = close_timeout_s
        # The state: the workers and their boot history, the queue, and what else `plan` reads.
        self._boots = BootHistory(backoff or Backoff())
        self._workers = WorkerSet(spawn, boots=self._boots, clock=self._clock, on_change=self._step)
        self._tickets: list[Ticket] = []
        self._history = PoolHistory()
        self._ways: Counter[str] = Counter()
        self._keys = itertools.count(1)
        self._is_open = False
        self._reserved_places = 0
        self._alarm: Alarm | None = None
        self._condition_waiters: list[_ConditionWaiter] = []
        self._published = PoolStatus()
        self._context = contextvars.copy_context()

    def __repr__(self) -> str:
        """The number of workers in each state: `<Pool size 3: 1 raw, 1 answering, 0 waiting>`."""
        counts, problem = self._workers.counts, self._boots.problem
        parts = [f"{counts[state]} {state.value}" for state in WorkerState if counts[state]]
        parts.append(f"{len(self._pending())} waiting")
        if problem is not None:
            parts.append(f"problem {type(problem).__name__}")
        return f"<Pool size {self._limits.size}: {', '.join(parts)}>"

    def status(self) -> PoolStatus:
        """The pool's status, from memory."""
        counts, problem = self._workers.counts, self._boots.problem
        return PoolStatus(
            size=self._limits.size,
            ready=counts[WorkerState.RAW] + counts[WorkerState.PARKED],
            raw=counts[WorkerState.RAW],
            booting=counts[WorkerState.BOOTING],
            answering=counts[WorkerState.ANSWERING],
            parked=counts[WorkerState.PARKED],
            waiting=len(self._pending()),
            trouble=None if problem is None else str(problem),
            lacks=self._boots.lacks,
            ways=tuple(sorted(self._ways.items())),
            workers=self._workers.statuses,
        )

    async def __aenter__(self) -> Self:
        """Starts the first boot and returns at once."""
        self._history = replace(self._history, last_used=self._clock.now())
        self._is_open = True
        self._step()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes every worker, answering or not, within a bound; waiters get `ShuttingDown`; no task is left."""
        ending = asyncio.create_task(self._end())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise

    def apply(self, limits: Limits) -> None:
        """Applies new limits at once, also to waiting requests, and resets the back-off. Running answers continue."""
        self._limits = limits
        self._boots.forgive()
        if self._is_open:
            self._step()

    def renew(self, why: str) -> None:
        """Replaces all workers, busy ones after their answer, for a change of what is fixed when a process starts."""
        self._workers.renew(why)
        self._boots.forgive()
        if self._is_open:
            self._step()

    async def retire_unresponsive(self) -> None:
        """Retires the idle workers that do not respond, before the retry of a request whose worker failed.

        What stopped one process may have stopped them all.
        """
        await self._workers.retire_unresponsive()
        self._step()

    @asynccontextmanager
    async def reserve_place(self) -> AsyncIterator[None]:
        """Waits for a place and reserves it for a process outside the pool while the block runs."""
        assert self._is_open, "a place in a pool that is not open"
        self._reserved_places += 1
        try:
            self._step()
            await self._until(lambda: len(self._workers.slots) + self._reserved_places <= self._limits.size, None)
            yield
        finally:
            self._reserved_places -= 1
            self._step()

    @asynccontextmanager
    async def lease(
        self,
        kind: Kind,
        *,
        conversation_key: str | None = None,
        first_in_line: bool = False,
        is_background: bool = False,
    ) -> AsyncIterator[Lease[W]]:
        """Leases a worker for one answer, first come, first served; never one that is known to be dead.

        The worker is raw, or was leased for this kind before. One that holds the conversation `conversation_key` is
        preferred; `Lease.way` says how it was found. `first_in_line` is for the retry of a request whose worker died;
        it has waited before, so it goes before all others and is admitted even if the queue is full. `is_background`
        as in `Waiter`.

        Raises `QueueFull`, `QueueTimeout`, `ShuttingDown`, or the error of the last boot. Cancelling the task frees
        its place at once.
        """
        since = self._clock.now()
        waiter = Waiter(next(self._keys), kind, since, conversation_key, is_background)
        grant = await self._wait_for_grant(waiter, first_in_line=first_in_line)
        # No await from here to the `try`: a cancellation between the grant and its return would lose the worker.
        self._ways[grant.way] += 1
        waited_ms = (self._clock.now() - since) * 1000
        logger.info("worker %d leased, way %s, after %.0f ms", grant.slot, grant.way, waited_ms)
        self._publish()
        worker = self._workers.worker(grant.slot)
        lease = Lease(worker, grant.way, on_first_token=lambda: self._first_token(grant.slot))
        try:
            yield lease
        finally:
            self._end_lease(grant, lease.result)

    # The queue.

    async def _wait_for_grant(self, waiter: Waiter, *, first_in_line: bool) -> Grant:
        """Waits for a living worker."""
        while True:
            ticket = self._admit(waiter, first_in_line=first_in_line)
            try:
                grant = await ticket.wait()
            except BaseException:  # also a cancellation: the ticket would keep its place, or the worker it was granted
                self._remove(ticket)
                raise
            if self._workers.is_usable(grant.slot):
                return grant
            # The worker died, or the pool closed it, between the grant and now.
            self._give_back(grant, "it was never used", untouched=True)
            first_in_line = True

    def _admit(self, waiter: Waiter, *, first_in_line: bool) -> Ticket:
        """Adds the request to the queue; its ticket may be settled already. Raises `QueueFull`."""
        assert self._is_open, "a lease from a pool that is not open"
        self._history = replace(self._history, last_used=self._clock.now())
        ticket = Ticket(waiter, first_in_line=first_in_line)
        ahead = sum(other.first_in_line for other in self._tickets) if first_in_line else len(self._tickets)
        self._tickets.insert(ahead, ticket)
        self._step()
        # A request that waits for a boot only has a place: how many are admitted must not depend on the boot time.
        room = max(0, self._limits.size - self._reserved_places - self._workers.counts[WorkerState.ANSWERING])
        if ticket.is_pending and not first_in_line and len(self._pending()) > room + self._limits.max_waiting:
            self._tickets.remove(ticket)
            raise QueueFull(
                f"{self._limits.max_waiting} requests wait already for one of {self._limits.size} Claude processes."
            )
        return ticket

    def _remove(self, ticket: Ticket) -> None:
        """Removes a cancelled or refused request, and returns the worker that was granted in the same instant."""
        self._tickets = [other for other in self._tickets if other is not ticket]
        if ticket.grant is not None:
            self._give_back(ticket.grant, "it was never used", untouched=True)
        else:
            self._step()

    def _end_lease(self, grant: Grant, result: LeaseResult) -> None:
        is_kept = result.is_kept and self._limits.isolation == "warm" and not self._history.is_stopping
        if is_kept and self._workers.park(grant.slot, result.conversation_key):
            self._history = replace(self._history, last_used=self._clock.now())
            self._step()
        else:
            self._give_back(grant, result.why)

    def _give_back(self, grant: Grant, why: str, *, untouched: bool = False) -> None:
        self._history = replace(self._history, last_used=self._clock.now())
        self._workers.give_back(grant.slot, why, untouched=untouched)
        self._step()

    def _first_token(self, key: int) -> None:
        if self._workers.first_token(key):
            self._step()

    # Decide, then act.

    def _step(self) -> None:
        """Plans and starts what happens next. Called after everything that may change the plan."""
        pending = {ticket.waiter.key: ticket for ticket in self._pending()}
        self._history = replace(self._history, outlook=self._boots.outlook, boot_from=self._boots.boot_from)
        waiting = [ticket.waiter for ticket in pending.values()]
        limits = replace(self._limits, size=max(0, self._limits.size - self._reserved_places))
        decided = plan(self._workers.slots, waiting, limits, self._clock.now(), self._history)
        for grant in decided.grants:
            ticket = pending[grant.waiter]
            self._workers.lease(grant.slot, ticket.waiter)
            ticket.settle(grant)
        for refusal in decided.refusals:
            pending[refusal.waiter].settle(self._error_for(refusal.why))
        self._tickets = self._pending()
        for key in decided.closes:
            self._workers.retire(key, "it is not needed")
        for _ in range(decided.boots):
            self._workers.boot()
        self._history = replace(self._history, deferred_since=decided.deferred_since)
        self._set_alarm(decided.wake_at)
        self._warm_up_next()
        self._publish()

    def _warm_up_next(self) -> None:
        workers, waiting = self._workers, [ticket.waiter for ticket in self._pending()]
        key = next_to_warm_up(workers.slots, waiting, self._limits, warmed=workers.warmed, warming=workers.warming)
        if key is not None and not self._history.is_stopping:
            workers.warm_up(key)

    def _pending(self) -> list[Ticket]:
        """The requests that wait. A cancelled one no longer counts, even before its task resumes."""
        return [ticket for ticket in self._tickets if ticket.is_pending]

    def _error_for(self, why: Refused) -> DrawbridgeError:
        match why:
            case Refused.TIMEOUT:
                waited = f"{self._limits.queue_timeout_s:g} s"
                return QueueTimeout(f"No Claude process became free within {waited}.")
            case Refused.STOPPING:
                return ShuttingDown()
            case Refused.ENGINE:
                assert self._boots.problem is not None
                return self._boots.problem.fresh()
            case _:
                assert_never(why)

    def _set_alarm(self, when: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        # In the pool's own context: a tick logs without a request id.
        tick = partial(self._context.copy().run, self._step)
        self._alarm = None if when is None else self._clock.call_at(when, tick)

    def _publish(self) -> None:
        """Publishes the status if it is new, and wakes the tasks whose condition holds."""
        for waiter in self._condition_waiters:
            if waiter.condition():
                waiter.event.set()
        status = self.status()
        if status != self._published:
            self._published = status
            self._on_change(status)

    # Shutdown.

    async def _end(self) -> None:
        self._history = replace(self._history, is_stopping=True)
        self._step()
        self._workers.interrupt()
        await self._until(lambda: not self._workers.slots, self._close_timeout_s)
        await self._workers.abandon()
        self._set_alarm(None)

    async def _until(self, condition: Callable[[], bool], timeout_s: float | None) -> None:
        """Waits until the condition holds after a step, or for the timeout; None: without limit."""
        if condition():
            return
        waiter = _ConditionWaiter(condition)
        self._condition_waiters.append(waiter)
        alarm = None if timeout_s is None else self._clock.call_at(self._clock.now() + timeout_s, waiter.event.set)
        try:
            await waiter.event.wait()
        finally:
            if alarm is not None:
                alarm.cancel()
            self._condition_waiters.remove(waiter)
