"""Thousands of leases with random faults: no caller is lost, nothing is left, the size is never exceeded."""

import asyncio
import itertools
import random
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from server.backoff import Backoff
from server.config import Isolation
from server.conversation.request import Profile
from server.errors import BusyError, EngineError, QueueTimeout, WorkerDied
from server.pool.lease import Lease
from server.pool.pool import Pool
from server.pool.types import Limits
from server.status import PoolStatus
from tests.server.pool.random_events import NO_FAULTS, WARM, WARM_NO_FAULTS, FaultRates, RandomWorker, WorkerFactory
from tests.server.pool.virtual_time import run_virtually
from tests.tiers import seeds

CALLERS = 300
# Two prompts, each with two owners.
PROFILES = [Profile(system, owner=owner) for system in ("be brief", "be long") for owner in ("local", "lan")]


@dataclass(eq=False)
class Caller:
    """A request, and how long its answer takes. The result of the task says how it ended."""

    arrived_at: float
    duration_s: float
    profile: Profile
    conversation_key: str | None
    is_background: bool
    kept: str | None = None
    task: asyncio.Task[str] = field(init=False)
    lease: Lease[RandomWorker] | None = None
    served_at: float | None = None

    @property
    def outcome(self) -> str:
        """The outcome. Raises the assertion that failed in the task."""
        return "cancelled" if self.task.cancelled() else self.task.result()


class Chaos:
    """A pool with random callers and random faults."""

    def __init__(self, seed: int, rates: FaultRates) -> None:
        self.chance = random.Random(seed)
        self.rates = rates
        self.loop = asyncio.get_running_loop()
        self.limits = Limits(3, 20, queue_timeout_s=30, idle_shrink_s=20, isolation=rates.isolation)
        self.factory = WorkerFactory(self.chance, rates, self.limits.size, self.limits.size)
        self.factory.on_close_parked = self.check_eviction
        # The kept conversations; the last times of a request, of a waiter, and of a change of the limits.
        self.kept: dict[Profile, list[str]] = {profile: [] for profile in PROFILES}
        self.last_request_at = self.last_waiting_at = self.changed_at = -1000.0
        self.ways: Counter[str] = Counter()
        self.callers: list[Caller] = []
        self.has_ended = False
        self.pool = Pool(
            self.factory.spawn,
            limits=self.limits,
            backoff=Backoff(longest_s=8, random=random.Random(seed)),
            on_change=self.on_status,
        )

    def on_status(self, status: PoolStatus) -> None:
        """Checks after every step: the size, no waiter beside a raw worker, and a spare to come."""
        processes = self.processes()
        assert processes <= self.factory.allowed, repr(self.pool)
        self.factory.allowed = max(self.limits.size, processes)
        assert not (status.raw and status.waiting), repr(self.pool)
        now = self.loop.time()
        if status.waiting:
            self.last_waiting_at = now
        elif status.parked > 1 and now > max(self.factory.last_fault_at + 10, self.changed_at) and not self.has_ended:
            assert processes > status.answering + status.parked or processes < self.limits.size, "no spare is to come"
        if status.answering and self.chance.random() < self.rates.cancels_at_grant:
            self.cancel_first_in_line()

    def processes(self) -> int:
        """The number of processes that the pool counts, closing ones included."""
        return sum(int(n) for n in re.findall(r"(\d+) (?:booting|raw|answering|parked|closing)", repr(self.pool)))

    def cancel_first_in_line(self) -> None:
        """Within a step that granted, cancels the caller that was granted a worker and has not resumed."""
        for caller in self.callers:
            if caller.lease is None and not caller.task.done():
                caller.task.cancel()
                return

    async def call(self, caller: Caller) -> str:
        """Requests an answer, and retries once if its worker dies."""
        try:
            try:
                await self.request(caller)
            except WorkerDied:
                caller.lease = None
                await self.request(caller, is_retry=True)
        except QueueTimeout:
            assert self.loop.time() >= caller.arrived_at + 5
            return "busy"
        except BusyError:
            return "busy"
        except EngineError:
            return "engine"
        if caller.kept is not None and self.chance.random() < self.rates.continues and not self.has_ended:
            self.loop.call_later(self.chance.choice([0, 0.1, 1]), self.arrive, caller.profile, caller.kept)
        return "served"

    async def request(self, caller: Caller, *, is_retry: bool = False) -> None:
        self.last_request_at = self.last_waiting_at = self.loop.time()
        async with self.pool.lease(
            caller.profile,
            conversation_key=caller.conversation_key,
            first_in_line=is_retry,
            is_background=caller.is_background,
        ) as lease:
            worker, now = lease.worker, self.loop.time()
            caller.lease = lease
            caller.served_at = caller.served_at if is_retry else now
            self.check_lease(caller, lease)
            worker.leases += 1
            worker.profile, worker.idle_since = caller.profile, None
            assert not worker.is_closing
            assert worker.is_alive or worker.died_at == now, "a worker known to be dead"
            if self.chance.random() < 0.8:
                self.loop.call_later(self.chance.uniform(0, caller.duration_s), lease.first_token)
            died = asyncio.ensure_future(worker.dead.wait())
            try:
                await asyncio.wait({died}, timeout=caller.duration_s)
                if died.done():
                    raise WorkerDied
                assert self.has_ended or not worker.is_closing, "an answer was ended by the pool"
            finally:
                died.cancel()
                self.end_lease(caller, lease)

    def end_lease(self, caller: Caller, lease: Lease[RandomWorker]) -> None:
        """Retires the worker, or keeps it empty or with a conversation, which may be equal to another one."""
        worker, now, kept = lease.worker, self.loop.time(), self.kept[caller.profile]
        match self.chance.random():
            case draw if draw < 0.1:
                lease.retire("it has served long enough")
                worker.is_retired = True
            case draw if draw < 0.2:
                lease.keep(None)
                worker.conversation = None
            case draw if draw < 0.9:
                name = self.chance.choice(kept) if kept and draw < 0.3 else f"conversation {len(kept)}"
                kept.append(name)
                lease.keep(name)
                worker.conversation = caller.kept = name
            case _:
                # No decision: then it retires.
                worker.is_retired = True
        if self.limits.isolation == "warm" and not worker.is_retired and worker.renewed_at is None:
            worker.idle_since = now

    def check_lease(self, caller: Caller, lease: Lease[RandomWorker]) -> None:
        """Checks that the worker fits the request, and that no other one would have fitted better."""
        worker, now = lease.worker, self.loop.time()
        self.ways[lease.way] += 1
        assert not worker.is_retired, "a retired worker was leased"
        assert worker.renewed_at in {None, now}, "a worker of before the renewal was leased"
        if lease.way in {"continued", "reset"}:
            assert worker.leases > 0
            assert worker.profile == caller.profile, "a worker was leased for another prompt, or to another key"
        else:
            assert worker.leases == 0, "a process had two conversations"
            assert worker.profile is None
        if lease.way == "continued":
            assert worker.conversation is not None
            assert worker.conversation == caller.conversation_key, (
                "a request continues a conversation that is not its own"
            )
        # Workers that are still idle a moment later were idle beside this one: all grants of this time are done then.
        idle = {
            other: other.idle_since
            for other in self.factory.alive
            if other.is_parked and other.profile == caller.profile and other.idle_since != now and other is not worker
        }
        since, held = worker.idle_since, worker.conversation

        def check() -> None:
            for other, other_idle_since in idle.items():
                if not other.is_parked or other.idle_since != other_idle_since or self.limits.isolation == "process":
                    continue
                assert other_idle_since is not None
                is_left = caller.is_background and other.conversation is not None
                assert is_left or lease.way in {"continued", "reset"}, "a raw worker was leased beside one that fits"
                assert (
                    lease.way == "continued"
                    or other.conversation != caller.conversation_key
                    or caller.conversation_key is None
                )
                if lease.way == "reset":
                    assert since is not None
                    assert held is None or other.conversation is not None, "a conversation ended beside an empty worker"
                    assert (held is None) != (other.conversation is None) or since <= other_idle_since, (
                        "not the least recently used"
                    )

        self.check_soon(check)

    def check_soon(self, check: Callable[[], None]) -> None:
        """Calls `check` after everything of this time has happened; an assertion in it fails the test."""
        self.loop.call_later(0.0001, check)

    def check_eviction(self, worker: RandomWorker) -> None:
        """Checks an eviction: the last parked worker is not evicted for a spare."""
        now = self.loop.time()
        is_quiet = now >= self.last_request_at + self.limits.idle_shrink_s
        is_over = sum(not other.is_closing for other in self.factory.alive) > self.limits.size
        if (
            self.has_ended
            or now in {self.last_waiting_at, self.changed_at, self.factory.last_fault_at}
            or is_quiet
            or is_over
        ):
            return
        if not any(other.is_parked for other in self.factory.alive if other is not worker):
            self.factory.faults.append("the last parked worker was evicted for a spare")

    async def killer(self) -> None:
        """Ends random workers, idle and answering ones."""
        while self.rates.deaths_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.rates.deaths_every_s))
            alive = sorted(
                (worker for worker in self.factory.alive if not worker.is_closing), key=lambda worker: worker.number
            )
            if alive:
                self.chance.choice(alive).die()

    async def resizer(self) -> None:
        """Changes the limits."""
        while self.rates.resizes_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.rates.resizes_every_s))
            size, time_out = self.chance.randint(1, 5), self.chance.choice([5, 10, 30])
            waiting, shrink_s = self.chance.randint(3, 30), self.chance.choice([5, 20])
            self.change(Limits(size, waiting, time_out, shrink_s, isolation=self.limits.isolation))

    async def switcher(self) -> None:
        """Changes between the two kinds of isolation."""
        while self.rates.switches_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.rates.switches_every_s))
            other: Isolation = "process" if self.limits.isolation == "warm" else "warm"
            self.change(replace(self.limits, isolation=other))

    def change(self, limits: Limits) -> None:
        self.limits, self.changed_at = limits, self.loop.time()
        self.factory.allowed = max(limits.size, self.processes())
        self.pool.apply(limits)

    async def renewer(self) -> None:
        """Replaces all workers."""
        while self.rates.renews_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.rates.renews_every_s))
            self.changed_at = self.loop.time()
            for worker in self.factory.workers:
                worker.renewed_at = worker.renewed_at or self.changed_at
            self.pool.renew("another account")

    async def arrivals(self) -> None:
        """Creates callers in bursts, with pauses long enough for the pool to shrink."""
        while len(self.callers) < CALLERS:
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.3, 2, 2, 30]))
            for _ in range(self.chance.choice(self.rates.bursts)):
                profile = self.chance.choice(PROFILES)
                self.arrive(profile, self.chance.choice([None, "unknown", *self.kept[profile][-2:]]))

    def arrive(self, profile: Profile, conversation_key: str | None) -> None:
        """Creates one caller, which may be cancelled."""
        if self.has_ended:
            return
        is_background = conversation_key is None and self.chance.random() < 0.3
        duration_s = self.chance.choice([0, 0.01, 0.5, 3])
        caller = Caller(self.loop.time(), duration_s, profile, conversation_key, is_background)
        caller.task = asyncio.create_task(self.call(caller))
        self.callers.append(caller)
        if self.chance.random() < self.rates.cancels:
            self.cancel_later(caller, self.chance.choice([None, 0, 0, 0.1, 1, 5, 10]))

    def cancel_later(self, caller: Caller, after_s: float | None) -> None:
        """Cancels the caller; None: before its task has taken the first step."""
        if after_s is None:
            caller.task.cancel()
        else:
            self.loop.call_later(after_s, caller.task.cancel)

    async def run(self) -> Counter[str]:
        """Runs everything, and counts the outcomes."""
        before = asyncio.all_tasks()
        async with self.pool:
            others = [
                asyncio.create_task(one) for one in (self.killer(), self.resizer(), self.switcher(), self.renewer())
            ]
            await self.arrivals()
            if not self.rates.ends_early:
                while running := [caller.task for caller in self.callers if not caller.task.done()]:
                    await asyncio.gather(*running, return_exceptions=True)
                status = self.pool.status()
                assert (status.answering, status.waiting) == (0, 0), "a worker or a place was never returned"
            for other in others:
                other.cancel()
            self.has_ended, ended_at = True, self.loop.time()
        assert self.loop.time() <= ended_at + 1.01, "the shutdown waited for more than a slow close"
        tasks = [caller.task for caller in self.callers]
        await asyncio.gather(*tasks, *others, return_exceptions=True)
        assert repr(self.pool).startswith(f"<Pool size {self.limits.size}: 0 waiting"), repr(self.pool)
        assert not self.factory.alive
        assert not self.factory.faults
        assert all(worker.is_closing for worker in self.factory.workers)
        assert asyncio.all_tasks() == before
        return Counter(caller.outcome for caller in self.callers)


async def _run(seed: int, rates: FaultRates) -> tuple[Counter[str], Chaos]:
    chaos = Chaos(seed, rates)
    return await chaos.run(), chaos


@seeds(20)
def test_each_caller_has_one_outcome_and_nothing_is_left(seed: int) -> None:
    outcomes, _ = run_virtually(_run(seed, FaultRates()))
    assert min(outcomes["served"], outcomes["cancelled"], outcomes["busy"]) > 0


@seeds(5)
def test_a_shutdown_in_the_middle_leaves_nothing(seed: int) -> None:
    run_virtually(_run(seed, FaultRates(ends_early=True)))


@seeds(5)
def test_without_faults_callers_are_served_in_the_order_of_arrival(seed: int) -> None:
    outcomes, chaos = run_virtually(_run(seed, NO_FAULTS))
    assert set(outcomes) <= {"served", "busy"}
    served = [caller.served_at for caller in chaos.callers if caller.served_at is not None]
    assert served == sorted(served)
    assert len(served) > CALLERS / 4


@seeds(20)
def test_a_warm_pool_leases_each_worker_to_a_request_that_it_fits(seed: int) -> None:
    outcomes, chaos = run_virtually(_run(seed, WARM))
    assert min(outcomes["served"], outcomes["cancelled"]) > 0
    assert min(chaos.ways[way] for way in ("continued", "reset", "spare", "cold")) > 0
    assert "process" not in chaos.ways


@seeds(10)
def test_without_faults_a_warm_pool_serves_each_profile_in_the_order_of_arrival(seed: int) -> None:
    outcomes, chaos = run_virtually(_run(seed, WARM_NO_FAULTS))
    assert set(outcomes) <= {"served", "busy"}
    # A background request may wait while a later request takes a worker with a conversation.
    for kind in itertools.product(PROFILES, (False, True)):
        served = [caller.served_at for caller in chaos.callers if (caller.profile, caller.is_background) == kind]
        times = [time for time in served if time is not None]
        assert times == sorted(times)


@seeds(10)
def test_isolation_may_change_at_any_time(seed: int) -> None:
    _, chaos = run_virtually(_run(seed, replace(WARM, switches_every_s=3)))
    assert min(chaos.ways[way] for way in ("continued", "reset", "process")) > 0


@seeds(5)
def test_a_shutdown_in_the_middle_leaves_nothing_of_a_warm_pool(seed: int) -> None:
    run_virtually(_run(seed, replace(WARM, ends_early=True)))
