"""A pool with a clock that the test moves and workers that the test controls and counts."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from server.backoff import Backoff
from server.conversation.request import Profile
from server.pool.lease import Lease
from server.pool.pool import Pool
from server.pool.types import Limits
from server.status import PoolStatus

PROFILE = Profile(system="be brief", owner="local")


async def settle() -> None:
    """Runs the loop until nothing more happens at this time."""
    for _ in range(30):
        await asyncio.sleep(0)


@dataclass(eq=False)
class FakeAlarm:
    when: float
    call: Callable[[], None]
    is_cancelled: bool = False

    def cancel(self) -> None:
        self.is_cancelled = True


class FakeClock:
    """A clock that stands still until `advance`."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._alarms: list[FakeAlarm] = []

    def now(self) -> float:
        return self.time

    def call_at(self, when: float, call: Callable[[], None]) -> FakeAlarm:
        alarm = FakeAlarm(when, call)
        self._alarms.append(alarm)
        return alarm

    @property
    def pending(self) -> list[float]:
        """The times of the scheduled calls."""
        return sorted(alarm.when for alarm in self._alarms if not alarm.is_cancelled)

    async def advance(self, seconds: float) -> None:
        """Moves the time, stopping at each alarm."""
        end = self.time + seconds
        await settle()
        while self.pending and self.pending[0] <= end:
            due = min((alarm for alarm in self._alarms if not alarm.is_cancelled), key=lambda alarm: alarm.when)
            self._alarms.remove(due)
            self.time = max(self.time, due.when)
            due.call()
            await settle()
        self.time = end
        await settle()


class FakeWorker:
    """A worker that boots, dies and closes when the test says so; by default it boots and closes at once."""

    def __init__(self, factory: "WorkerFactory") -> None:
        self._factory = factory
        self.up = asyncio.Event()
        self.dead = asyncio.Event()
        self.may_close = asyncio.Event()
        self.failure: Exception | None = None
        self.is_closed = False
        self.closes = 0
        self.is_hung = False
        self.warm_ups = 0
        self.may_warm_up = asyncio.Event()
        self.survives_warm_up = True

    async def boot(self) -> None:
        self._factory.alive += 1
        self._factory.most_alive = max(self._factory.most_alive, self._factory.alive)
        await self.up.wait()
        if self.failure is not None:
            raise self.failure

    async def warm_up(self) -> bool:
        self.warm_ups += 1
        await self.may_warm_up.wait()
        return self.survives_warm_up

    async def wait_dead(self) -> None:
        await self.dead.wait()

    async def reacts(self) -> bool:
        return not self.is_hung

    async def close(self) -> None:
        self.closes += 1
        self.may_warm_up.set()
        await self.may_close.wait()
        if not self.is_closed:
            self.is_closed = True
            self._factory.alive -= 1


@dataclass
class WorkerFactory:
    """Creates workers. `failures` are the errors of the next boots; None: the boot succeeds."""

    workers: list[FakeWorker] = field(default_factory=list)
    failures: list[Exception | None] = field(default_factory=list)
    always_fails: Exception | None = None
    boots_at_once: bool = True
    closes_at_once: bool = True
    alive: int = 0
    most_alive: int = 0

    def spawn(self) -> FakeWorker:
        worker = FakeWorker(self)
        worker.failure = self.failures.pop(0) if self.failures else self.always_fails
        if self.boots_at_once:
            worker.up.set()
        if self.closes_at_once:
            worker.may_close.set()
        self.workers.append(worker)
        return worker


class StatusRecorder:
    """Records the statuses of the pool. `hook` is called in the middle of the step that made the change."""

    def __init__(self) -> None:
        self.statuses: list[PoolStatus] = []
        self.hook: Callable[[PoolStatus], None] = lambda _: None

    def __call__(self, status: PoolStatus) -> None:
        self.statuses.append(status)
        self.hook(status)


@dataclass
class PoolHarness:
    """A pool, its clock, its workers and its callers."""

    clock: FakeClock
    factory: WorkerFactory
    pool: Pool[FakeWorker]
    recorder: "StatusRecorder"
    callers: "list[Caller]" = field(default_factory=list)

    def __str__(self) -> str:
        """The pool's `repr` without its frame."""
        return repr(self.pool).removeprefix("<Pool size ").removesuffix(">")

    async def caller(self, *, first_in_line: bool = False) -> "Caller":
        """A new caller, which keeps its lease until `finish`."""
        caller = Caller(self.pool, f"caller {len(self.callers) + 1}", first_in_line=first_in_line)
        self.callers.append(caller)
        await settle()
        return caller


class Caller:
    """A task that leases a worker and keeps it. `outcome` is the error that it got instead."""

    def __init__(self, pool: Pool[FakeWorker], name: str, *, first_in_line: bool) -> None:
        self.lease: Lease[FakeWorker] | None = None
        self.outcome: BaseException | None = None
        self._go = asyncio.Event()
        self.task = asyncio.create_task(self._run(pool, first_in_line=first_in_line), name=name)

    async def _run(self, pool: Pool[FakeWorker], *, first_in_line: bool) -> None:
        try:
            async with pool.lease(PROFILE, first_in_line=first_in_line) as lease:
                self.lease = lease
                await self._go.wait()
        except BaseException as error:
            self.outcome = error
            if isinstance(error, asyncio.CancelledError):
                raise

    async def finish(self) -> None:
        """Ends the lease as a finished answer does."""
        self._go.set()
        await settle()

    async def cancel(self) -> None:
        """Cancels the task, as when a client disconnects."""
        self.task.cancel()
        await settle()


@asynccontextmanager
async def open_pool(
    size: int = 3,
    *,
    max_waiting: int = 100,
    queue_timeout_s: float = 300.0,
    idle_shrink_s: float = 600.0,
    close_timeout_s: float = 15.0,
    factory: WorkerFactory | None = None,
) -> AsyncIterator[PoolHarness]:
    """An open, settled pool; nothing may be left at its end."""
    clock, factory = FakeClock(), factory or WorkerFactory()
    before = asyncio.all_tasks()
    recorder = StatusRecorder()
    pool = Pool(
        factory.spawn,
        limits=Limits(size, max_waiting, queue_timeout_s, idle_shrink_s),
        clock=clock,
        backoff=Backoff(jitter=0.0, random=random.Random(0)),
        on_change=recorder,
        close_timeout_s=close_timeout_s,
    )
    harness = PoolHarness(clock, factory, pool, recorder)
    async with pool:
        await settle()
        yield harness
        for worker in factory.workers:
            worker.may_close.set()
    await settle()
    for caller in harness.callers:
        await caller.finish()
    await asyncio.gather(*(caller.task for caller in harness.callers), return_exceptions=True)
    await settle()
    assert factory.alive == 0
    assert asyncio.all_tasks() == before
    assert clock.pending == []
