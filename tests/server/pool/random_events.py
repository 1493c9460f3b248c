"""Random faults for a pool, and workers with random lives, counted from start to end."""

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from server.config import Isolation
from server.conversation.request import Profile
from server.errors import CliFailed, CliMissing


@dataclass(frozen=True)
class FaultRates:
    """How often what goes wrong."""

    boot_fails: float = 0.08
    cli_missing: float = 0.02
    deaths_every_s: float | None = 1.5
    resizes_every_s: float | None = 4.0
    cancels: float = 0.25
    cancels_at_grant: float = 0.1
    ends_early: bool = False
    isolation: Isolation = "process"
    switches_every_s: float | None = None
    renews_every_s: float | None = None
    bursts: tuple[int, ...] = (1, 1, 2, 5, 24)
    continues: float = 0


NO_FAULTS = FaultRates(0, 0, None, None, 0, 0)
# Smaller bursts: where every request waits for a boot, no worker stays parked.
WARM = FaultRates(
    isolation="warm", renews_every_s=60, deaths_every_s=5, cancels=0.1, bursts=(1, 1, 1, 2, 3, 8), continues=0.5
)
WARM_NO_FAULTS = replace(NO_FAULTS, isolation="warm", bursts=WARM.bursts, continues=0.5)


class RandomWorker:
    """A worker with a random life."""

    _numbers = itertools.count(1)

    def __init__(self, factory: "WorkerFactory") -> None:
        self.number = next(self._numbers)
        self._factory = factory
        self.is_alive = False
        self.is_closing = False
        self.leases = 0
        self.dead = asyncio.Event()
        self.died_at: float | None = None
        # Its profile, the conversation it was last kept with, and since when it is idle (None: it answers).
        self.profile: Profile | None = None
        self.conversation: str | None = None
        self.idle_since: float | None = None
        self.is_retired = False
        self.renewed_at: float | None = None

    @property
    def is_parked(self) -> bool:
        """Whether it is alive and idle between two answers."""
        return self.idle_since is not None and self.is_alive and not self.is_closing

    async def boot(self) -> None:
        chance, rates = self._factory.chance, self._factory.rates
        fault = chance.random()
        if fault < rates.cli_missing:
            self._factory.last_fault_at = asyncio.get_running_loop().time()
            raise CliMissing
        self._factory.started(self)
        if chance.random() < 0.7:
            await asyncio.sleep(chance.choice([0, 0.1, 0.5, 3.0]))
        if self.dead.is_set():
            raise CliFailed("it ended while it booted")
        if fault < rates.cli_missing + rates.boot_fails:
            self._factory.last_fault_at = asyncio.get_running_loop().time()
            raise chance.choice([CliFailed("it ended"), ValueError("a surprise")])

    async def warm_up(self) -> bool:
        return True

    async def reacts(self) -> bool:
        return True

    async def wait_dead(self) -> None:
        await self.dead.wait()

    async def close(self) -> None:
        if self.is_parked:
            self._factory.on_close_parked(self)
        self.is_closing = True
        if self._factory.chance.random() < 0.7:
            await asyncio.sleep(self._factory.chance.choice([0, 0.05, 1.0]))
        self._factory.ended(self)

    def die(self) -> None:
        """Ends the process by itself."""
        self.died_at = self._factory.last_fault_at = asyncio.get_running_loop().time()
        self.dead.set()
        self._factory.ended(self)


@dataclass
class WorkerFactory:
    """Creates workers, and counts them against the number that may live."""

    chance: random.Random
    rates: FaultRates
    size: int
    allowed: int = 0
    workers: list[RandomWorker] = field(default_factory=list)
    alive: set[RandomWorker] = field(default_factory=set)
    # Broken laws that were noticed in a task of the pool, which would only log them.
    faults: list[str] = field(default_factory=list)
    last_fault_at: float = -1000.0
    on_close_parked: Callable[[RandomWorker], None] = lambda _: None

    def spawn(self) -> RandomWorker:
        worker = RandomWorker(self)
        self.workers.append(worker)
        return worker

    def started(self, worker: RandomWorker) -> None:
        worker.is_alive = True
        self.alive.add(worker)
        if len(self.alive) > self.allowed:
            self.faults.append("more processes than the cap")

    def ended(self, worker: RandomWorker) -> None:
        worker.is_alive = False
        self.alive.discard(worker)
