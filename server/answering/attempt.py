"""One attempt at an answer: leases a worker, sends the request, and returns the worker to the pool."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace

from server.answering.thinking_store import ThinkingStore
from server.claude.protocol.tool_ids import with_legal_ids
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Event, Finished, Started, Timings
from server.conversation.fingerprint import conversation_key
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.pool.lease import Lease
from server.pool.pool import Pool

logger = logging.getLogger(__name__)


class Attempt:
    """A leased worker that answers the request. Pass each of `events` through `observe` on its way to the client."""

    def __init__(
        self,
        lease: Lease[Worker],
        request: ModelRequest,
        settings: ModelSettings,
        *,
        elapsed_ms: Callable[[], float],
        thinking: ThinkingStore,
        is_background: bool,
    ) -> None:
        already_held = len(request.messages) - 1 if lease.way == "continued" else 0
        self.events: AsyncGenerator[Event, None] = lease.worker.ask(
            request.profile, settings, request.messages, held=already_held
        )
        self._lease, self._request, self._settings = lease, request, settings
        self._elapsed_ms = elapsed_ms
        self._leased_ms, self._first_ms = elapsed_ms(), 0.0
        self._answer = MessageAccumulator()
        self._thinking = thinking
        self._is_background = is_background

    def observe(self, event: Event) -> Event:
        """Records the event, and returns it with the way and the timings."""
        self._answer.add(event)
        match event:
            case Started():
                self._lease.first_token()
                self._first_ms = self._elapsed_ms()
                return replace(event, way=self._lease.way)
            case Finished():
                return self._finish(event)
            case _:
                return event

    def _finish(self, event: Finished) -> Finished:
        """Keeps the worker for the conversation that it holds now."""
        if not self._is_background and self._lease.worker.is_at_rest:
            messages = (*self._request.messages, self._answer.message)
            self._lease.keep(conversation_key(messages, model=self._settings.model))
        self._thinking.keep(self._request.profile.owner, self._settings.model, self._answer.message_with_thinking)
        timings = Timings(self._leased_ms, self._first_ms, self._elapsed_ms())
        logger.info(
            "answered: way %s, %s, %d tokens in, %d out; worker at %.0f ms, first event %.0f, end %.0f",
            *(self._lease.way, event.reason.value, event.usage.prompt, event.usage.output),
            *(timings.leased_ms, timings.first_ms, timings.total_ms),
        )
        return replace(event, timings=timings)


class AttemptFactory:
    """Begins attempts with the workers of a pool. `config` returns the settings in force; `clock` counts seconds."""

    def __init__(self, *, pool: Pool[Worker], config: Callable[[], Config], clock: Callable[[], float]) -> None:
        self._pool = pool
        self._config = config
        self._clock = clock
        self._thinking = ThinkingStore()

    @asynccontextmanager
    async def begin(
        self, request: ModelRequest, settings: ModelSettings, *, began: float, is_retry: bool, is_background: bool
    ) -> AsyncIterator[Attempt]:
        """Leases a worker for the block. `began` is when the request came. Leaving the block early stops the answer.

        Raises whatever goes wrong, also in the middle of the answer.
        """
        request = replace(request, messages=with_legal_ids(request.messages))
        if settings.thinks and settings.temperature is None and settings.top_p is None:
            messages = self._thinking.restored(request.profile.owner, settings.model, request.messages)
            request = replace(request, messages=messages)
        profile, key = _lease_terms(request, settings, is_background=is_background)
        async with self._pool.lease(profile, conversation_key=key, first_in_line=is_retry) as lease:
            attempt = Attempt(
                lease,
                request,
                settings,
                elapsed_ms=lambda: (self._clock() - began) * 1000.0,
                thinking=self._thinking,
                is_background=is_background,
            )
            try:
                async with aclosing(attempt.events):
                    yield attempt
            finally:
                # Shielded from a second cancellation, and bounded by the worker.
                await asyncio.shield(self._settle(lease))

    async def _settle(self, lease: Lease[Worker]) -> None:
        """Decides whether the worker is kept: only at rest, and not forever."""
        if self._config().isolation == "process":
            return
        if not lease.worker.is_alive:
            lease.retire("its process ended")
        elif not await lease.worker.settle():
            lease.retire("its answer was broken off")
        elif lease.worker.is_worn:
            lease.retire("it has served long enough")
        elif not lease.result.is_kept:
            # No later request continues this conversation: keep the worker, but reset it before reuse.
            lease.keep(None)


def _lease_terms(request: ModelRequest, settings: ModelSettings, *, is_background: bool) -> tuple[Profile, str | None]:
    """The profile and the conversation by which the pool matches a worker.

    A background request (a title, tags) continues no conversation. It shares workers with other background requests
    only, so that it does not take the worker that holds the user's conversation while another one is idle.
    """
    if is_background:
        return replace(request.profile, owner=f"{request.profile.owner} (background)"), None
    history = request.messages[:-1]
    return request.profile, conversation_key(history, model=settings.model) if history else None
