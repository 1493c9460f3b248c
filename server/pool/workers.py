"""The workers of a pool, and the tasks that boot, watch and close them.

These tasks are never a caller's, so that a caller who leaves cannot leave half a process behind.
"""

import asyncio
import contextvars
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

from server.conversation.request import Profile
from server.errors import CliFailed, DrawbridgeError
from server.pool.boot_history import PROBATION_S, Boots
from server.pool.clock import Clock
from server.pool.plan import Slot, Waiter, WorkerState

logger = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 1.0


class Worker(Protocol):
    """What the pool asks of a worker."""

    async def boot(self) -> None:
        """Comes up. Raises a `DrawbridgeError`: `CliMissing` and `SignInNeeded` where trying again is no use."""

    async def close(self) -> None:
        """Kills it at once; bounded; never raises; afterwards the process is gone."""

    async def wait_dead(self) -> None:
        """Returns when the process has ended by itself."""


W = TypeVar("W", bound=Worker)


@dataclass(slots=True)
class _Member(Generic[W]):
    """A slot and who is in it. `chore` is the one task that looks after it now: it boots, watches or closes."""

    slot: Slot
    born_at: float
    worker: W | None = None
    chore: asyncio.Task[None] | None = None
    is_booting: bool = True
    is_dead: bool = False
    is_outdated: bool = False
    before: Slot | None = None


class Crew(Generic[W]):
    """The workers by the keys of their slots.

    Every method acts at once. `on_news` is called when a worker has come up, has died or is gone.
    """

    def __init__(self, spawn: Callable[[], W], *, boots: Boots, clock: Clock, on_news: Callable[[], None]) -> None:
        self._spawn = spawn
        self._boots = boots
        self._clock = clock
        self._on_news = on_news
        self._members: dict[int, _Member[W]] = {}
        self._keys = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        # Chores log under no request's id, whoever's arrival starts them.
        self._context = contextvars.copy_context()

    @property
    def slots(self) -> tuple[Slot, ...]:
        """Every process that counts, the oldest first."""
        return tuple(member.slot for member in self._members.values())

    @property
    def counts(self) -> Counter[WorkerState]:
        """How many there are in each state."""
        return Counter(slot.state for slot in self.slots)

    def worker(self, key: int) -> W:
        """Who is in the slot. It has come up."""
        worker = self._members[key].worker
        assert worker is not None
        return worker

    def is_fit(self, key: int) -> bool:
        """Whether the lent worker is still there, and not known to be dead."""
        member = self._members.get(key)
        return member is not None and member.slot.state is WorkerState.ANSWERING and not member.is_dead

    def boot(self) -> None:
        """Begins the life of one more. Only `interrupt` breaks a boot off: half a process is hard to kill."""
        now = self._clock.now()
        member: _Member[W] = _Member(Slot(next(self._keys), WorkerState.BOOTING, last_used=now), born_at=now)
        self._members[member.slot.key] = member
        self._start(member, self._come_up(member), self._came_up)

    def lend(self, key: int, waiter: Waiter) -> None:
        """RAW or PARKED -> ANSWERING."""
        member = self._members[key]
        member.before = member.slot
        self._move(member, WorkerState.ANSWERING, profile=waiter.profile, is_modest=waiter.is_modest)

    def park(self, key: int, conversation: str | None) -> bool:
        """ANSWERING -> PARKED, with the conversation that it holds (None: to be forgotten). False where it may not."""
        member = self._members.get(key)
        if member is None or member.slot.state is not WorkerState.ANSWERING or member.is_dead or member.is_outdated:
            return False
        self._move(member, WorkerState.PARKED, profile=member.slot.profile, conversation=conversation)
        return True

    def renew(self, why: str) -> None:
        """What lives now is not used again: idle ones retire, answering ones when they have answered."""
        for member in list(self._members.values()):
            member.is_outdated = True
            if member.slot.state is not WorkerState.ANSWERING:
                self.retire(member.slot.key, why)

    def spoke(self, key: int) -> bool:
        """The first token of its answer has come. False if that is no news."""
        member = self._members.get(key)
        if member is None or member.slot.state is not WorkerState.ANSWERING or member.slot.spoke:
            return False
        member.slot = replace(member.slot, spoke=True)
        self._boots.proved()
        return True

    def give_back(self, key: int, why: str, *, untouched: bool = False) -> None:
        """The lease is over, and the worker retires. One that nobody has touched is raw again, if it is fit."""
        member = self._members.get(key)
        if member is None or member.slot.state is not WorkerState.ANSWERING:
            return
        if member.is_dead:
            why = "its process ended"
            if untouched and member.before is not None:
                self._died_idle(member, member.before.state)
        if untouched and not member.is_dead and not member.is_outdated and member.before is not None:
            # It is as it was, and has been for as long.
            member.slot = member.before
        else:
            self.retire(key, why)

    def retire(self, key: int, why: str) -> None:
        """-> CLOSING. It counts until its end has been seen; nothing happens if it is gone or going already."""
        member = self._members.get(key)
        if member is None or member.slot.state is WorkerState.CLOSING:
            return
        logger.info("worker %d retired: %s", key, why)
        self._move(member, WorkerState.CLOSING)
        if not member.is_booting:
            self._close(member)

    def interrupt(self) -> None:
        """Everything ends now: boots are broken off, answers too."""
        for member in list(self._members.values()):
            self.retire(member.slot.key, "the pool closes")
            if member.is_booting and member.chore is not None:
                member.chore.cancel()

    async def forsake(self) -> None:
        """Ends the tasks of workers that did not close in time."""
        for key in self._members:
            logger.error("worker %d did not close in time and is left alone", key)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CANCEL_TIMEOUT_S)

    # A worker's life: a chore, and what follows from its end.

    async def _come_up(self, member: _Member[W]) -> None:
        member.worker = self._spawn()
        await member.worker.boot()

    def _came_up(self, member: _Member[W], task: asyncio.Task[None]) -> None:
        member.is_booting = False
        key, now, is_unwanted = member.slot.key, self._clock.now(), member.slot.state is WorkerState.CLOSING
        if (error := _ending(task)) is None:
            logger.info("worker %d booted in %.0f ms: %r", key, (now - member.born_at) * 1000, member.worker)
            self._boots.succeeded(now)
        elif not (is_unwanted and task.cancelled()):
            self._boots.failed(_presentable(error, key), now)
        if error is None and not is_unwanted:
            self._move(member, WorkerState.RAW)
            self._start(member, self.worker(key).wait_dead(), self._died)
        else:
            self._move(member, WorkerState.CLOSING)
            self._close(member)

    def _died(self, member: _Member[W], task: asyncio.Task[None]) -> None:
        """It ended by itself. One that answers is retired by its lease, which is over soon."""
        if member.slot.state is WorkerState.CLOSING:
            return
        if (error := _ending(task)) is not None:
            logger.error("worker %d cannot be watched", member.slot.key, exc_info=error)
        member.is_dead = True
        if member.slot.state is WorkerState.ANSWERING:
            logger.warning("worker %d ended while it answered", member.slot.key)
            return
        self._died_idle(member, member.slot.state)
        self.retire(member.slot.key, "its process ended")

    def _died_idle(self, member: _Member[W], state: WorkerState) -> None:
        """Soon after its boot this counts as a boot that failed; else processes would be born and die in a loop.

        One that is parked has answered before it died, and another is born only for who asks.
        """
        now = self._clock.now()
        if state is WorkerState.RAW and now < member.born_at + PROBATION_S:
            self._boots.failed(CliFailed("A Claude Code process ended by itself soon after its start."), now)

    def _close(self, member: _Member[W]) -> None:
        if member.chore is not None:
            member.chore.cancel()
        closing = member.worker.close() if member.worker is not None else _nothing()
        self._start(member, closing, self._gone)

    def _gone(self, member: _Member[W], task: asyncio.Task[None]) -> None:
        if (error := _ending(task)) is not None:
            logger.error("worker %d did not close cleanly", member.slot.key, exc_info=error)
        del self._members[member.slot.key]

    def _move(
        self,
        member: _Member[W],
        state: WorkerState,
        *,
        profile: Profile | None = None,
        conversation: str | None = None,
        is_modest: bool = False,
    ) -> None:
        now = self._clock.now()
        member.slot = Slot(member.slot.key, state, now, profile=profile, conversation=conversation, is_modest=is_modest)

    def _start(
        self,
        member: _Member[W],
        chore: Coroutine[Any, Any, None],
        then: Callable[[_Member[W], asyncio.Task[None]], None],
    ) -> None:
        """Begins a chore of the member's. What follows is a callback, since a task may be cancelled before it began."""
        task = asyncio.get_running_loop().create_task(chore, context=self._context.copy())
        member.chore = task
        self._tasks.add(task)

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            then(member, task)
            self._on_news()

        task.add_done_callback(done, context=self._context.copy())


def _ending(task: asyncio.Task[None]) -> BaseException | None:
    """What ended the task, None if it came to its own end."""
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _presentable(error: BaseException, key: int) -> DrawbridgeError:
    """The error of a failed boot as callers may see it; what nobody expected is for the log."""
    if isinstance(error, DrawbridgeError):
        logger.warning("worker %d did not boot: %s: %s", key, type(error).__name__, error)
        return error
    logger.error("worker %d did not boot", key, exc_info=error)
    return CliFailed("Claude Code could not be started: something unexpected went wrong.")


async def _nothing() -> None:
    """A worker that was never born has nothing to close."""
