"""Thousands of leases while everything goes wrong at random: nobody is lost, nothing is left, the cap holds."""

import asyncio
import itertools
import random
import re
from collections import Counter
from dataclasses import dataclass, field

import pytest

from server.backoff import Backoff
from server.dialogue import Profile
from server.errors import BusyError, CliFailed, CliMissing, EngineError, QueueTimeout, WorkerDied
from server.pool.lease import Lease
from server.pool.plan import Limits
from server.pool.pool import Pool
from server.status import PoolStatus
from tests.server.pool.virtual import run_virtually

CALLERS = 300


@dataclass(frozen=True)
class Weather:
    """How much goes wrong."""

    boot_fails: float = 0.08
    cli_missing: float = 0.02
    deaths_every_s: float | None = 1.5
    resizes_every_s: float | None = 4.0
    cancels: float = 0.25
    cancels_at_grant: float = 0.1
    ends_early: bool = False


CALM = Weather(0, 0, None, None, 0, 0)


class Body:
    """A worker with a random life."""

    _numbers = itertools.count(1)

    def __init__(self, yard: "Yard") -> None:
        self.number = next(self._numbers)
        self._yard = yard
        self.is_alive = False
        self.is_closing = False
        self.leases = 0
        self.dead = asyncio.Event()
        self.died_at: float | None = None

    async def boot(self) -> None:
        chance, weather = self._yard.chance, self._yard.weather
        mishap = chance.random()
        if mishap < weather.cli_missing:
            raise CliMissing
        self._yard.born(self)
        if chance.random() < 0.7:
            await asyncio.sleep(chance.choice([0, 0.1, 0.5, 3.0]))
        if self.dead.is_set():
            raise CliFailed("it ended while it booted")
        if mishap < weather.cli_missing + weather.boot_fails:
            raise chance.choice([CliFailed("it ended"), ValueError("a surprise")])

    async def wait_dead(self) -> None:
        await self.dead.wait()

    async def close(self) -> None:
        self.is_closing = True
        if self._yard.chance.random() < 0.7:
            await asyncio.sleep(self._yard.chance.choice([0, 0.05, 1.0]))
        self._yard.gone(self)

    def die(self) -> None:
        """Ends by itself."""
        self.died_at = asyncio.get_running_loop().time()
        self.dead.set()
        self._yard.gone(self)


@dataclass
class Yard:
    """Counts births and deaths, and knows how many may live."""

    chance: random.Random
    weather: Weather
    size: int
    allowed: int = 0
    bodies: list[Body] = field(default_factory=list)
    alive: set[Body] = field(default_factory=set)

    def spawn(self) -> Body:
        body = Body(self)
        self.bodies.append(body)
        return body

    def born(self, body: Body) -> None:
        body.is_alive = True
        self.alive.add(body)
        assert len(self.alive) <= self.allowed, "more processes than the cap"

    def gone(self, body: Body) -> None:
        body.is_alive = False
        self.alive.discard(body)


@dataclass(eq=False)
class Caller:
    """Who asks, and how long the answer takes. The task's result says how it ended."""

    came: float
    lasts_s: float
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
        self.limits = Limits(3, max_waiting=20, queue_timeout_s=30, idle_shrink_s=20)
        self.yard = Yard(self.chance, weather, self.limits.size, self.limits.size)
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
        return "served"

    async def ask(self, caller: Caller, *, is_retry: bool = False) -> None:
        async with self.pool.lease(Profile(), first_in_line=is_retry) as lease:
            body, now = lease.worker, self.loop.time()
            caller.lease = lease
            caller.served_at = caller.served_at if is_retry else now
            body.leases += 1
            assert body.leases == 1, "a process had two conversations"
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
            self.limits = Limits(size, self.chance.randint(3, 30), time_out, self.chance.choice([5, 20]))
            self.yard.allowed = max(size, self.processes())
            self.pool.apply(self.limits)

    async def crowd(self) -> None:
        """Callers in bursts, with pauses long enough for the pool to shrink."""
        while len(self.callers) < CALLERS:
            await asyncio.sleep(self.chance.choice([0, 0, 0.01, 0.3, 2, 2, 30]))
            for _ in range(self.chance.choice([1, 1, 2, 5, 24])):
                caller = Caller(self.loop.time(), self.chance.choice([0, 0.01, 0.5, 3]))
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
            others = [asyncio.create_task(self.killer()), asyncio.create_task(self.resizer())]
            await self.crowd()
            tasks = [caller.task for caller in self.callers]
            if not self.weather.ends_early:
                await asyncio.gather(*tasks, return_exceptions=True)
                status = self.pool.status()
                assert (status.answering, status.waiting) == (0, 0), "a worker or a place was never given back"
            for other in others:
                other.cancel()
            self.has_ended, ended_at = True, self.loop.time()
        assert self.loop.time() <= ended_at + 1.01, "the end waited for more than a slow close"
        await asyncio.gather(*tasks, *others, return_exceptions=True)
        assert repr(self.pool).startswith(f"<Pool size {self.limits.size}: 0 waiting"), repr(self.pool)
        assert not self.yard.alive
        assert all(body.is_closing for body in self.yard.bodies)
        assert asyncio.all_tasks() == before
        return Counter(caller.outcome for caller in self.callers)


async def _play(seed: int, weather: Weather) -> tuple[Counter[str], Chaos]:
    chaos = Chaos(seed, weather)
    return await chaos.play(), chaos


@pytest.mark.parametrize("seed", range(20))
def test_in_any_weather_each_caller_has_one_outcome_and_nothing_is_left(seed: int) -> None:
    outcomes, _ = run_virtually(_play(seed, Weather()))
    assert min(outcomes["served"], outcomes["left"], outcomes["busy"]) > 0


@pytest.mark.parametrize("seed", range(5))
def test_an_end_in_the_middle_of_everything_leaves_nothing(seed: int) -> None:
    run_virtually(_play(seed, Weather(ends_early=True)))


@pytest.mark.parametrize("seed", range(5))
def test_in_calm_weather_callers_are_served_in_the_order_of_arrival(seed: int) -> None:
    outcomes, chaos = run_virtually(_play(seed, CALM))
    assert set(outcomes) <= {"served", "busy"}
    served = [caller.served_at for caller in chaos.callers if caller.served_at is not None]
    assert served == sorted(served)
    assert len(served) > CALLERS / 4
