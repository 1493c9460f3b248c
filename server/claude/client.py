"""One worker: a Claude Code process that boots early, is told late whose conversation it has, and answers it."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from server.claude.models import cards_from_answer
from server.claude.process import Bounds, CliProcess
from server.dialogue import Event, Launch, Message, ModelCard, ModelLimits, Profile, Settings
from server.errors import CliFailed, EngineError
from server.machine.processes import Guard
from server.machine.scratch import Scratch

if TYPE_CHECKING:
    from server.claude.session import Session

logger = logging.getLogger(__name__)


class Worker:
    """A worker from boot to kill. `launch` is asked at its boot, `bounds` for each answer: new settings hold at once.

    `on_models` hears of the account's models at each boot, `on_limits` of a model's size after each answer.
    """

    def __init__(
        self,
        launch: Callable[[], Launch],
        *,
        scratch: Scratch,
        guard: Guard,
        bounds: Callable[[], Bounds],
        on_models: Callable[[tuple[ModelCard, ...]], None] = lambda _: None,
        on_limits: Callable[[ModelLimits], None] = lambda _: None,
    ) -> None:
        self._process = CliProcess(launch, scratch, guard)
        self._session: Session | None = None
        self._bounds = bounds
        self._on_models = on_models
        self._on_limits = on_limits

    @property
    def pid(self) -> int | None:
        """The process id; None before the boot."""
        return self._process.pid

    def __repr__(self) -> str:
        """Its process id is its name in the log."""
        return f"<Worker {self.pid or 'not booted'}>"

    async def boot(self) -> None:
        """Spawns the process and waits until it answers. Raises `CliMissing` or `CliFailed`.

        The question that shows that it is up is the model list, which is wanted anyway.
        """
        await self._process.spawn()
        try:
            answer = await self._process.control("list_models", timeout_s=self._bounds().boot_s)
        except EngineError as error:
            # Its own last words go to the log and not to a caller: they may hold paths and names of this computer.
            logger.warning("worker %s did not boot: %s %s", self.pid, error.message, self._process.complaint)
            raise CliFailed("Claude Code was started and ended, or did not answer.") from error
        cards = cards_from_answer(answer)
        if cards:
            self._on_models(cards)

    async def ask(
        self, profile: Profile, settings: Settings, messages: tuple[Message, ...]
    ) -> AsyncGenerator[Event, None]:
        """Configures the fresh worker, replays the history, asks, and gives the answer's events up to `Finished`.

        Raises the typed error of whatever goes wrong. Closing the generator early leaves the process in the middle of
        its answer: close the worker then, which stops the request upstream too.
        """
        # Imported here: it takes half a second or more, and the first process boots meanwhile.
        from server.claude.session import Session

        assert self._session is None, "a worker has one conversation"
        self._session = Session(self._process, self._bounds())
        await self._session.configure(profile)
        async with aclosing(self._session.answer(settings, messages, self._on_limits)) as events:
            async for event in events:
                yield event

    async def wait_dead(self) -> None:
        """Returns when the process has ended, by itself or not."""
        await self._process.exited.wait()

    async def close(self) -> None:
        """Kills the process at once and removes its folders. Bounded, never raises."""
        await self._process.kill()
        if self._session is not None:
            await self._session.close()
