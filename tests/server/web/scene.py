"""The HTTP side over an engine with scripted answers, called in memory or over a real socket."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace

import httpx
import uvicorn

from server.agents.asking.approvals import OpenQuestions
from server.answering.model_routing import with_aliases
from server.app import NO_PARTS, create_app
from server.config import Config
from server.conversation.events import Event, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.events import Usage as Tokens
from server.conversation.models import ModelCard
from server.conversation.parts import Text
from server.conversation.request import ModelRequest
from server.dialects.base import Dialect
from server.dialects.registry import DIALECTS
from server.embeddings import Embedder
from server.errors import DrawbridgeError
from server.runtime.services.computer import new_computer_use
from server.status import AccountStatus, CliStatus, PoolStatus, Serving, SignInAccount, State, Status
from server.web.access.middleware import AccessMiddleware, AccessPolicy, policy_for
from server.web.control.parts import Parts
from tests.server.embeddings.kit import model

NOW = 1_800_000_000.0
CARDS = (
    ModelCard("sonnet", "claude-sonnet-5", "Sonnet", context_length=200_000),
    ModelCard("anthropic/opus", "claude-opus-5", "Opus"),
)
ASK = {"model": "sonnet", "messages": [{"role": "user", "content": "Hello?"}]}
STATUS = Status(
    state=State.RUNNING,
    model="sonnet",
    started_at=NOW - 90,
    cli=CliStatus("/usr/bin/claude", "2.1.0"),
    account=AccountStatus(True, "plan", "Claude Max", email="someone@example.org"),
    pool=PoolStatus(size=3, ready=2, raw=2, answering=1, ways=(("process", 7),)),
)

Answer = Callable[[ModelRequest], AsyncGenerator[Event, None]]


def text_events(*texts: str, cost_usd: float | None = 0.0125, way: str = "process") -> list[Event]:
    """The events of an answer with `texts` as its deltas."""
    return [
        Started("claude-sonnet-5", way=way),
        PartStarted(0, Text("")),
        *(PartDelta(0, text) for text in texts),
        PartEnded(0),
        Finished(StopReason.END, usage=Tokens(input=3, output=2), cost_usd=cost_usd),
    ]


@dataclass
class FakeEngine:
    """An engine with scripted answers. `closed` counts the answers whose generator was closed."""

    answer: Answer | None = None
    config: Config = field(default_factory=Config)
    state: Status = STATUS
    cards: tuple[ModelCard, ...] = CARDS
    account_error: DrawbridgeError | None = None
    account_waits: asyncio.Event | None = None
    requests: list[ModelRequest] = field(default_factory=list)
    opened: int = 0
    closed: int = 0
    has_closed: asyncio.Event = field(default_factory=asyncio.Event)
    embeddings_key: str | None = None
    serving: Serving = field(default_factory=Serving)

    def __post_init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self.approvals = OpenQuestions()
        self.computer = new_computer_use(lambda: self.config, self.approvals, lambda: self.on_change())  # noqa: PLW0108 # set later
        self.embedder = Embedder(lambda: self.config, lambda: self.embeddings_key, load=model)

    async def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        self.requests.append(turn)
        self.opened += 1
        try:
            if self.answer is None:
                for event in text_events("Bon", "jour"):
                    yield event
            else:
                async with contextlib.aclosing(self.answer(turn)) as events:
                    async for event in events:
                        yield event
        finally:
            self.closed += 1
            self.has_closed.set()

    async def models(self) -> tuple[ModelCard, ...]:
        return with_aliases(self.cards, self.config)

    def status(self) -> Status:
        return replace(self.state, computer=self.computer.status)

    async def account(self) -> AccountStatus:
        if self.account_waits is not None:
            await self.account_waits.wait()
        if self.account_error is not None:
            raise self.account_error
        return self.state.account

    async def sign_in(self, account: SignInAccount, on_url: Callable[[str], None]) -> AccountStatus:
        raise NotImplementedError

    def is_own_session(self, session: str) -> bool:
        return session == "own"

    def apply(self, config: Config) -> None:
        self.config = config

    def follow_sessions(self, sessions: object, /) -> None:
        pass

    def allow_extra_usage(self, *, is_allowed: bool = True) -> None:
        """Nothing is in use here."""

    def change(self, **settings: object) -> None:
        self.config = replace(self.config, **settings)  # type: ignore[arg-type]


@dataclass
class FakeControl:
    token: str = "token-of-this-instance"
    stopped: int = 0
    can_quit: bool = True
    has_quit: int = 0

    def stop(self) -> None:
        self.stopped += 1

    def quit(self) -> None:
        self.has_quit += 1


def served(
    engine: FakeEngine,
    *,
    control: FakeControl | None = None,
    policy: AccessPolicy | None = None,
    dialects: Sequence[Dialect] = DIALECTS,
    clock: Callable[[], float] = lambda: NOW,
    parts: Parts = NO_PARTS,
) -> AccessMiddleware:
    """The whole HTTP side over `engine`; the access policy follows the settings unless one is given."""
    app = create_app(engine.config, engine, control, dialects=dialects, clock=clock, parts=parts)
    return AccessMiddleware(app, lambda: policy or policy_for(engine.config), dialects=dialects)


def client(app: AccessMiddleware, **headers: str) -> httpx.AsyncClient:
    """A client that calls `app` in memory."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8082", headers=headers, timeout=60
    )


@contextlib.asynccontextmanager
async def listening(app: AccessMiddleware) -> AsyncIterator[int]:
    """`app` behind a real uvicorn on a free loopback port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0)
            yield port
        finally:
            server.should_exit = True
            await task
