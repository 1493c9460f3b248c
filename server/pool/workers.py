"""The pool's workers and the tasks that boot, watch and close them, which no cancelled request interrupts."""

import asyncio
import contextvars
import itertools
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Generic, Protocol, TypeVar

from server.errors import CliFailed, DrawbridgeError
from server.pool.boot_history import PROBATION_S, BootHistory
from server.pool.clock import Clock
from server.pool.types import Slot, Waiter, WorkerState
from server.status import WorkerStatus

logger = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 1.0


class PooledWorker(Protocol):
    """What the pool needs of a worker."""

    async def boot(self) -> None:
        """Starts it. Raises a `DrawbridgeError`: `CliMissing` or `SignInNeeded` where a retry would not help."""

    async def warm_up(self) -> bool:
        """Prepares it for its first lease, which ends this at once. Returns False if it cannot be used any more."""

    async def close(self) -> None:
        """Kills it at once; bounded; never raises; the process has ended when it returns."""

    async def wait_dead(self) -> None:
        """Returns when the process has ended by itself."""

    async def reacts(self) -> bool:
        """Whether the process, which is idle, responds soon; bounded; never raises."""


W = TypeVar("W", bound=PooledWorker)
T = TypeVar("T")


@dataclass(slots=True)
class _Member(Generic[W]):
    """A slot and its worker. `task` is the one task that boots, watches or closes the worker now.

    `since` is the Unix time at which it entered its state, for people.
    """

    slot: Slot
    started_at: float
    worker: W | None = None
    task: asyncio.Task[None] | None = None
    is_booting: bool = True
    is_dead: bool = False
    is_outdated: bool = False
    before_lease: Slot | None = None
    warm_up: asyncio.Task[bool] | None = None
    since: float = field(default_factory=lambda: round(time.time(), 1))


class WorkerSet(Generic[W]):
    """The workers by the keys of their slots. `on_change` is called when a worker has booted, died or closed."""

    def __init__(
        self, spawn: Callable[[], W], *, boots: BootHistory, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._spawn = spawn
        self._boots = boots
        self._clock = clock
        self._on_change = on_change
        self._members: dict[int, _Member[W]] = {}
        self._keys = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        # Tasks log without a request id, whichever request starts them.
        self._context = contextvars.copy_context()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every process that counts, the oldest first."""
        return tuple(member.slot for member in self._members.values())

    @property
    def statuses(self) -> tuple[WorkerStatus, ...]:
        """What each worker does, and since when, the oldest first."""
        return tuple(
            WorkerStatus(member.slot.key, member.slot.state.value, member.since) for member in self._members.values()
        )

    @property
    def counts(self) -> Counter[WorkerState]:
        """The number of workers in each state."""
        return Counter(slot.state for slot in self.slots)

    @property
    def warmed(self) -> frozenset[int]:
        """The workers that were warmed up, or are now."""
        return frozenset(key for key, member in self._members.items() if member.warm_up is not None)

    @property
    def warming(self) -> int:
        """How many workers are warmed up now."""
        return sum(one.warm_up is not None and not one.warm_up.done() for one in self._members.values())

    def worker(self, key: int) -> W:
        """The worker in the slot, once it has booted."""
        worker = self._members[key].worker
        assert worker is not None
        return worker

    def is_usable(self, key: int) -> bool:
        """Whether the leased worker is still there and not known to be dead."""
        member = self._members.get(key)
        return member is not None and member.slot.state is WorkerState.ANSWERING and not member.is_dead

    def boot(self) -> None:
        """Starts one more worker. Only `interrupt` cancels a boot: a half-started process is hard to kill."""
        now = self._clock.now()
        member: _Member[W] = _Member(Slot(next(self._keys), WorkerState.BOOTING, last_used=now), started_at=now)
        self._members[member.slot.key] = member
        self._start(member, self._boot(member), self._booted)

    def warm_up(self, key: int) -> None:
        """Warms a raw worker up. It stays raw."""
        member = self._members[key]
        member.warm_up = self._task(self.worker(key).warm_up(), partial(self._warmed_up, member))

    def lease(self, key: int, waiter: Waiter) -> None:
        """RAW or PARKED -> ANSWERING."""
        member = self._members[key]
        member.before_lease = member.slot
        self._move(member, replace(member.slot, state=WorkerState.ANSWERING, kind=waiter.kind))

    def park(self, key: int, conversation_key: str | None) -> bool:
        """ANSWERING -> PARKED with the conversation it holds, if any. Returns False if it must not be reused."""
        member = self._members.get(key)
        if member is None or member.slot.state is not WorkerState.ANSWERING or member.is_dead or member.is_outdated:
            return False
        self._move(member, replace(member.slot, state=WorkerState.PARKED), conversation_key=conversation_key)
        return True

    def renew(self, why: str) -> None:
        """Replaces all workers: idle ones retire now, answering ones at the end of their answer."""
        for member in list(self._members.values()):
            member.is_outdated = True
            if member.slot.state is not WorkerState.ANSWERING:
                self.retire(member.slot.key, why)

    def first_token(self, key: int) -> bool:
        """Records that the worker's answer has begun. Returns False if that was known."""
        member = self._members.get(key)
        if member is None or member.slot.state is not WorkerState.ANSWERING or member.slot.has_first_token:
            return False
        member.slot = replace(member.slot, has_first_token=True)
        self._boots.proved()
        return True

    def give_back(self, key: int, why: str, *, untouched: bool = False) -> None:
        """Ends the lease: the worker retires. An untouched one returns to its state before the lease."""
        member = self._members.get(key)
        if member is None or member.slot.state is not WorkerState.ANSWERING:
            return
        if member.is_dead:
            why = "its process ended"
            if untouched and member.before_lease is not None:
                self._died_idle(member, member.before_lease.state)
        if untouched and not member.is_dead and not member.is_outdated and member.before_lease is not None:
            member.slot = member.before_lease
        else:
            self.retire(key, why)

    def retire(self, key: int, why: str) -> None:
        """-> CLOSING. The worker counts until its process has ended. No effect if it is closing or gone."""
        member = self._members.get(key)
        if member is None or member.slot.state is WorkerState.CLOSING:
            return
        logger.info("worker %d retired: %s", key, why)
        self._move(member, Slot(key, WorkerState.CLOSING))
        if not member.is_booting:
            self._close(member)

    async def retire_unresponsive(self) -> None:
        """Retires the idle workers that do not respond. All are checked at the same time."""
        idle = [slot for slot in self.slots if slot.state in {WorkerState.RAW, WorkerState.PARKED}]
        for slot, reacts in zip(idle, await asyncio.gather(*map(self._reacts, idle)), strict=True):
            member = self._members.get(slot.key)
            # A request that has leased the worker meanwhile finds out by itself.
            if not reacts and member is not None and member.slot.state is not WorkerState.ANSWERING:
                self.retire(slot.key, "it did not respond")

    async def _reacts(self, slot: Slot) -> bool:
        return await self.worker(slot.key).reacts()

    def interrupt(self) -> None:
        """Closes everything now, running boots and answers included."""
        for member in list(self._members.values()):
            self.retire(member.slot.key, "the pool closes")
            if member.is_booting and member.task is not None:
                member.task.cancel()

    async def abandon(self) -> None:
        """Ends the tasks of workers that did not close in time."""
        for key in self._members:
            logger.error("worker %d did not close in time and is abandoned", key)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CANCEL_TIMEOUT_S)

    # The tasks of a worker, and what follows from their end.

    async def _boot(self, member: _Member[W]) -> None:
        member.worker = self._spawn()
        await member.worker.boot()

    def _booted(self, member: _Member[W], task: asyncio.Task[None]) -> None:
        member.is_booting = False
        key, now, is_unwanted = member.slot.key, self._clock.now(), member.slot.state is WorkerState.CLOSING
        if (error := _error_of(task)) is None:
            logger.info("worker %d booted in %.0f ms: %r", key, (now - member.started_at) * 1000, member.worker)
            self._boots.succeeded(now)
        elif not (is_unwanted and task.cancelled()):
            self._boots.failed(_presentable(error, key), now)
        if error is None and not is_unwanted:
            self._move(member, replace(member.slot, state=WorkerState.RAW))
            self._start(member, self.worker(key).wait_dead(), self._died)
        else:
            self._move(member, Slot(key, WorkerState.CLOSING))
            self._close(member)

    def _warmed_up(self, member: _Member[W], task: asyncio.Task[bool]) -> None:
        """If a request has leased the worker meanwhile, it finds out by itself whether the worker can be used."""
        is_usable = _error_of(task) is None and task.result()
        if is_usable:
            logger.info("worker %d warmed up", member.slot.key)
        elif member.slot.state is WorkerState.RAW:
            self.retire(member.slot.key, "its warm-up failed")

    def _died(self, member: _Member[W], task: asyncio.Task[None]) -> None:
        """The process ended by itself. If it was answering, the end of its lease, which follows soon, retires it."""
        if member.slot.state is WorkerState.CLOSING:
            return
        if (error := _error_of(task)) is not None:
            logger.error("worker %d cannot be watched", member.slot.key, exc_info=error)
        member.is_dead = True
        if member.slot.state is WorkerState.ANSWERING:
            logger.warning("worker %d ended during its answer", member.slot.key)
            return
        self._died_idle(member, member.slot.state)
        self.retire(member.slot.key, "its process ended")

    def _died_idle(self, member: _Member[W], state: WorkerState) -> None:
        """Counts the death of a spare soon after its boot as a failed boot; otherwise spares could crash in a loop.

        A parked worker has answered, so its death says nothing about the next boot.
        """
        now = self._clock.now()
        if state is WorkerState.RAW and now < member.started_at + PROBATION_S:
            self._boots.failed(CliFailed("A Claude Code process ended by itself soon after its start."), now)

    def _close(self, member: _Member[W]) -> None:
        if member.task is not None:
            member.task.cancel()
        closing = member.worker.close() if member.worker is not None else _nothing()
        self._start(member, closing, self._closed)

    def _closed(self, member: _Member[W], task: asyncio.Task[None]) -> None:
        if (error := _error_of(task)) is not None:
            logger.error("worker %d did not close cleanly", member.slot.key, exc_info=error)
        del self._members[member.slot.key]

    def _move(self, member: _Member[W], to: Slot, *, conversation_key: str | None = None) -> None:
        """Enters the state now. Only a parked worker holds a conversation."""
        member.since = round(time.time(), 1)
        member.slot = replace(to, last_used=self._clock.now(), has_first_token=False, conversation_key=conversation_key)

    def _start(
        self,
        member: _Member[W],
        work: Coroutine[Any, Any, None],
        then: Callable[[_Member[W], asyncio.Task[None]], None],
    ) -> None:
        """Starts the member's task."""
        member.task = self._task(work, partial(then, member))

    def _task(self, work: Coroutine[Any, Any, T], then: Callable[[asyncio.Task[T]], None]) -> asyncio.Task[T]:
        """Starts a task. `then` is a callback, since a task may be cancelled before its first step."""
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks.add(task)

        def done(task: asyncio.Task[T]) -> None:
            self._tasks.discard(task)
            then(task)
            self._on_change()

        task.add_done_callback(done, context=self._context.copy())
        return task


def _error_of(task: asyncio.Task[Any]) -> BaseException | None:
    """The error of the task; None if it finished."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _presentable(error: BaseException, key: int) -> DrawbridgeError:
    """The error of a failed boot for clients. The text of an unexpected one goes to the log only."""
    if isinstance(error, DrawbridgeError):
        logger.warning("worker %d did not boot: %s: %s", key, type(error).__name__, error)
        return error
    logger.error("worker %d did not boot", key, exc_info=error)
    return CliFailed("Claude Code could not be started: an unexpected error occurred.")


async def _nothing() -> None:
    """Closes a worker that was never created."""
