"""One attempt at an answer: leases a worker, sends the request, and returns the worker to the pool."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from server.answering.call_ids import CallIdStore
from server.answering.conversation_keys import ConversationKeys
from server.answering.thinking_store import ThinkingStore
from server.claude.protocol.tool_ids import with_legal_ids
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Event, Finished, Started, Timings
from server.conversation.request import ModelRequest, ModelSettings
from server.offload import offload
from server.pool.lease import Lease
from server.pool.pool import Pool
from server.pool.types import Kind

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Attempt:
    """A leased worker that answers the request. Pass each of `events` through `observe` on its way to the client."""

    lease: Lease[Worker]
    request: ModelRequest
    settings: ModelSettings
    is_background: bool
    thinking: ThinkingStore
    call_ids: CallIdStore
    keys: ConversationKeys
    began: float
    events: AsyncGenerator[Event, None]
    answer: MessageAccumulator = field(default_factory=MessageAccumulator)
    timings: Timings = field(default_factory=Timings)

    def elapsed_ms(self) -> float:
        """Milliseconds since the request arrived."""
        return (time.monotonic() - self.began) * 1000.0

    async def observe(self, event: Event) -> Event:
        """Records the event, and returns it with the way and the timings."""
        self.answer.add(event)
        if isinstance(event, Started):
            self.lease.first_token()
            sent_ms = max(self.timings.leased_ms, (self.lease.worker.sent_at - self.began) * 1000.0)
            self.timings = replace(self.timings, sent_ms=sent_ms, first_ms=self.elapsed_ms())
            return replace(event, way=self.lease.way, timings=self.timings)
        return await self._finish(event) if isinstance(event, Finished) else event

    async def _finish(self, event: Finished) -> Finished:
        """Keeps the worker for the conversation that it holds now."""
        if not self.is_background and self.lease.worker.is_at_rest:
            request, answer, model = self.request, self.answer.message, self.settings.model
            key = await offload(self.keys.held, request.messages, answer, model=model, profile=request.profile)
            self.lease.keep(key)
        owner = self.request.profile.owner
        await offload(self.call_ids.keep, owner, self.request.messages, self.answer.message)
        self.thinking.keep(owner, self.settings.model, self.answer.message_with_thinking)
        timings = replace(self.timings, total_ms=self.elapsed_ms())
        logger.info(
            "answered: way %s, %s, %d tokens in, %d out; worker at %.0f ms, first event %.0f, end %.0f",
            *(self.lease.way, event.reason.value, event.usage.prompt, event.usage.output),
            *(timings.leased_ms, timings.first_ms, timings.total_ms),
        )
        return replace(event, timings=timings)


@dataclass(frozen=True, slots=True)
class AttemptFactory:
    """Begins attempts with the workers of a pool. `config` returns the settings in force.

    `is_live` returns whether the pool's processes are live now.
    """

    pool: Pool[Worker]
    config: Callable[[], Config]
    is_live: Callable[[], bool] = lambda: False
    thinking: ThinkingStore = field(default_factory=ThinkingStore)
    call_ids: CallIdStore = field(default_factory=CallIdStore)
    keys: ConversationKeys = field(default_factory=ConversationKeys)

    @asynccontextmanager
    async def begin(
        self, request: ModelRequest, settings: ModelSettings, *, began: float, is_retry: bool, is_background: bool
    ) -> AsyncIterator[Attempt]:
        """Leases a worker for the block, whose early exit stops the answer. `began`: when the request arrived."""
        messages = await offload(with_legal_ids, request.messages)
        messages = await offload(self.call_ids.restored, request.profile.owner, messages)
        request = replace(request, messages=messages)
        if settings.thinks and settings.temperature is None and settings.top_p is None:
            messages = await offload(self.thinking.restored, request.profile.owner, settings.model, request.messages)
            request = replace(request, messages=messages)
        kind, key = await offload(self._lease_terms, request, settings, is_background=is_background)
        if is_retry:
            await self.pool.retire_unresponsive()
        async with self.pool.lease(
            kind, conversation_key=key, first_in_line=is_retry, is_background=is_background
        ) as lease:
            already_held = len(request.messages) - 1 if lease.way == "continued" else 0
            events = lease.worker.ask(
                request.profile, settings, request.messages, held=already_held, is_patient=is_retry
            )
            attempt = Attempt(
                *(lease, request, settings, is_background, self.thinking, self.call_ids, self.keys, began, events)
            )
            attempt.timings = Timings(leased_ms=attempt.elapsed_ms())
            try:
                async with aclosing(events):
                    yield attempt
            finally:
                # Shielded, so that a second cancellation does not interrupt it; the worker limits how long it takes.
                await asyncio.shield(self._settle(lease))

    async def _settle(self, lease: Lease[Worker]) -> None:
        """Keeps the worker for other requests if it is at rest and has not served too long."""
        if self.config().isolation == "process":
            return
        if not lease.worker.is_alive:
            lease.retire("its process ended")
        elif not await lease.worker.settle():
            lease.retire("its answer was broken off")
        elif lease.worker.needs_replacement:
            lease.retire("it has served long enough")
        elif not lease.result.is_kept:
            # No later request continues this conversation: keep the worker, but reset it before reuse.
            lease.keep(None)

    def _lease_terms(
        self, request: ModelRequest, settings: ModelSettings, *, is_background: bool
    ) -> tuple[Kind, str | None]:
        """The kind and the conversation by which the pool matches a worker.

        A live worker takes any profile of its owner, any other worker only the one that it has.
        A background request (a title, tags) continues no conversation.
        """
        profile = request.profile
        kind = profile.owner if self.is_live() else profile
        if is_background:
            return kind, None
        return kind, self.keys.wanted(request.messages, model=settings.model, profile=profile)
