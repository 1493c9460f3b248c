"""A running server in which agents ask: the real runner, HTTP and store of questions, over a fake engine."""

import asyncio
import concurrent.futures
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from server.agents.asking.questions import Decision, Question
from server.config import Config
from server.machine.files.paths import Folders
from server.runtime.runner import Runner
from tests.server.fake_server import FakeBackend, FakeEngine

WAIT_S = 60.0
BASH = Question(
    "bash",
    "local:0",
    "req-1",
    "site",
    "Bash",
    description="Run the tests",
    detail="make test",
    reason="This command requires approval",
    path="/home/someone/site",
    may_remember=True,
)
EDIT = replace(
    BASH,
    id="edit",
    tool="Edit",
    description="setup.cfg",
    detail="--- before\n+++ after\n@@ -1,2 +1,2 @@\n name = site\n-version = 1\n+version = 2",
    may_remember=False,
)


@dataclass
class AskingServer:
    """`runner` runs in a thread; `ask` asks in its loop."""

    runner: Runner
    engine: FakeEngine

    @property
    def origin(self) -> str:
        return self.runner.listeners.base_url.removesuffix("/v1")

    def ask(self, question: Question = BASH) -> "concurrent.futures.Future[Decision | None]":
        """Asks and returns when the question is open. Cancelling the future withdraws it."""
        before = len(self.engine.approvals.open_questions())
        future = asyncio.run_coroutine_threadsafe(self.engine.approvals.ask(question), self.engine.loop)
        wait_for(lambda: len(self.engine.approvals.open_questions()) > before or future.done())
        return future


@contextmanager
def asking_server(folder: Path, **more: Any) -> Iterator[AskingServer]:
    """A server with its files in `folder`; `more` as of `Runner`."""
    backend = FakeBackend()
    folders = Folders(folder / "config", folder / "data", folder / "logs")
    runner = Runner(Config(port=0), token="t", folders=folders, open_engine=backend.open_engine, **more)
    runner.start()
    (engine,) = backend.engines
    try:
        yield AskingServer(runner, engine)
    finally:
        runner.stop(0)
        assert runner.wait(WAIT_S)


def wait_for(condition: Any) -> None:
    """Waits, bounded, for what another thread does."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
