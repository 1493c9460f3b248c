"""A pool whose one worker follows scripts, and the service over it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from server.answering import Answering
from server.answering.circuit_breaker import CircuitBreaker
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.events import Event, Finished, PartDelta, Started, StopReason
from server.conversation.models import ModelCard
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.errors import (
    DrawbridgeError,
)
from server.pool.lease import Lease, LeaseResult
from server.pool.pool import Pool
from server.pool.types import Kind, Way

CARDS = (
    ModelCard("default", "claude-opus-5-5", "Default"),
    ModelCard("opus", "claude-opus-5-5", "Opus", efforts=("low", "medium", "high")),
    ModelCard("sonnet", "claude-sonnet-5-5", "Sonnet", efforts=("low", "high")),
)
REQUEST = ModelRequest((Message("user", (Text("hi"),)),), model="sonnet")
WHOLE: list[Event | DrawbridgeError] = [Started("claude-sonnet-5-5"), PartDelta(0, "a"), Finished(StopReason.END)]
TITLE = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Guidelines:"


class ScriptedPool:
    """A pool with one scripted worker, a script for each lease; it records the leases."""

    def __init__(self, *scripts: list[Event | DrawbridgeError]) -> None:
        self.scripts = list(scripts)
        self.first_in_line: list[bool] = []
        self.settings: list[ModelSettings] = []
        self.keys: list[str | None] = []
        self.kinds: list[Kind] = []
        self.background: list[bool] = []
        self.held: list[int] = []
        self.patience: list[bool] = []
        self.results: list[LeaseResult] = []
        self.leased = 0
        self.checks = 0
        self.closed = 0
        self.way: Way = "process"
        self.is_at_rest = False
        self.stops = True
        self.is_alive = True
        self.needs_replacement = False
        self.sent_at = 0.0

    async def retire_unresponsive(self) -> None:
        self.checks += 1

    @asynccontextmanager
    async def lease(
        self,
        kind: Kind,
        *,
        conversation_key: str | None = None,
        first_in_line: bool = False,
        is_background: bool = False,
    ) -> AsyncIterator[object]:
        self.kinds.append(kind)
        self.background.append(is_background)
        self.first_in_line.append(first_in_line)
        self.keys.append(conversation_key)
        self.leased += 1
        lease: Lease[ScriptedPool] = Lease(self, self.way, on_first_token=lambda: None)
        try:
            yield lease
        finally:
            self.leased -= 1
            self.results.append(lease.result)

    async def settle(self) -> bool:
        self.is_at_rest = self.is_at_rest or self.stops
        return self.is_at_rest

    async def ask(
        self,
        profile: Profile,
        settings: ModelSettings,
        messages: tuple[Message, ...],
        *,
        held: int = 0,
        is_patient: bool = False,
    ) -> AsyncGenerator[Event, None]:
        self.patience.append(is_patient)
        self.settings.append(settings)
        self.held.append(held)
        self.is_at_rest = False
        try:
            for step in self.scripts.pop(0):
                await asyncio.sleep(0)
                if isinstance(step, DrawbridgeError):
                    raise step
                self.is_at_rest = isinstance(step, Finished)
                yield step
        finally:
            self.closed += 1


def answering(
    pool: ScriptedPool, config: Config | None = None, breaker: CircuitBreaker | None = None, *, is_live: bool = False
) -> Answering:
    in_force = config or Config()
    return Answering(
        pool=cast("Pool[Worker]", pool),
        config=lambda: in_force,
        cards=lambda: CARDS,
        breaker=breaker,
        is_live=lambda: is_live,
    )


async def events_of(pool: ScriptedPool, request: ModelRequest = REQUEST) -> list[Event]:
    return [event async for event in answering(pool).stream(request)]
