"""Answers requests: chooses the model, retries failed attempts, and streams the events of the answer."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from random import Random

from server.answering.attempt import AttemptFactory
from server.answering.background_requests import is_background_request
from server.answering.canned_replies import local_answer
from server.answering.circuit_breaker import CircuitBreaker, Permit
from server.answering.extra_usage import ExtraUsage
from server.answering.model_routing import may_answer, model_denied, model_for
from server.answering.retry import Attempts, Raise, Retry, next_step
from server.claude.cli.model_names import nearest_effort
from server.claude.cli.models import DEFAULT
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.events import Event, Failed
from server.conversation.models import ModelCard
from server.conversation.request import ModelRequest, ModelSettings
from server.errors import DrawbridgeError
from server.pool.pool import Pool

logger = logging.getLogger(__name__)

JITTER = 0.1


class Answering:
    """Answers requests with the workers of a pool. `config` and `cards` return the settings and models in force."""

    def __init__(
        self,
        *,
        pool: Pool[Worker],
        config: Callable[[], Config],
        cards: Callable[[], tuple[ModelCard, ...]],
        breaker: CircuitBreaker | None = None,
        extra_usage: ExtraUsage | None = None,
        admit: Callable[[], Awaitable[None]] | None = None,
        explain: Callable[[DrawbridgeError], DrawbridgeError] = lambda error: error,
        is_live: Callable[[], bool] = lambda: False,
    ) -> None:
        """`admit` is awaited before each request for Claude, and raises if none may be sent.

        `explain` gets each failure of a request, and may return one that tells the user more. `is_live` returns
        whether the pool's processes are live.
        """
        self._explain = explain
        self._breaker = breaker or CircuitBreaker()
        self._extra_usage = extra_usage or ExtraUsage(stops=lambda: False)
        self._attempts = AttemptFactory(pool=pool, config=config, is_live=is_live)
        self._config = config
        self._cards = cards
        self._admit = admit
        self._random = Random()  # noqa: S311 # jitter
        self._last: ModelSettings | None = None

    @property
    def likely(self) -> ModelSettings:
        """The probable settings of the next request: those of the last one."""
        return self._last or self.settings_for(ModelRequest(()))

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        """The events of one answer. Raises before the first event; a later error is the last event, `Failed`."""
        if known := local_answer(request):
            for event in known:
                yield event
            return
        if self._admit is not None:
            await self._admit()
        progress = _Progress(self.settings_for(request), began=time.monotonic())
        is_background = is_background_request(request)
        if not is_background:
            self._last = progress.settings
        try:
            while True:
                try:
                    progress.permit = progress.permit or self.enter(progress.settings.model)
                    async with self._attempts.begin(
                        request,
                        progress.settings,
                        began=progress.began,
                        is_retry=progress.attempts.deaths > 0,
                        is_background=is_background,
                    ) as attempt:
                        async for event in attempt.events:
                            if not progress.has_begun:
                                progress.has_begun = True
                                progress.permit.succeeded()
                            yield await attempt.observe(event)
                except DrawbridgeError as error:
                    delay_s = self._recover(request, self._explain(error), progress)
                else:
                    return
                await asyncio.sleep(delay_s)
        except DrawbridgeError as error:
            logger.info("no answer: %s: %s", type(error).__name__, error.title)
            if not progress.has_begun:
                raise
            yield Failed(error)
        finally:
            progress.release()

    def settings_for(self, request: ModelRequest) -> ModelSettings:
        """The request's settings with the model and the effort that its model name means; an explicit effort wins.

        Raises `ModelUnknown`, or `ModelDenied` for a model that may not answer the request.
        """
        config, cards = self._config(), self._cards()
        named = model_for(request.model, config, cards)
        if config.housekeeping_model and is_background_request(request):
            other = model_for(config.housekeeping_model, replace(config, strict_models=False), cards)
            named = other if may_answer(other.model, request, config, cards) else named
        if not may_answer(named.model, request, config, cards):
            raise model_denied(request.model or named.model or DEFAULT, request.allowed_models)
        is_explicit = request.settings.effort is not None or not request.settings.thinks
        effort = request.settings.effort if is_explicit else named.effort
        return replace(request.settings, model=named.model, effort=effort)

    def enter(self, model: str | None) -> Permit:
        """Admits a request to Claude, or raises why none may be sent now."""
        self._extra_usage.enter(model)
        breaker = CircuitBreaker() if self._config().without_breaker else self._breaker
        return breaker.enter(model)

    def _recover(self, request: ModelRequest, error: DrawbridgeError, progress: "_Progress") -> float:
        """Prepares the next attempt and returns the delay before it. Raises `error` if there is none."""
        step = next_step(
            error,
            progress.attempts,
            has_begun=progress.has_begun,
            was_sent=progress.permit is not None,
            elapsed_s=time.monotonic() - progress.began,
            retries=self._config().retries,
            fallback=self._fallback_for(request, progress.settings),
        )
        if isinstance(step, Retry):
            logger.warning("%s: retried in %.1f s", error.title, step.delay_s)
            progress.attempts = step.attempts
            return step.delay_s * self._random.uniform(1 - JITTER, 1 + JITTER)
        if progress.permit is not None:
            progress.permit.failed(error)
        if isinstance(step, Raise):
            raise error
        logger.warning("%s: sent to the fallback model %s", error.title, step.settings.model)
        progress.release()
        progress.settings, progress.attempts = step.settings, Attempts()
        return 0.0

    def _fallback_for(self, request: ModelRequest, settings: ModelSettings) -> ModelSettings | None:
        config = self._config()
        if not config.fallback_model:
            return None
        named = model_for(config.fallback_model, replace(config, strict_models=False), self._cards())
        if named.model == settings.model or not may_answer(named.model, request, config, self._cards()):
            return None
        effort = named.effort or nearest_effort(settings.effort, named.model, self._cards())
        return replace(settings, model=named.model, effort=effort)


@dataclass(slots=True)
class _Progress:
    """The state of one request across its attempts."""

    settings: ModelSettings
    began: float
    attempts: Attempts = field(default_factory=Attempts)
    permit: Permit | None = None
    has_begun: bool = False

    def release(self) -> None:
        """Gives the permit back."""
        if self.permit is not None:
            self.permit.release()
        self.permit = None
