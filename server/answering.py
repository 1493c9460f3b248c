"""Any dialect's turn, answered: which model is meant, a worker from the pool, one retry, the events of the answer."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace

from server.claude.client import Worker
from server.claude.models import DEFAULT, known_name
from server.config import Config
from server.conversation import conversation_key
from server.dialogue import (
    Event,
    Failed,
    Finished,
    Message,
    ModelCard,
    PartDelta,
    PartStarted,
    Settings,
    Started,
    Text,
    Timings,
    ToolCall,
    Turn,
)
from server.errors import DrawbridgeError, ModelUnknown, PromptTooLong, WorkerDied
from server.pool.lease import Lease
from server.pool.pool import Pool

logger = logging.getLogger(__name__)


class Answering:
    """Answers turns with the workers of a pool. Settings and models are asked anew for each turn."""

    def __init__(
        self,
        *,
        pool: Pool[Worker],
        config: Callable[[], Config],
        cards: Callable[[], tuple[ModelCard, ...]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._pool = pool
        self._config = config
        self._cards = cards
        self._clock = clock
        self._last: Settings | None = None

    @property
    def likely(self) -> Settings:
        """The settings that the next request will probably have: those of the last one."""
        return self._last or Settings(model=self.model_for(""))

    async def stream(self, turn: Turn) -> AsyncGenerator[Event, None]:
        """The events of one answer. Raises what went wrong before the first one; after it, `Failed` is the last.

        Closing the generator stops everything, the request upstream too, and frees the worker's place.
        """
        came = self._clock()
        settings = self._last = replace(turn.settings, model=self.model_for(turn.model))
        begun = False
        try:
            async with aclosing(self._with_retry(turn, settings, came)) as events:
                async for event in events:
                    begun = True
                    yield event
        except DrawbridgeError as error:
            logger.info("no answer: %s: %s", type(error).__name__, error.title)
            if not begun:
                raise
            yield Failed(error)

    def model_for(self, asked: str) -> str | None:
        """What Claude Code is asked for when a client asks for `asked`; None is Claude Code's own default.

        A name that is not Claude's (`gpt-4o-mini`) means the default model, unless strict names are set: then
        it raises `ModelUnknown`.
        """
        config, cards = self._config(), self._cards()
        name = known_name(asked, cards) if asked.strip() else None
        if name is None:
            if asked.strip() and config.strict_models:
                raise ModelUnknown(
                    f"There is no model {asked!r} here.", param="model", hint="GET /v1/models lists the ones there are."
                )
            name = known_name(config.model, cards) or config.model
        return None if name == DEFAULT else name

    async def _with_retry(self, turn: Turn, settings: Settings, came: float) -> AsyncGenerator[Event, None]:
        """The answer of one worker; of a second one, when the first died before it had said anything."""
        for is_retry in (False, True):
            begun = False
            try:
                async with aclosing(self._once(turn, settings, came, is_retry=is_retry)) as events:
                    async for event in events:
                        begun = True
                        yield event
            except WorkerDied:
                if begun or is_retry:
                    raise
                logger.warning("a worker died before it answered; the request is tried once more")
            else:
                return

    async def _once(
        self, turn: Turn, settings: Settings, came: float, *, is_retry: bool
    ) -> AsyncGenerator[Event, None]:
        history = turn.messages[:-1]
        past = conversation_key(history, model=settings.model) if history else None
        async with self._pool.lease(turn.profile, past=past, first_in_line=is_retry) as lease:
            leased_ms, first_ms = self._since(came), 0.0
            spoken = Spoken()
            held = len(history) if lease.way == "continued" else 0
            try:
                async with aclosing(_asked(lease.worker, turn, settings, held=held)) as events:
                    async for event in events:
                        spoken.add(event)
                        if isinstance(event, Started):
                            lease.first_token()
                            first_ms = self._since(came)
                            yield replace(event, way=lease.way)
                        elif isinstance(event, Finished):
                            self._park(lease, turn, settings, spoken)
                            timings = Timings(leased_ms, first_ms, self._since(came))
                            _log(event, lease.way, timings)
                            yield replace(event, timings=timings)
                        else:
                            yield event
            finally:
                # Who left early left the worker in the middle of its answer. Shielded, and bounded by the worker.
                await asyncio.shield(self._settle(lease))

    def _park(self, lease: Lease[Worker], turn: Turn, settings: Settings, spoken: "Spoken") -> None:
        """Keeps the worker with the conversation that it holds now."""
        if lease.worker.is_at_rest:
            messages = (*turn.messages, spoken.message)
            lease.keep(conversation_key(messages, model=settings.model))

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


async def _asked(worker: Worker, turn: Turn, settings: Settings, *, held: int) -> AsyncGenerator[Event, None]:
    """The worker's events. A conversation that goes on near the end of the window is replayed before it is refused.

    Claude Code then refuses by itself, by its own count; whether it really is too long is for Claude's API to say.
    """
    try:
        async with aclosing(worker.ask(turn.profile, settings, turn.messages, held=held)) as events:
            async for event in events:
                yield event
    except PromptTooLong:
        if not held or not worker.is_at_rest:
            raise
    else:
        return
    async with aclosing(worker.ask(turn.profile, settings, turn.messages)) as events:
        async for event in events:
            yield event


class Spoken:
    """Claude's turn as the client will send it back: its words and its calls."""

    def __init__(self) -> None:
        self._parts: dict[int, Text | ToolCall] = {}
        self._texts: dict[int, list[str]] = {}

    def add(self, event: Event) -> None:
        """Takes in the next event."""
        if isinstance(event, PartStarted) and isinstance(event.part, Text | ToolCall):
            self._parts[event.index], self._texts[event.index] = event.part, []
        elif isinstance(event, PartDelta) and event.index in self._texts:
            self._texts[event.index].append(event.text)

    @property
    def message(self) -> Message:
        """The turn."""
        parts: list[Text | ToolCall] = []
        for index, part in sorted(self._parts.items()):
            text = "".join(self._texts[index])
            parts.append(replace(part, text=text) if isinstance(part, Text) else replace(part, arguments=text))
        return Message("assistant", tuple(parts))


def _log(finished: Finished, way: str, timings: Timings) -> None:
    logger.info(
        "answered: way %s, %s, %d tokens in, %d out; worker at %.0f ms, first event %.0f, end %.0f",
        *(way, finished.reason.value, finished.usage.prompt, finished.usage.output),
        *(timings.leased_ms, timings.first_ms, timings.total_ms),
    )
