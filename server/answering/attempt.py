"""One answer by one worker: leased, asked, and given back with a verdict on what it holds."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from server.answering.thinking_store import Thoughts
from server.claude.protocol.tool_ids import with_legal_ids
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Event, Finished, Started, Timings
from server.conversation.fingerprint import conversation_key
from server.conversation.request import ModelRequest, ModelSettings
from server.pool.lease import Lease
from server.pool.pool import Pool

logger = logging.getLogger(__name__)


class Single:
    """Answers with one worker of the pool. `clock` gives seconds, `config` the settings in force."""

    def __init__(self, *, pool: Pool[Worker], config: Callable[[], Config], clock: Callable[[], float]) -> None:
        self._pool = pool
        self._config = config
        self._clock = clock
        self._thoughts = Thoughts()

    async def stream(
        self, turn: ModelRequest, settings: ModelSettings, came: float, *, is_retry: bool, is_modest: bool
    ) -> AsyncGenerator[Event, None]:
        """The events of one answer. `came` is when its request came, by the clock.

        `is_modest`: no parked conversation ends for it, and nobody goes on with it.

        Raises whatever goes wrong, after events as well; closing it frees the worker's place.
        """
        turn = replace(turn, messages=with_legal_ids(turn.messages))
        history = turn.messages[:-1]
        past = conversation_key(history, model=settings.model) if history and not is_modest else None
        owner = turn.profile.owner
        if _goes_with_thoughts(settings):
            turn = replace(turn, messages=self._thoughts.restored(owner, settings.model, turn.messages))
        leasing = self._pool.lease(turn.profile, past=past, first_in_line=is_retry, is_modest=is_modest)
        async with leasing as lease:
            leased_ms, first_ms = self._since(came), 0.0
            spoken = MessageAccumulator()
            held = len(history) if lease.way == "continued" else 0
            try:
                answer = lease.worker.ask(turn.profile, settings, turn.messages, held=held)
                async with aclosing(answer) as events:
                    async for event in events:
                        spoken.add(event)
                        if isinstance(event, Started):
                            lease.first_token()
                            first_ms = self._since(came)
                            yield replace(event, way=lease.way)
                        elif isinstance(event, Finished):
                            if not is_modest:
                                _park(lease, turn, settings, spoken)
                            self._thoughts.keep(owner, settings.model, spoken.message_with_thinking)
                            timings = Timings(leased_ms, first_ms, self._since(came))
                            _log(event, lease.way, timings)
                            yield replace(event, timings=timings)
                        else:
                            yield event
            finally:
                # Who left early left the worker in the middle of its answer. Shielded, and bounded by the worker.
                await asyncio.shield(self._settle(lease))

    async def _settle(self, lease: Lease[Worker]) -> None:
        """The verdict on the worker, whatever happened: kept only at rest, and not for ever."""
        if self._config().isolation == "process":
            return
        if not lease.worker.is_alive:
            lease.retire("its process ended")
        elif not await lease.worker.settle():
            lease.retire("its answer was broken off")
        elif lease.worker.is_worn:
            lease.retire("it has served long enough")
        elif not lease.verdict.is_kept:
            # It holds something that nobody was told: good for another conversation, behind a boundary.
            lease.keep(None)

    def _since(self, came: float) -> float:
        return (self._clock() - came) * 1000.0


def _goes_with_thoughts(settings: ModelSettings) -> bool:
    """Whether the answer is given with thinking, as far as it is asked for."""
    return settings.thinks and settings.temperature is None and settings.top_p is None


def _park(lease: Lease[Worker], turn: ModelRequest, settings: ModelSettings, spoken: MessageAccumulator) -> None:
    """Keeps the worker with the conversation that it holds now."""
    if lease.worker.is_at_rest:
        messages = (*turn.messages, spoken.message)
        lease.keep(conversation_key(messages, model=settings.model))


def _log(finished: Finished, way: str, timings: Timings) -> None:
    logger.info(
        "answered: way %s, %s, %d tokens in, %d out; worker at %.0f ms, first event %.0f, end %.0f",
        *(way, finished.reason.value, finished.usage.prompt, finished.usage.output),
        *(timings.leased_ms, timings.first_ms, timings.total_ms),
    )
