"""One worker: a Claude Code process that boots early, is told late whose conversation it has, and answers it."""

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING

from server.claude.cli.models import cards_from_answer
from server.claude.worker.applied_settings import AppliedSettings
from server.claude.worker.process import Bounds, CliProcess
from server.conversation.events import Event
from server.conversation.models import ModelCard, ModelLimits
from server.conversation.parts import Message
from server.conversation.request import Launch, ModelSettings, Profile
from server.errors import CliFailed, EngineError, PromptTooLong
from server.machine.guards import Guard
from server.machine.memory import memory_of
from server.machine.temp_folders import Scratch
from server.status import UsageWindow

if TYPE_CHECKING:
    from server.claude.worker.session import Session

logger = logging.getLogger(__name__)

MOST_CONVERSATIONS = 200
MOST_GROWTH = 100_000_000


class Worker:
    """A worker from boot to kill. `launch` is asked at its boot, `bounds` for each answer: new settings hold at once.

    `on_models` hears of the account's models at each boot, `on_limits` of a model's size after each answer,
    `on_usage` of a plan's windows when they change. `likely`
    tells the settings of the first question ahead of it, as far as anybody can.
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
        on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda _: None,
        likely: Callable[[], ModelSettings] | None = None,
    ) -> None:
        self._process = CliProcess(launch, scratch, guard)
        self._applied = AppliedSettings(self._process, bounds)
        self._session: Session | None = None
        self._conversations = 0
        self._born_bytes = 0
        self._bounds = bounds
        self._on_models = on_models
        self._on_limits = on_limits
        self._on_usage = on_usage
        self._likely = likely

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
            cards = cards_from_answer(answer)
            self._applied.know(cards)
            if cards:
                self._on_models(cards)
            if self._likely is not None:
                await self._applied.preset(self._likely())
        except EngineError as error:
            # Its own last words go to the log and not to a caller: they may hold paths and names of this computer.
            said = f" Its last words: {self._process.complaint!r}" if self._process.complaint else ""
            logger.warning("worker %s did not boot: %s%s", self.pid, error.message, said)
            raise CliFailed("Claude Code was started and ended, or did not answer.") from error

    async def ask(
        self, profile: Profile, settings: ModelSettings, messages: tuple[Message, ...], *, held: int = 0
    ) -> AsyncGenerator[Event, None]:
        """Tells a fresh worker its profile, replays the history, asks, and gives the answer's events up to `Finished`.

        `held` is how many of the messages the worker holds from its last answer: all but the last, or none; what else
        it holds is forgotten first. A worker that has answered before keeps its profile.
        Raises the typed error of whatever goes wrong. Closing the generator early leaves the process in the middle of
        its answer: close the worker then, which stops the request upstream too.
        """
        # Imported here: it takes half a second or more, and the first process boots meanwhile.
        from server.claude.worker.session import Session

        if self._session is None:
            self._session = Session(self._process, self._bounds, self._applied, self._on_usage)
            await self._session.configure(profile)
            self._born_bytes = memory_of(self._process.pid)
        # Near the end of the window Claude Code refuses a continued conversation by its own count: it is then replayed,
        # so that Claude's API decides.
        for already_held in dict.fromkeys((held, 0)):
            self._conversations += not already_held
            answer = self._session.answer(settings, messages, self._on_limits, held=already_held)
            try:
                async with aclosing(answer) as events:
                    async for event in events:
                        yield event
            except PromptTooLong:
                if not already_held or not self.is_at_rest:
                    raise
            else:
                return

    @property
    def is_at_rest(self) -> bool:
        """Whether it may go on to another turn or conversation: its last result was read, and nothing is in doubt.

        Or it called tools of the client's and waits for their results.
        """
        return self._session is not None and self._session.is_at_rest

    @property
    def is_alive(self) -> bool:
        """Whether its process runs."""
        return self._process.is_alive

    @property
    def is_worn(self) -> bool:
        """Whether it has served long enough: by the number of conversations, or by the memory it does not give back."""
        grown = memory_of(self._process.pid) - self._born_bytes
        return self._conversations >= MOST_CONVERSATIONS or grown > MOST_GROWTH

    async def settle(self) -> bool:
        """Stops an answer that nobody listens to; whether the worker is at rest then. Bounded."""
        return self._session is not None and await self._session.settle()

    async def wait_dead(self) -> None:
        """Returns when the process has ended, by itself or not."""
        await self._process.exited.wait()

    async def close(self) -> None:
        """Kills the process at once and removes its folders. Bounded, never raises."""
        await self._process.kill()
        if self._session is not None:
            await self._session.close()
