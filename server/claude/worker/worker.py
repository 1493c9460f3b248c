"""One worker: a Claude Code process that boots early, gets its first conversation later, and answers requests."""

import logging
import time
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from server.claude.cli.extra_usage import ExtraUsageReport
from server.claude.cli.models import cards_from_answer
from server.claude.worker.applied_settings import AppliedSettings
from server.claude.worker.process import Bounds, CliProcess
from server.claude.worker.warm_up import MODEL, WarmUp
from server.claude.worker.warm_ups import WarmUps
from server.conversation.events import Event
from server.conversation.models import ModelCard, ModelLimits
from server.conversation.parts import Message
from server.conversation.request import Launch, ModelSettings, Profile
from server.errors import CliFailed, EngineError, PromptTooLong, UnexpectedOutput
from server.machine.files.temp_folders import Scratch
from server.machine.processes.guards import Guard
from server.machine.processes.memory import memory_of
from server.status import UsageWindow

if TYPE_CHECKING:
    from server.claude.worker.session import Session

logger = logging.getLogger(__name__)

MOST_CONVERSATIONS = 200
MOST_GROWTH = 100_000_000


class Worker:
    """A worker from boot to kill.

    `launch` is called at the boot and `bounds` for each answer, so that new settings apply at once. `on_models` gets
    the account's models at each boot, `on_limits` a model's limits after each answer, `on_usage` and `on_extra_usage`
    the plan's usage when it changes, `on_session` the id that the process sends upstream. `likely` predicts the
    settings of the first request, which are then applied in advance. Without `warm_ups`, `warm_up` does nothing.
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
        on_extra_usage: Callable[[ExtraUsageReport | None], None] = lambda _: None,
        on_session: Callable[[str], None] = lambda _: None,
        likely: Callable[[], ModelSettings] | None = None,
        warm_ups: WarmUps | None = None,
    ) -> None:
        self._process = CliProcess(launch, scratch, guard)
        self._applied = AppliedSettings(self._process, bounds)
        self._session: Session | None = None
        self._conversations = 0
        self._first_bytes = 0
        self._bounds = bounds
        self._on_models = on_models
        self._on_limits = on_limits
        self._on_usage = on_usage
        self._on_extra_usage = on_extra_usage
        self._on_session = on_session
        self._likely = likely
        self._warm_ups = warm_ups
        self._warm_up: WarmUp | None = None
        self._is_closed = False
        self.sent_at = 0.0
        """When the process had its last question, on the monotonic clock."""

    @property
    def pid(self) -> int | None:
        """The process id; None before the boot."""
        return self._process.pid

    def __repr__(self) -> str:
        """With the process id, which identifies it in the log."""
        return f"<Worker {self.pid or 'not booted'}>"

    async def boot(self) -> None:
        """Spawns the process and awaits its first response, the model list. Raises `CliMissing` or `CliFailed`."""
        await self._process.spawn()
        try:
            answer = await self._process.control("list_models", timeout_s=self._bounds().boot_s)
            cards = cards_from_answer(answer)
            self._applied.set_cards(cards)
            if cards:
                self._on_models(cards)
            if self._likely is not None:
                await self._applied.preset(self._likely())
        except EngineError as error:
            # stderr goes to the log only: it may contain paths and names of this computer.
            stderr = f" Its last line on stderr: {self._process.last_stderr!r}" if self._process.last_stderr else ""
            logger.warning("worker %s did not boot: %s%s", self.pid, error.message, stderr)
            raise CliFailed("Claude Code was started and ended, or did not respond.") from error

    async def warm_up(self) -> bool:
        """Warms the unused process up, until a request has the worker. Returns whether it can still be used."""
        detour = None if self._warm_ups is None else await self._warm_ups.detour(self._process.environment)
        if self._warm_ups is None or detour is None or self._session is not None:
            return True
        self._warm_up = WarmUp(self._process, detour, self._bounds, self._applied.model_in_force)
        await self._warm_up.run()
        if not self._warm_up.is_good and not self._is_closed:
            self._warm_ups.give_up()
        return self._warm_up.is_good

    async def ask(
        self,
        profile: Profile,
        settings: ModelSettings,
        messages: tuple[Message, ...],
        *,
        held: int = 0,
        is_patient: bool = False,
    ) -> AsyncGenerator[Event, None]:
        """Sends the last message as the question and yields the answer up to `Finished`. Raises the error of a failure.

        `held` as in `Session.ask`. `profile` configures an unused worker; a used one must be live, or already have it.
        Closing the generator early leaves the answer running: call `settle` or `close` then.

        Until the first event the process must prove that it is alive: soon, or with more time if `is_patient`.
        """
        bounds = self._bounds()
        self._process.prove_alive(bounds.control_s if is_patient else bounds.alive_s, again_s=bounds.control_s)
        try:
            session = self._session or await self._configured(profile)
            # Near the end of the window Claude Code refuses a continued conversation by its own count, without a
            # request upstream. It is then replayed, so that Claude's API decides.
            for already_held in dict.fromkeys((held, 0)):
                self._conversations += not already_held
                try:
                    await session.ask(settings, messages, held=already_held, profile=profile)
                    self.sent_at = time.monotonic()
                    while events := await session.events():
                        self._process.stop_proving()
                        for event in events:
                            yield event
                except PromptTooLong:
                    if not already_held or not self.is_at_rest:
                        raise
                else:
                    return
        finally:
            self._process.stop_proving()

    async def reacts(self) -> bool:
        """Whether the idle process responds to a request of ours soon."""
        try:
            await self._process.control("list_models", timeout_s=self._bounds().alive_s)
        except EngineError:
            return False
        return True

    async def refuses_unknown_agents(self) -> bool:
        """Whether the process refuses a system prompt that it does not know, instead of keeping the one before."""
        try:
            await self._process.control("apply_flag_settings", settings={"agent": "none"})
        except UnexpectedOutput:
            return True
        return False

    async def _configured(self, profile: Profile) -> "Session":
        # Imported here: it takes half a second or more, during which the first process boots.
        from server.claude.worker.session import Session

        if self._warm_up is not None:
            await self._warm_up.end()
        self._session = Session(
            self._process,
            self._bounds,
            self._applied,
            on_usage=self._on_usage,
            on_extra_usage=self._on_extra_usage,
            on_limits=self._note_limits,
            on_session=self._on_session,
        )
        await self._session.configure(profile)
        self._first_bytes = memory_of(self._process.pid)
        return self._session

    def _note_limits(self, limits: ModelLimits) -> None:
        # Claude Code reports all models of the process, also that of the warm-up.
        if limits.model != MODEL:
            self._on_limits(limits)

    @property
    def is_at_rest(self) -> bool:
        """Whether the worker can take another request: its last result was read, or it waits for tool results."""
        return self._session is not None and self._session.is_at_rest

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive

    @property
    def needs_replacement(self) -> bool:
        """Whether the worker should be replaced: it has served many conversations, or its memory has grown too much."""
        growth = memory_of(self._process.pid) - self._first_bytes
        return self._conversations >= MOST_CONVERSATIONS or growth > MOST_GROWTH

    async def settle(self) -> bool:
        """Stops an answer that is not read any more. Returns whether the worker can take another request. Bounded."""
        return self._session is not None and await self._session.settle()

    async def wait_dead(self) -> None:
        """Returns when the process has ended."""
        await self._process.exited.wait()

    async def close(self) -> None:
        """Kills the process and removes its folders. Bounded, never raises."""
        self._is_closed = True
        await self._process.kill()
        if self._warm_up is not None:
            await self._warm_up.is_over()
        if self._session is not None:
            await self._session.close()
