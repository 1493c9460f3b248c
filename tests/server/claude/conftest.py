"""Workers of the real CLI against the stand-in. The tests of a module share one loop, one stand-in and warm workers.

A test gets a warm worker unless it asks for a fresh one. It is reset before the first request, as in the product, and
`test_history` proves that nothing remains after a reset.
"""

import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pytest_asyncio import is_async_test

from server.claude.cli.locate import bundled_cli
from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.session import Session
from server.claude.worker.worker import Worker
from server.conversation.events import Event
from server.conversation.models import ModelCard, ModelLimits
from server.conversation.parts import Message, Text
from server.conversation.request import Launch, ModelSettings, Profile
from server.machine.files.temp_folders import Scratch, open_scratch
from server.machine.processes.guards import guard_for
from server.standin.server import Standin, default_answer, open_standin
from server.status import UsageWindow

_HERE = Path(__file__).parent
_HAS_FAILED = pytest.StashKey[bool]()


# What holds for a worker that is set up once must also hold for a live one.
_IN_BOTH_MODES = {"test_history", "test_session", "test_tools", "test_tool_chaos", "test_tool_conversations"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "is_live" in metafunc.fixturenames:
        both = metafunc.module.__name__.rpartition(".")[2] in _IN_BOTH_MODES
        ids = {False: "fixed", True: "live"}
        modes = [False, True] if both else [True]
        metafunc.parametrize("is_live", modes, ids=[ids[mode] for mode in modes], scope="module")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(_HERE) and is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="module"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    item.stash[_HAS_FAILED] = item.stash.get(_HAS_FAILED, False) or call.excinfo is not None
    return report


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_standin() -> AsyncIterator[Standin]:
    async with open_standin() as standin:
        yield standin


@pytest.fixture
def standin(module_standin: Standin) -> Standin:
    """The module's stand-in without recorded requests and with its default answer."""
    module_standin.requests.clear()
    module_standin.others.clear()
    module_standin.script(default_answer)
    return module_standin


def wait_out_midnight() -> None:
    """A process that lives when the date changes sends Claude the new date, so that no two bodies would be equal."""
    now = time.localtime()
    left = 86_400 - (now.tm_hour * 3600 + now.tm_min * 60 + now.tm_sec)
    if left < 60:
        time.sleep(left + 1)


@pytest.fixture(scope="module")
def environment(module_standin: Standin, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "HOME": str(tmp_path_factory.mktemp("home")),
        "PATH": "/usr/bin:/bin",
        "ANTHROPIC_BASE_URL": module_standin.url,
        "ANTHROPIC_API_KEY": "a dummy key",
    }


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    with open_scratch(tmp_path_factory.mktemp("scratch")) as scratch:
        yield scratch


SONNET = ModelSettings(model="sonnet")
BOUNDS = Bounds(silence_s=20, interrupt_s=20)


class Bench:
    """Makes workers, asks them, and records what they report."""

    def __init__(self, environment: dict[str, str], scratch: Scratch, *, is_live: bool) -> None:
        self.environment = environment
        self.is_live = is_live
        self.scratch = scratch
        self.bounds = BOUNDS
        self.cards: tuple[ModelCard, ...] = ()
        self.limits: list[ModelLimits] = []
        self.cli = bundled_cli()
        self._fresh: list[Worker] = []
        self._warm: list[tuple[Profile, Worker]] = []
        # What a worker sent as its first requests, before anything else: by worker and question.
        self.first: dict[tuple[Worker, tuple[str, ...]], Any] = {}

    def worker(
        self,
        *,
        on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda windows: None,
        likely: ModelSettings | None = None,
    ) -> Worker:
        """A worker of the test's own, not booted."""
        worker = self._made(on_usage, likely)
        self._fresh.append(worker)
        return worker

    async def warm(self, profile: Profile, *, other_than: Collection[Worker] = ()) -> Worker:
        """A booted worker that has no profile but this one, and may have served other tests of the module."""
        for known, worker in self._warm:
            if known == profile and worker not in other_than:
                return worker
        wait_out_midnight()
        worker = self._made(lambda windows: None, None)
        self._warm.append((profile, worker))
        await worker.boot()
        return worker

    def launch(self) -> Launch:
        """The launch of the workers."""
        assert self.cli is not None
        return launch_for(self.cli, self.environment, is_live=self.is_live)

    def _made(self, on_usage: Callable[[tuple[UsageWindow, ...]], None], likely: ModelSettings | None) -> Worker:
        launch = self.launch()
        return Worker(
            lambda: launch,
            scratch=self.scratch,
            guard=guard_for(),
            bounds=lambda: self.bounds,
            on_models=self._set_cards,
            on_limits=self.limits.append,
            on_usage=on_usage,
            likely=None if likely is None else lambda: likely,
        )

    def _set_cards(self, cards: tuple[ModelCard, ...]) -> None:
        self.cards = cards

    async def fresh(self) -> Worker:
        """A booted worker of the test's own."""
        worker = self.worker()
        await worker.boot()
        return worker

    async def ask(
        self,
        *turns: str,
        system: str = "",
        settings: ModelSettings = SONNET,
        until: Callable[[Event], bool] = lambda event: False,
        worker: Worker | None = None,
    ) -> list[Event]:
        """The events of a warm worker's answer to alternating user and assistant turns, the first the user's."""
        profile = Profile(system=system)
        worker = worker or await self.warm(profile)
        events: list[Event] = []
        answer = worker.ask(profile, settings, conversation(*turns))
        try:
            async for event in answer:
                events.append(event)
                if until(event):
                    break
        finally:
            await answer.aclose()
            await self.settle()
        return events

    async def settle(self, *, close: bool = False) -> None:
        """Stops what still runs on warm workers, and closes those that cannot take another request."""
        kept = []
        for profile, worker in self._warm:
            if close or not await worker.settle():
                await worker.close()
            else:
                kept.append((profile, worker))
        self._warm = kept

    async def end_test(self, *, has_failed: bool) -> None:
        """Closes the test's own workers, and after a failure the warm ones."""
        for worker in self._fresh:
            await worker.close()
        self._fresh.clear()
        self.limits.clear()
        self.bounds, self.cli = BOUNDS, bundled_cli()
        await self.settle(close=has_failed)


async def answer(session: Session, settings: ModelSettings, messages: tuple[Message, ...]) -> AsyncIterator[Event]:
    """The events of one answer of a configured session."""
    await session.ask(settings, messages)
    while events := await session.events():
        for event in events:
            yield event


def conversation(*turns: str) -> tuple[Message, ...]:
    return tuple(Message("assistant" if number % 2 else "user", (Text(text),)) for number, text in enumerate(turns))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def module_bench(environment: dict[str, str], scratch: Scratch, is_live: bool) -> AsyncIterator[Bench]:
    bench = Bench(environment, scratch, is_live=is_live)
    yield bench
    await bench.settle(close=True)


@pytest_asyncio.fixture(loop_scope="module")
async def bench(module_bench: Bench, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    yield module_bench
    await module_bench.end_test(has_failed=request.node.stash.get(_HAS_FAILED, False))
