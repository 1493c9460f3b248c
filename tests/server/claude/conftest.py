"""Real workers of the real CLI against the stand-in."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from server.claude.cli.locate import bundled_cli
from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.worker import Worker
from server.conversation.events import Event
from server.conversation.models import ModelCard, ModelLimits
from server.conversation.parts import Message, Text
from server.conversation.request import ModelSettings, Profile
from server.machine.guards import guard_for
from server.machine.temp_folders import Scratch, open_scratch
from server.standin.server import Standin, open_standin
from server.status import UsageWindow


@pytest.fixture
async def standin() -> AsyncIterator[Standin]:
    async with open_standin() as standin:
        yield standin


def wait_out_midnight() -> None:
    """A process that lives at the change of the day tells Claude the new date, and no two bodies would be equal."""
    now = time.localtime()
    left = 86_400 - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)
    if left < 60:
        time.sleep(left + 1)


@pytest.fixture
def environment(standin: Standin, tmp_path: Path) -> dict[str, str]:
    wait_out_midnight()
    home = tmp_path / "home"
    home.mkdir()
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "ANTHROPIC_BASE_URL": standin.url,
        "ANTHROPIC_API_KEY": "a key of nobody's",
    }


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    folder = tmp_path / "scratch"
    folder.mkdir()
    with open_scratch(folder) as scratch:
        yield scratch


SONNET = ModelSettings(model="sonnet")


class Bench:
    """Makes workers, asks them, and says what came back."""

    def __init__(self, environment: dict[str, str], scratch: Scratch) -> None:
        self.environment = environment
        self.scratch = scratch
        self.bounds = Bounds(silence_s=20, interrupt_s=20)
        self.cards: tuple[ModelCard, ...] = ()
        self.limits: list[ModelLimits] = []
        self.workers: list[Worker] = []
        self.cli = bundled_cli()

    def worker(self, *, on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda windows: None) -> Worker:
        assert self.cli is not None
        launch = launch_for(self.cli, self.environment)
        worker = Worker(
            lambda: launch,
            scratch=self.scratch,
            guard=guard_for(),
            bounds=lambda: self.bounds,
            on_models=self._heard,
            on_limits=self.limits.append,
            on_usage=on_usage,
        )
        self.workers.append(worker)
        return worker

    def _heard(self, cards: tuple[ModelCard, ...]) -> None:
        self.cards = cards

    async def ask(
        self,
        *turns: str,
        system: str = "",
        settings: ModelSettings = SONNET,
        until: Callable[[Event], bool] = lambda event: False,
    ) -> list[Event]:
        """The events of a fresh worker's answer to alternating user and assistant turns, the first the user's."""
        worker = self.worker()
        await worker.boot()
        events: list[Event] = []
        answer = worker.ask(Profile(system=system), settings, conversation(*turns))
        try:
            async for event in answer:
                events.append(event)
                if until(event):
                    break
        finally:
            await answer.aclose()
            await worker.close()
        return events


def conversation(*turns: str) -> tuple[Message, ...]:
    return tuple(Message("assistant" if number % 2 else "user", (Text(text),)) for number, text in enumerate(turns))


@pytest.fixture
async def bench(environment: dict[str, str], scratch: Scratch) -> AsyncIterator[Bench]:
    bench = Bench(environment, scratch)
    yield bench
    for worker in bench.workers:
        await worker.close()
