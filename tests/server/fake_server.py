"""A server with a fake engine: real sockets, real uvicorn, the real access checks, and a small application.

As a program (`python -m tests.server.fake_server serve ...`) it is the command line over such a server, with our own
application and every answer made up; see `FakeEngine.stream`.
"""

import asyncio
import json
import os
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import fields, replace
from functools import partial
from typing import Any

from server.agents.asking.approvals import OpenQuestions
from server.commands.root import run
from server.config import Config
from server.conversation.events import (
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StopReason,
    Usage,
)
from server.conversation.models import ModelCard
from server.conversation.parts import Text
from server.conversation.request import ModelRequest
from server.embeddings import Embedder
from server.errors import UsageLimit, WorkerDied
from server.machine.files.paths import Folders
from server.runtime.runner import Runner
from server.runtime.services.computer import new_computer_use
from server.status import AccountStatus, PoolStatus, Serving, Status
from server.web.control.parts import Parts
from server.web.interfaces import ControlPort, Engine


class FakeEngine:
    """An engine with made-up answers; remembers the settings applied to it."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.is_open = True
        self.on_change: Callable[[], None] = lambda: None
        self.known = Status()
        self.serving = Serving()
        # A sign-in waits for it; None: it ends at once.
        self.browser: asyncio.Event | None = None
        self.sign_ins: list[str] = []
        self.extra_usage_allowed = 0
        self.embedder = Embedder(lambda: self.config, lambda: None)
        self.loop = asyncio.get_running_loop()
        self.approvals = OpenQuestions()
        self.approvals.watch(lambda _: self.on_change())
        self.computer = new_computer_use(lambda: self.config, self.approvals, lambda: self.on_change())  # noqa: PLW0108 # set later

    async def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        """Answers with the question and the settings in three deltas; "refuse", "break" and "slow" do what they say."""
        (question,) = (part for part in turn.messages[-1].parts if isinstance(part, Text))
        if question.text == "refuse":
            raise UsageLimit("Nothing is left for today.", retry_after_s=60)
        yield Started(model="claude-made-up")
        yield PartStarted(0, Text(""))
        yield PartDelta(0, "You said: ")
        if question.text == "break":
            yield Failed(WorkerDied())
            return
        if question.text == "slow":
            await asyncio.Event().wait()
        yield PartDelta(0, question.text)
        yield PartDelta(0, f" (model {turn.model or self.config.model})")
        yield PartEnded(0)
        yield Finished(StopReason.END, usage=Usage(input=1, output=2))

    async def models(self) -> tuple[ModelCard, ...]:
        return ()

    def follow_sessions(self, sessions: object, /) -> None:
        pass

    def allow_extra_usage(self, *, is_allowed: bool = True) -> None:
        self.extra_usage_allowed += is_allowed

    async def account(self) -> AccountStatus:
        return AccountStatus()

    def status(self) -> Status:
        return replace(
            self.known,
            **{field.name: getattr(self.serving, field.name) for field in fields(Serving)},
            model=self.config.model,
            demo=self.config.demo,
            key_required=self.config.api_key is not None,
            approvals=self.approvals.status,
            computer=self.computer.status,
            pool=PoolStatus(size=self.config.pool_size),
        )

    def is_own_session(self, session: str) -> bool:
        return False

    def apply(self, config: Config) -> None:
        self.config = config
        self.computer.follow_settings()

    async def sign_in(self, account: str, on_url: Callable[[str], None]) -> AccountStatus:
        on_url("https://example.org/sign-in")
        self.sign_ins.append(f"began {account}")
        try:
            await (asyncio.sleep(0) if self.browser is None else self.browser.wait())
        except asyncio.CancelledError:
            self.sign_ins.append(f"cancelled {account}")
            raise
        return AccountStatus(signed_in=True, payer="plan", email="a@example.org")


class FakeBackend:
    """Opens fake engines; serves /status, /stop, and /slow, which sends a part, waits for `go`, and sends the rest."""

    def __init__(self) -> None:
        self.engines: list[FakeEngine] = []
        self.fails: BaseException | None = None
        self.hangs = False
        self._going: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.ends: list[str] = []
        self.opening = threading.Event()

    def go(self) -> None:
        """Lets /slow finish."""
        for loop, event in self._going:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

    def open_engine(self, config: Config, folders: Folders) -> AbstractAsyncContextManager[Engine]:
        return self._opened(config)

    @asynccontextmanager
    async def _opened(self, config: Config) -> AsyncIterator[Engine]:
        self.opening.set()
        if self.fails is not None:
            raise self.fails
        if self.hangs:
            await asyncio.Event().wait()
        engine = FakeEngine(config)
        self.engines.append(engine)
        try:
            yield engine
        finally:
            await engine.computer.close()
            engine.is_open = False

    def create_app(self, config: Config, engine: Engine, control: ControlPort, parts: Parts) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            head: list[Any] = [(b"content-type", b"application/json")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            if scope["path"] == "/slow":
                await self._slow(send)
                return
            if scope["path"] == "/stop":
                control.stop()
            if scope["path"] == "/quit":
                control.quit()
            status = engine.status()
            body = {"state": status.state.value, "base_url": status.base_url, "key": engine.config.api_key}
            await send({"type": "http.response.body", "body": json.dumps(body).encode()})

        return app

    async def _slow(self, send: Any) -> None:
        try:
            event = asyncio.Event()
            self._going.append((asyncio.get_running_loop(), event))
            await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
            await event.wait()
            await send({"type": "http.response.body", "body": b"ended"})
            self.ends.append("whole")
        except asyncio.CancelledError:
            self.ends.append("cancelled")
            # Cleaning up takes a moment and must not be cut short.
            await asyncio.sleep(0.05)
            self.ends.append(f"tidy, engine {'open' if self.engines[0].is_open else 'closed'}")
            raise


if __name__ == "__main__":
    if "FAKE_WITHOUT_STREAMS" in os.environ:
        # As in a windowed program.
        sys.stdout = sys.stderr = None
    made = FakeBackend()
    sys.exit(run(make_runner=partial(Runner, open_engine=made.open_engine)))
