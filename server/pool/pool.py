"""Keeps Claude Code processes booted ahead of requests and lends each of them for one conversation."""

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
from server.conversation.request import Profile
from server.errors import DrawbridgeError, PlaceHeld, QueueFull, QueueTimeout, ShuttingDown
from server.pool.boot_history import Boots
from server.pool.clock import Alarm, Clock, LoopClock
from server.pool.lease import Lease, Ticket, Verdict
from server.pool.plan import Grant, Limits, Past, Refused, Waiter, WorkerState, plan
from server.pool.workers import Crew, W
from server.status import PoolStatus

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S = 15.0
RETRY_AFTER_S = 5.0


@dataclass(slots=True)
class _Bell:
    """Somebody waits until `condition` holds."""

    condition: Callable[[], bool]
    rung: asyncio.Event = field(default_factory=asyncio.Event)


class Pool(Generic[W]):
    """A pool of workers: `async with pool`, then `async with pool.lease(profile)` for each answer.

    What happens next is decided by `plan` and begun in `_step`, both without an await, after every arrival, departure,
    birth, death and tick; so there is no lock. `on_change` hears of every new status.
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
        # All that changes: the workers and how their boots went, who waits in which order, and what else counts.
        self._boots = Boots(backoff or Backoff())
        self._crew = Crew(spawn, boots=self._boots, clock=self._clock, on_news=self._step)
        self._tickets: list[Ticket] = []
        self._past = Past()
        self._ways: Counter[str] = Counter()
        self._keys = itertools.count(1)
        self._is_open = False
        self._aside = 0
        self._alarm: Alarm | None = None
        self._bells: list[_Bell] = []
        self._published = PoolStatus()
        self._context = contextvars.copy_context()

    def __repr__(self) -> str:
        """How many processes do what: `<Pool size 3: 1 raw, 1 answering, 0 waiting>`."""
        counts, trouble = self._crew.counts, self._boots.trouble
        parts = [f"{counts[state]} {state.value}" for state in WorkerState if counts[state]]
        parts.append(f"{len(self._pending())} waiting")
        if trouble is not None:
            parts.append(f"trouble {type(trouble).__name__}")
        return f"<Pool size {self._limits.size}: {', '.join(parts)}>"

    def status(self) -> PoolStatus:
        """What the pool does now; asks nobody and waits for nothing."""
        counts, trouble = self._crew.counts, self._boots.trouble
        return PoolStatus(
            size=self._limits.size,
            ready=counts[WorkerState.RAW] + counts[WorkerState.PARKED],
            raw=counts[WorkerState.RAW],
            booting=counts[WorkerState.BOOTING],
            answering=counts[WorkerState.ANSWERING],
            parked=counts[WorkerState.PARKED],
            waiting=len(self._pending()),
            trouble=None if trouble is None else str(trouble),
            lacks=self._boots.lacks,
            ways=tuple(sorted(self._ways.items())),
        )

    async def __aenter__(self) -> Self:
        """The first worker boots; nothing waits for it."""
        self._past = replace(self._past, asked_at=self._clock.now())
        self._is_open = True
        self._step()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Those who wait get `ShuttingDown`; every worker is closed, answering or not; bounded; no task is left."""
        ending = asyncio.create_task(self._end())
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await asyncio.wait({ending})
            raise

    def apply(self, limits: Limits) -> None:
        """New limits, at once: a larger pool boots, a smaller one closes what is idle and waits for the answers.

        Time-outs hold for those who wait already; who waits already keeps the place though fewer may wait now. A boot
        that was put off after failures is tried anew.
        """
        self._limits = limits
        self._boots.forgive()
        if self._is_open:
            self._step()

    def renew(self, why: str) -> None:
        """What lives now is not used again; running answers end first. For what is fixed when a process starts."""
        self._crew.renew(why)
        self._boots.forgive()
        if self._is_open:
            self._step()

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Within the size, a place for one process that is not the pool's: the pool has one less while the block runs.

        Waits for the place, and no answer is ended for it. In a pool of one, who asks meanwhile waits for the block.
        """
        assert self._is_open, "a place in a pool that is not open"
        self._aside += 1
        try:
            self._step()
            await self._until(lambda: len(self._crew.slots) + self._aside <= self._limits.size, None)
            yield
        finally:
            self._aside -= 1
            self._step()

    async def drain(self, within_s: float) -> int:
        """Takes no more requests and waits for the answers to end. Gives how many still run after `within_s`.

        Those who wait get `ShuttingDown` at once, idle workers close. There is no way back.
        """
        self._stop()
        await self._until(lambda: not self._crew.counts[WorkerState.ANSWERING], within_s)
        return self._crew.counts[WorkerState.ANSWERING]

    @asynccontextmanager
    async def lease(
        self,
        profile: Profile,
        *,
        past: str | None = None,
        first_in_line: bool = False,
        is_modest: bool = False,
    ) -> AsyncIterator[Lease[W]]:
        """A worker for one answer, in the order of arrival; it is never one that is known to be dead.

        `past` is the key of the conversation that the request goes on with: who holds it is preferred, as `way` tells.
        `is_modest`: it comes after all others, and no parked conversation ends for it.

        Raises `QueueFull`, `QueueTimeout`, `PlaceHeld`, `ShuttingDown`, or why no worker can boot. A cancelled caller
        frees its place at once. `first_in_line` is for the one retry of a request whose worker died: it has waited its
        turn already and was counted then, so it goes before all others and is not refused for their number.
        """
        since = self._clock.now()
        waiter = Waiter(next(self._keys), profile, since, past, is_modest)
        grant = await self._turn(waiter, first_in_line=first_in_line)
        # From here to the `try` nothing waits, so that no cancellation comes between the grant and its return.
        waited_s = self._clock.now() - since
        self._ways[grant.way] += 1
        logger.info("worker %d leased, way %s, after %.0f ms", grant.slot, grant.way, waited_s * 1000)
        self._tell()
        worker = self._crew.worker(grant.slot)
        lease = Lease(worker, grant.way, waited_s, on_first_token=lambda: self._spoke(grant.slot))
        try:
            yield lease
        finally:
            self._end_lease(grant, lease.verdict)

    # Waiting for a worker.

    async def _turn(self, waiter: Waiter, *, first_in_line: bool) -> Grant:
        """Waits for a living worker."""
        while True:
            ticket = self._admit(waiter, first_in_line=first_in_line)
            try:
                grant = await ticket.wait()
            except BaseException:
                self._leave(ticket)
                raise
            if self._crew.is_fit(grant.slot):
                return grant
            # It died, or the pool closed it, between the grant and now.
            self._give_back(grant, "it was never used", untouched=True)
            first_in_line = True

    def _admit(self, waiter: Waiter, *, first_in_line: bool) -> Ticket:
        """A place in the queue; it may be settled already. Raises `QueueFull`."""
        assert self._is_open, "a lease from a pool that is not open"
        self._past = replace(self._past, asked_at=self._clock.now())
        ticket = Ticket(waiter, first_in_line=first_in_line)
        ahead = sum(other.first_in_line for other in self._tickets) if first_in_line else len(self._tickets)
        self._tickets.insert(ahead, ticket)
        self._step()
        # Who waits for no more than a boot has a place: how many get in must not depend on how fast processes start.
        room = max(0, self._limits.size - self._aside - self._crew.counts[WorkerState.ANSWERING])
        if ticket.is_pending and not first_in_line and len(self._pending()) > room + self._limits.max_waiting:
            self._tickets.remove(ticket)
            raise QueueFull(
                f"{self._limits.max_waiting} requests wait already for one of {self._limits.size} Claude processes.",
                retry_after_s=RETRY_AFTER_S,
            )
        return ticket

    def _leave(self, ticket: Ticket) -> None:
        """The caller has gone: its place is free, and a worker that was granted in the same instant goes on raw."""
        self._tickets = [other for other in self._tickets if other is not ticket]
        if ticket.grant is not None:
            self._give_back(ticket.grant, "it was never used", untouched=True)
        else:
            self._step()

    def _end_lease(self, grant: Grant, verdict: Verdict) -> None:
        is_kept = verdict.is_kept and self._limits.isolation == "warm" and not self._past.stopping
        if is_kept and self._crew.park(grant.slot, verdict.conversation):
            self._past = replace(self._past, asked_at=self._clock.now())
            self._step()
        else:
            self._give_back(grant, verdict.why)

    def _give_back(self, grant: Grant, why: str, *, untouched: bool = False) -> None:
        self._past = replace(self._past, asked_at=self._clock.now())
        self._crew.give_back(grant.slot, why, untouched=untouched)
        self._step()

    def _spoke(self, key: int) -> None:
        if self._crew.spoke(key):
            self._step()

    # Deciding, and acting on it.

    def _step(self) -> None:
        """Decides what happens next and begins it. Called after everything that may change the answer."""
        pending = {ticket.waiter.key: ticket for ticket in self._pending()}
        self._past = replace(self._past, prospect=self._boots.prospect, boot_from=self._boots.boot_from)
        waiting = [ticket.waiter for ticket in pending.values()]
        limits = replace(self._limits, size=max(0, self._limits.size - self._aside))
        decided = plan(self._crew.slots, waiting, limits, self._clock.now(), self._past)
        for grant in decided.grants:
            ticket = pending[grant.waiter]
            self._crew.lend(grant.slot, ticket.waiter)
            ticket.settle(grant)
        for refusal in decided.refusals:
            pending[refusal.waiter].settle(self._error_for(refusal.why))
        self._tickets = self._pending()
        for key in decided.closes:
            self._crew.retire(key, "it is not needed")
        for _ in range(decided.boots):
            self._crew.boot()
        self._past = replace(self._past, put_off_since=decided.put_off_since)
        self._set_alarm(decided.wake_at)
        self._tell()

    def _pending(self) -> list[Ticket]:
        """Those who wait; who has been cancelled counts no longer, though it has not woken up yet."""
        return [ticket for ticket in self._tickets if ticket.is_pending]

    def _error_for(self, why: Refused) -> DrawbridgeError:
        match why:
            case Refused.TIMEOUT:
                waited = f"{self._limits.queue_timeout_s:g} s"
                return QueueTimeout(f"No Claude process became free within {waited}.", retry_after_s=RETRY_AFTER_S)
            case Refused.STOPPING:
                return ShuttingDown(retry_after_s=RETRY_AFTER_S)
            case Refused.PLACE:
                return PlaceHeld(retry_after_s=RETRY_AFTER_S)
            case Refused.ENGINE:
                assert self._boots.trouble is not None
                return self._boots.trouble.fresh()
            case _:
                assert_never(why)

    def _set_alarm(self, when: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        # In the pool's own context: a tick logs under no request's id.
        tick = partial(self._context.copy().run, self._step)
        self._alarm = None if when is None else self._clock.call_at(when, tick)

    def _tell(self) -> None:
        """Publishes the status if it is new, and rings for those who wait for it."""
        for bell in self._bells:
            if bell.condition():
                bell.rung.set()
        status = self.status()
        if status != self._published:
            self._published = status
            self._on_change(status)

    # The end.

    def _stop(self) -> None:
        self._past = replace(self._past, stopping=True)
        self._step()

    async def _end(self) -> None:
        self._stop()
        self._crew.interrupt()
        await self._until(lambda: not self._crew.slots, self._close_timeout_s)
        await self._crew.forsake()
        self._set_alarm(None)

    async def _until(self, condition: Callable[[], bool], within_s: float | None) -> None:
        """Waits until the condition holds after some step, at most so long; None: for ever."""
        if condition():
            return
        bell = _Bell(condition)
        self._bells.append(bell)
        alarm = None if within_s is None else self._clock.call_at(self._clock.now() + within_s, bell.rung.set)
        try:
            await bell.rung.wait()
        finally:
            if alarm is not None:
                alarm.cancel()
            self._bells.remove(bell)
