"""Answers any dialect's turn: its model, a worker, retries, and a failure as the last event of what has begun."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace

from server.answering.attempt import Single
from server.answering.background_requests import is_housekeeping
from server.answering.canned_replies import local_answer
from server.answering.circuit_breaker import Breaker
from server.answering.model_routing import meant_for
from server.backoff import Backoff
from server.claude.cli.model_names import nearest_effort
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.events import Event, Failed
from server.conversation.models import ModelCard
from server.conversation.request import ModelRequest, ModelSettings
from server.errors import DrawbridgeError, UpstreamDown, UsageLimit, WorkerDied
from server.pool.pool import Pool

logger = logging.getLogger(__name__)

# Seconds between two tries while Claude's API fails. Clients try again too, so these are few and short.
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 4.0
# So long after a request came it is not sent again: who asked may have given up.
RETRIES_WITHIN_S = 20.0
OVERLOADED = 529


class Answering:
    """Answers turns with the workers of a pool. Settings and models are asked anew for each turn."""

    def __init__(
        self,
        *,
        pool: Pool[Worker],
        config: Callable[[], Config],
        cards: Callable[[], tuple[ModelCard, ...]],
        clock: Callable[[], float] = time.monotonic,
        breaker: Breaker | None = None,
        admit: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        """`admit` is awaited before each request for Claude, and raises if none may be sent."""
        self._breaker = breaker or Breaker()
        self._single = Single(pool=pool, config=config, clock=clock)
        self._config = config
        self._cards = cards
        self._clock = clock
        self._admit = admit
        self._last: ModelSettings | None = None

    @property
    def likely(self) -> ModelSettings:
        """The settings that the next request will probably have: those of the last one."""
        return self._last or self.settings_for(ModelRequest(()))

    async def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        """The events of one answer. Raises what went wrong before the first one; after it, `Failed` is the last.

        Closing the generator stops everything, the request upstream too, and frees the worker's place.
        """
        if known := local_answer(turn):
            for event in known:
                yield event
            return
        if self._admit is not None:
            await self._admit()
        came = self._clock()
        settings, is_modest = self.settings_for(turn), is_housekeeping(turn)
        if not is_modest:
            self._last = settings
        begun = False
        try:
            async with aclosing(self._with_fallback(turn, settings, came, is_modest=is_modest)) as events:
                async for event in events:
                    begun = True
                    yield event
        except DrawbridgeError as error:
            logger.info("no answer: %s: %s", type(error).__name__, error.title)
            if not begun:
                raise
            yield Failed(error)

    def settings_for(self, turn: ModelRequest) -> ModelSettings:
        """The settings of `turn` with the model and the effort that its model's name means; a said effort wins."""
        config = self._config()
        meant = meant_for(turn.model, config, self._cards())
        if config.housekeeping_model and is_housekeeping(turn):
            meant = meant_for(config.housekeeping_model, replace(config, strict_models=False), self._cards())
        says = turn.settings.effort is not None or not turn.settings.thinks
        return replace(turn.settings, model=meant.model, effort=turn.settings.effort if says else meant.effort)

    async def _with_fallback(
        self, turn: ModelRequest, settings: ModelSettings, came: float, *, is_modest: bool
    ) -> AsyncGenerator[Event, None]:
        """The answer; where its model is overloaded or at its limit before a word of it, that of the fallback model."""
        begun = False
        try:
            async with aclosing(self._patiently(turn, settings, came, is_modest=is_modest)) as events:
                async for event in events:
                    begun = True
                    yield event
        except (UpstreamDown, UsageLimit) as error:
            is_of_one_model = isinstance(error, UsageLimit) or error.status == OVERLOADED
            other = self._fallback_for(settings) if is_of_one_model else None
            if begun or other is None:
                raise
            logger.warning("%s: the fallback model %s is asked instead", error.title, other.model)
        else:
            return
        async with aclosing(self._patiently(turn, other, came, is_modest=is_modest)) as events:
            async for event in events:
                yield event

    def _fallback_for(self, settings: ModelSettings) -> ModelSettings | None:
        config = self._config()
        if not config.fallback_model:
            return None
        meant = meant_for(config.fallback_model, replace(config, strict_models=False), self._cards())
        if meant.model == settings.model:
            return None
        effort = meant.effort or nearest_effort(settings.effort, meant.model, self._cards())
        return replace(settings, model=meant.model, effort=effort)

    async def _patiently(
        self, turn: ModelRequest, settings: ModelSettings, came: float, *, is_modest: bool
    ) -> AsyncGenerator[Event, None]:
        """The answer behind the breaker; tried again, a few times and a little later each, while Claude's API fails."""
        passage = None if self._config().without_breaker else self._breaker.enter(settings.model)
        waits = Backoff(first_s=FIRST_WAIT_S, longest_s=LONGEST_WAIT_S)
        try:
            while True:
                begun = False
                try:
                    async with aclosing(self._with_retry(turn, settings, came, is_modest=is_modest)) as events:
                        async for event in events:
                            if not begun and passage is not None:
                                passage.succeeded()
                            begun = True
                            yield event
                except UpstreamDown as error:
                    is_late = self._clock() - came >= RETRIES_WITHIN_S
                    if begun or is_late or waits.failures >= self._config().retries:
                        raise
                    wait_s = waits.failed()
                    logger.warning("%s: tried again in %.1f s", error.title, wait_s)
                else:
                    return
                await asyncio.sleep(wait_s)
        except DrawbridgeError as error:
            if passage is not None:
                passage.failed(error)
            raise
        finally:
            if passage is not None:
                passage.left()

    async def _with_retry(
        self, turn: ModelRequest, settings: ModelSettings, came: float, *, is_modest: bool
    ) -> AsyncGenerator[Event, None]:
        """The answer of one worker; of a second one, when the first died before it had said anything."""
        for is_retry in (False, True):
            begun = False
            try:
                async with aclosing(
                    self._single.stream(turn, settings, came, is_retry=is_retry, is_modest=is_modest)
                ) as events:
                    async for event in events:
                        begun = True
                        yield event
            except WorkerDied:
                if begun or is_retry:
                    raise
                logger.warning("a worker died before it answered; the request is tried once more")
            else:
                return
