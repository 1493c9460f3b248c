"""Thousands of leases while everything goes wrong at random: nobody is lost, nothing is left, the cap holds."""

import asyncio
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
from tests.server.pool.random_events import CALM, WARM, WARM_AND_CALM, Body, Weather, Yard
from tests.server.pool.virtual import run_virtually
from tests.tiers import seeds

CALLERS = 300
# Two prompts, each under two keys.
PROFILES = [Profile(system, owner=owner) for system in ("be brief", "be long") for owner in ("local", "lan")]


@dataclass(eq=False)
class Caller:
    """Who asks, and how long the answer takes. The task's result says how it ended."""

    came: float
    lasts_s: float
    profile: Profile
    conversation_key: str | None
    kept: str | None = None
    task: asyncio.Task[str] = field(init=False)
    lease: Lease[Body] | None = None
    served_at: float | None = None

    @property
    def outcome(self) -> str:
        """The one outcome. Raises the assertion that failed on the way."""
        return "left" if self.task.cancelled() else self.task.result()


class Chaos:
    """A pool in bad weather."""

    def __init__(self, seed: int, weather: Weather) -> None:
        self.chance = random.Random(seed)
        self.weather = weather
        self.loop = asyncio.get_running_loop()
        self.limits = Limits(3, 20, queue_timeout_s=30, idle_shrink_s=20, isolation=weather.isolation)
        self.yard = Yard(self.chance, weather, self.limits.size, self.limits.size)
        self.yard.closes_parked = self.check_given_up
        # The conversations that were kept, and when somebody last asked, somebody waited, the rules were changed.
        self.kept: dict[Profile, list[str]] = {profile: [] for profile in PROFILES}
        self.asked_at = self.waited_at = self.changed_at = -1000.0
        self.ways: Counter[str] = Counter()
        self.callers: list[Caller] = []
        self.has_ended = False
        self.pool = Pool(
            self.yard.spawn,
            limits=self.limits,
            backoff=Backoff(longest_s=8, random=random.Random(seed)),
            on_change=self.heard,
        )

    def heard(self, status: PoolStatus) -> None:
        """After every step: the cap holds, nobody waits beside a free worker, nobody is forgotten."""
        processes = self.processes()
        assert processes <= self.yard.allowed, repr(self.pool)
        self.yard.allowed = max(self.limits.size, processes)
        assert not (status.raw and status.waiting), repr(self.pool)
        now = self.loop.time()
        if status.waiting:
            self.waited_at = now
        elif status.parked > 1 and now > max(self.yard.mishap_at + 10, self.changed_at) and not self.has_ended:
            assert processes > status.answering + status.parked or processes < self.limits.size, "no spare is to come"
        if status.answering and self.chance.random() < self.weather.cancels_at_grant:
            self.cancel_first_in_line()

    def processes(self) -> int:
        """All that the pool counts, closing ones too."""
        return sum(int(n) for n in re.findall(r"(\d+) (?:booting|raw|answering|parked|closing)", repr(self.pool)))

    def cancel_first_in_line(self) -> None:
        """Within a step that granted, this is who was granted a worker and has not woken up."""
        for caller in self.callers:
            if caller.lease is None and not caller.task.done():
                caller.task.cancel()
                return

    async def call(self, caller: Caller) -> str:
        """Asks, and asks once more when its worker dies before the answer."""
        try:
            try:
                await self.ask(caller)
            except WorkerDied:
                caller.lease = None
                await self.ask(caller, is_retry=True)
        except QueueTimeout:
            assert self.loop.time() >= caller.came + 5
            return "busy"
        except BusyError:
            return "busy"
        except EngineError:
            return "engine"
        if caller.kept is not None and self.chance.random() < self.weather.goes_on and not self.has_ended:
            self.loop.call_later(self.chance.choice([0, 0.1, 1]), self.come, caller.profile, caller.kept)
        return "served"

    async def ask(self, caller: Caller, *, is_retry: bool = False) -> None:
        self.asked_at = self.waited_at = self.loop.time()
        async with self.pool.lease(
            caller.profile, conversation_key=caller.conversation_key, first_in_line=is_retry
        ) as lease:
            body, now = lease.worker, self.loop.time()
            caller.lease = lease
            caller.served_at = caller.served_at if is_retry else now
            self.check_lease(caller, lease)
            body.leases += 1
            body.profile, body.rests_since = caller.profile, None
            assert not body.is_closing
            assert body.is_alive or body.died_at == now, "a worker known to be dead"
            if self.chance.random() < 0.8:
                self.loop.call_later(self.chance.uniform(0, caller.lasts_s), lease.first_token)
            died = asyncio.ensure_future(body.dead.wait())
            try:
                await asyncio.wait({died}, timeout=caller.lasts_s)
                if died.done():
                    raise WorkerDied
                assert self.has_ended or not body.is_closing, "an answer was ended by the pool"
            finally:
                died.cancel()
                self.give_verdict(caller, lease)

    def give_verdict(self, caller: Caller, lease: Lease[Body]) -> None:
        """Retired, kept with nothing, or kept with a conversation, which may be equal to another one's."""
        body, now, kept = lease.worker, self.loop.time(), self.kept[caller.profile]
        match self.chance.random():
            case verdict if verdict < 0.1:
                lease.retire("its time has come")
                body.is_retired = True
            case verdict if verdict < 0.2:
                lease.keep(None)
                body.holds = None
            case verdict if verdict < 0.9:
                name = self.chance.choice(kept) if kept and verdict < 0.3 else f"conversation {len(kept)}"
                kept.append(name)
                lease.keep(name)
                body.holds = caller.kept = name
            case _:
                # Nothing is said: then it retires.
                body.is_retired = True
        if self.limits.isolation == "warm" and not body.is_retired and body.renewed_at is None:
            body.rests_since = now

    def check_lease(self, caller: Caller, lease: Lease[Body]) -> None:
        """Who was lent what: the worker fits, and no other one would have fitted better."""
        body, now = lease.worker, self.loop.time()
        self.ways[lease.way] += 1
        assert not body.is_retired, "a retired worker was lent"
        assert body.renewed_at in {None, now}, "a worker of before the renewal was lent"
        if lease.way in {"continued", "profile"}:
            assert body.leases > 0
            assert body.profile == caller.profile, "a worker was lent to another prompt, or to another key"
        else:
            assert body.leases == 0, "a process had two conversations"
            assert body.profile is None
        if lease.way == "continued":
            assert body.holds is not None
            assert body.holds == caller.conversation_key, "a request goes on with a conversation that is not its own"
        # What still rests in a moment rested beside this one: at this very time all has been lent that will be.
        resting = {
            other: other.rests_since
            for other in self.yard.alive
            if other.is_parked and other.profile == caller.profile and other.rests_since != now and other is not body
        }
        since, held = body.rests_since, body.holds

        def look() -> None:
            for other, rested_since in resting.items():
                if not other.is_parked or other.rests_since != rested_since or self.limits.isolation == "process":
                    continue
                assert rested_since is not None
                assert lease.way in {"continued", "profile"}, "a raw worker was lent beside a parked one that fits"
                assert (
                    lease.way == "continued"
                    or other.holds != caller.conversation_key
                    or caller.conversation_key is None
                )
                if lease.way == "profile":
                    assert since is not None
                    assert held is None or other.holds is not None, "a conversation ended beside one that holds nothing"
                    assert (held is None) != (other.holds is None) or since <= rested_since, (
                        "not the least recently used"
                    )

        self.look_soon(look)

    def look_soon(self, look: Callable[[], None]) -> None:
        """Calls it when everything that happens at this time has happened; what it finds fails the test."""
        self.loop.call_later(0.0001, look)

    def check_given_up(self, body: Body) -> None:
        """A parked conversation is given up, and if it is the last one, then not for a spare."""
        now = self.loop.time()
        is_quiet = now >= self.asked_at + self.limits.idle_shrink_s
        is_over = sum(not other.is_closing for other in self.yard.alive) > self.limits.size
        if self.has_ended or now in {self.waited_at, self.changed_at, self.yard.mishap_at} or is_quiet or is_over:
            return
        if not any(other.is_parked for other in self.yard.alive if other is not body):
            self.yard.faults.append("the last parked conversation was given up for a spare")

    async def killer(self) -> None:
        """Ends random workers, spares and busy ones."""
        while self.weather.deaths_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.weather.deaths_every_s))
            alive = sorted((body for body in self.yard.alive if not body.is_closing), key=lambda body: body.number)
            if alive:
                self.chance.choice(alive).die()

    async def resizer(self) -> None:
        """Changes the limits."""
        while self.weather.resizes_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.weather.resizes_every_s))
            size, time_out = self.chance.randint(1, 5), self.chance.choice([5, 10, 30])
            waiting, shrink_s = self.chance.randint(3, 30), self.chance.choice([5, 20])
            self.change(Limits(size, waiting, time_out, shrink_s, isolation=self.limits.isolation))

    async def switcher(self) -> None:
        """Changes between the two kinds of isolation."""
        while self.weather.switches_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.weather.switches_every_s))
            other: Isolation = "process" if self.limits.isolation == "warm" else "warm"
            self.change(replace(self.limits, isolation=other))

    def change(self, limits: Limits) -> None:
        self.limits, self.changed_at = limits, self.loop.time()
        self.yard.allowed = max(limits.size, self.processes())
        self.pool.apply(limits)

    async def renewer(self) -> None:
        """Has everything that lives replaced."""
        while self.weather.renews_every_s is not None:
            await asyncio.sleep(self.chance.expovariate(1 / self.weather.renews_every_s))
            self.changed_at = self.loop.time()
            for body in self.yard.bodies:
                body.renewed_at = body.renewed_at or self.changed_at
            self.pool.renew("another account")

    async def crowd(self) -> None:
        """Callers in bursts, with pauses long enough for the pool to shrink."""
        while len(self.callers) < CALLERS:
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.3, 2, 2, 30]))
            for _ in range(self.chance.choice(self.weather.bursts)):
                profile = self.chance.choice(PROFILES)
                self.come(profile, self.chance.choice([None, "nobody's", *self.kept[profile][-2:]]))

    def come(self, profile: Profile, conversation_key: str | None) -> None:
        """One more who asks, and who may leave."""
        if self.has_ended:
            return
        caller = Caller(self.loop.time(), self.chance.choice([0, 0.01, 0.5, 3]), profile, conversation_key)
        caller.task = asyncio.create_task(self.call(caller))
        self.callers.append(caller)
        if self.chance.random() < self.weather.cancels:
            self.leave(caller, self.chance.choice([None, 0, 0, 0.1, 1, 5, 10]))

    def leave(self, caller: Caller, after_s: float | None) -> None:
        """Cancels the caller; None: before its task has taken the first step."""
        if after_s is None:
            caller.task.cancel()
        else:
            self.loop.call_later(after_s, caller.task.cancel)

    async def play(self) -> Counter[str]:
        """The whole story; gives how often each outcome was."""
        before = asyncio.all_tasks()
        async with self.pool:
            others = [
                asyncio.create_task(one) for one in (self.killer(), self.resizer(), self.switcher(), self.renewer())
            ]
            await self.crowd()
            if not self.weather.ends_early:
                while running := [caller.task for caller in self.callers if not caller.task.done()]:
                    await asyncio.gather(*running, return_exceptions=True)
                status = self.pool.status()
                assert (status.answering, status.waiting) == (0, 0), "a worker or a place was never given back"
            for other in others:
                other.cancel()
            self.has_ended, ended_at = True, self.loop.time()
        assert self.loop.time() <= ended_at + 1.01, "the end waited for more than a slow close"
        tasks = [caller.task for caller in self.callers]
        await asyncio.gather(*tasks, *others, return_exceptions=True)
        assert repr(self.pool).startswith(f"<Pool size {self.limits.size}: 0 waiting"), repr(self.pool)
        assert not self.yard.alive
        assert not self.yard.faults
        assert all(body.is_closing for body in self.yard.bodies)
        assert asyncio.all_tasks() == before
        return Counter(caller.outcome for caller in self.callers)


async def _play(seed: int, weather: Weather) -> tuple[Counter[str], Chaos]:
    chaos = Chaos(seed, weather)
    return await chaos.play(), chaos


@seeds(20)
def test_in_any_weather_each_caller_has_one_outcome_and_nothing_is_left(seed: int) -> None:
    outcomes, _ = run_virtually(_play(seed, Weather()))
    assert min(outcomes["served"], outcomes["left"], outcomes["busy"]) > 0


@seeds(5)
def test_an_end_in_the_middle_of_everything_leaves_nothing(seed: int) -> None:
    run_virtually(_play(seed, Weather(ends_early=True)))


@seeds(5)
def test_in_calm_weather_callers_are_served_in_the_order_of_arrival(seed: int) -> None:
    outcomes, chaos = run_virtually(_play(seed, CALM))
    assert set(outcomes) <= {"served", "busy"}
    served = [caller.served_at for caller in chaos.callers if caller.served_at is not None]
    assert served == sorted(served)
    assert len(served) > CALLERS / 4


@seeds(20)
def test_in_any_weather_a_warm_pool_lends_each_worker_to_whom_it_fits(seed: int) -> None:
    outcomes, chaos = run_virtually(_play(seed, WARM))
    assert min(outcomes["served"], outcomes["left"]) > 0
    assert min(chaos.ways[way] for way in ("continued", "profile", "spare", "cold")) > 0
    assert "process" not in chaos.ways


@seeds(10)
def test_in_calm_weather_a_warm_pool_serves_those_of_one_profile_in_the_order_of_arrival(seed: int) -> None:
    outcomes, chaos = run_virtually(_play(seed, WARM_AND_CALM))
    assert set(outcomes) <= {"served", "busy"}
    for profile in PROFILES:
        served = [caller.served_at for caller in chaos.callers if caller.profile == profile]
        times = [time for time in served if time is not None]
        assert times == sorted(times)


@seeds(10)
def test_isolation_may_change_at_any_time(seed: int) -> None:
    _, chaos = run_virtually(_play(seed, replace(WARM, switches_every_s=3)))
    assert min(chaos.ways[way] for way in ("continued", "profile", "process")) > 0


@seeds(5)
def test_an_end_in_the_middle_of_everything_leaves_nothing_of_a_warm_pool(seed: int) -> None:
    run_virtually(_play(seed, replace(WARM, ends_early=True)))
