"""Bad weather for a pool, and workers with random lives in it, counted from birth to end."""

import asyncio
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from server.config import Isolation
from server.conversation.request import Profile
from server.errors import CliFailed, CliMissing


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
    isolation: Isolation = "process"
    switches_every_s: float | None = None
    renews_every_s: float | None = None
    bursts: tuple[int, ...] = (1, 1, 2, 5, 24)
    goes_on: float = 0


CALM = Weather(0, 0, None, None, 0, 0)
# Smaller crowds: where all wait for a boot, nothing is ever parked for long.
WARM = Weather(
    isolation="warm", renews_every_s=60, deaths_every_s=5, cancels=0.1, bursts=(1, 1, 1, 2, 3, 8), goes_on=0.5
)
WARM_AND_CALM = replace(CALM, isolation="warm", bursts=WARM.bursts, goes_on=0.5)


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
        # What it is configured with, what it was last kept with, and since when it rests; None while it answers.
        self.profile: Profile | None = None
        self.holds: str | None = None
        self.rests_since: float | None = None
        self.is_retired = False
        self.renewed_at: float | None = None

    @property
    def is_parked(self) -> bool:
        """Whether it lives and rests between two answers."""
        return self.rests_since is not None and self.is_alive and not self.is_closing

    async def boot(self) -> None:
        chance, weather = self._yard.chance, self._yard.weather
        mishap = chance.random()
        if mishap < weather.cli_missing:
            self._yard.mishap_at = asyncio.get_running_loop().time()
            raise CliMissing
        self._yard.born(self)
        if chance.random() < 0.7:
            await asyncio.sleep(chance.choice([0, 0.1, 0.5, 3.0]))
        if self.dead.is_set():
            raise CliFailed("it ended while it booted")
        if mishap < weather.cli_missing + weather.boot_fails:
            self._yard.mishap_at = asyncio.get_running_loop().time()
            raise chance.choice([CliFailed("it ended"), ValueError("a surprise")])

    async def wait_dead(self) -> None:
        await self.dead.wait()

    async def close(self) -> None:
        if self.is_parked:
            self._yard.closes_parked(self)
        self.is_closing = True
        if self._yard.chance.random() < 0.7:
            await asyncio.sleep(self._yard.chance.choice([0, 0.05, 1.0]))
        self._yard.gone(self)

    def die(self) -> None:
        """Ends by itself."""
        self.died_at = self._yard.mishap_at = asyncio.get_running_loop().time()
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
    # What went against a law in a task of the pool's, which would only log it.
    faults: list[str] = field(default_factory=list)
    mishap_at: float = -1000.0
    closes_parked: Callable[[Body], None] = lambda _: None

    def spawn(self) -> Body:
        body = Body(self)
        self.bodies.append(body)
        return body

    def born(self, body: Body) -> None:
        body.is_alive = True
        self.alive.add(body)
        if len(self.alive) > self.allowed:
            self.faults.append("more processes than the cap")

    def gone(self, body: Body) -> None:
        body.is_alive = False
        self.alive.discard(body)
