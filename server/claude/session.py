"""One conversation on a booted process, through the SDK's client: configured, replayed, asked, and read to its end."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from enum import Enum, auto

from server.claude.dials import Dials
from server.claude.process import Bounds, CliProcess, Frame
from server.claude.reply import Answer, Leash
from server.claude.request import assistant_frame, boundary_frame, late_fields, user_frame
from server.claude.sdk import ClaudeAgentOptions, ClaudeSDKClient, RateLimitEvent, ResultMessage, StreamEvent
from server.claude.sdk import Message as SdkMessage
from server.claude.transport import LateTransport
from server.claude.usage import windows_from_event
from server.dialogue import Event, Finished, Message, ModelLimits, Profile, Settings
from server.errors import EngineError, EngineSurprise, WorkerDied, WorkerSilent
from server.status import UsageWindow

logger = logging.getLogger(__name__)


class _At(Enum):
    """What the process is at, as far as what it was told and what was read of it say."""

    HISTORY = auto()  # it is told its profile or what stands before a question
    ANSWER = auto()  # the question was written, and its result has not been read
    REST = auto()  # the result of the last question was read
    DOUBT = auto()  # it said something that we do not understand


class Silence:
    """A silence that began now, and when it will have lasted too long."""

    def __init__(self, longest_s: float) -> None:
        self.longest_s = longest_s
        self.until = asyncio.get_running_loop().time() + longest_s


class Session:
    """The SDK's client over one process, with one task that always drains its messages."""

    def __init__(
        self,
        process: CliProcess,
        bounds: Callable[[], Bounds],
        dials: Dials | None = None,
        on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda _: None,
    ) -> None:
        self._process = process
        self._on_usage = on_usage
        self._dials = dials or Dials(process, bounds)
        self._bounds = bounds
        self._client: ClaudeSDKClient | None = None
        self._drain: asyncio.Task[None] | None = None
        self._messages: asyncio.Queue[SdkMessage | None] = asyncio.Queue()
        self._is_used = False
        self._at = _At.HISTORY

    async def close(self) -> None:
        """Ends the SDK's tasks, and the process with them. Bounded, never raises."""
        await self._process.kill()
        if self._drain is not None:
            self._drain.cancel()
            await asyncio.gather(self._drain, return_exceptions=True)
        if self._client is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bounds().control_s):
                    await self._client.disconnect()

    async def configure(self, profile: Profile) -> None:
        """Tells the process whose conversation it has. Raises `EngineSurprise` or `WorkerDied`."""
        self._client = ClaudeSDKClient(
            ClaudeAgentOptions(verbatim_prompts=True), transport=LateTransport(self._process, late=late_fields(profile))
        )
        try:
            await self._connect(self._client)
        except EngineError:
            raise
        # A door: the SDK raises plain exceptions here, and they end as ours.
        except Exception as error:
            if not self._process.is_alive:
                raise WorkerDied from error
            raise EngineSurprise(f"Claude Code did not take the conversation's settings: {error}.") from error
        self._process.on_piece = self._take_piece
        self._drain = asyncio.create_task(self._drain_messages(self._client))

    async def _connect(self, client: ClaudeSDKClient) -> None:
        """The SDK's `initialize`. It does not look up when the process ends, so that is waited for as well."""
        connecting = asyncio.ensure_future(client.connect())
        ended = asyncio.ensure_future(self._process.exited.wait())
        try:
            await asyncio.wait(
                {connecting, ended}, timeout=self._bounds().initialize_s, return_when=asyncio.FIRST_COMPLETED
            )
            if connecting.done():
                connecting.result()
            elif ended.done():
                raise WorkerDied
            else:
                raise EngineSurprise("Claude Code did not take the conversation's settings in time.")
        finally:
            connecting.cancel()
            ended.cancel()
            await asyncio.gather(connecting, ended, return_exceptions=True)

    @property
    def is_at_rest(self) -> bool:
        """Whether the last answer's result was read and nothing is in doubt: only then may a boundary follow."""
        is_read = self._drain is not None and not self._drain.done()
        return self._at is _At.REST and is_read and self._process.is_alive and not self._process.cut_short

    async def answer(
        self,
        settings: Settings,
        messages: tuple[Message, ...],
        on_limits: Callable[[ModelLimits], None],
        *,
        held: int = 0,
    ) -> AsyncGenerator[Event, None]:
        """Asks the last message and gives the events of its answer; what stands before it is replayed first.

        `held` is how many messages the process holds from its last turn: all but the last one, or none. A process that
        holds something else forgets it first.
        """
        reading = Answer()
        try:
            await self._ask(settings, messages, held=held)
            await self._dials.confirmed()
            silence = Silence(self._bounds().silence_s)
            while not reading.is_done:
                message = await self._next(silence)
                if message is None:
                    raise reading.end(cut_short=self._process.cut_short)
                if isinstance(message, StreamEvent):
                    # Status messages of the CLI's own are no sign of life upstream.
                    silence = Silence(self._bounds().silence_s)
                if isinstance(message, RateLimitEvent):
                    self._on_usage(windows_from_event(message.rate_limit_info.raw))
                for event in self._events(reading, message):
                    if isinstance(event, Finished):
                        for limits in reading.limits:
                            on_limits(limits)
                    yield event
        except WorkerSilent:
            # Upstream is silent; the process itself may well do as it is told.
            raise
        except EngineError:
            # Whatever it is at now, it is not to be trusted with another conversation.
            self._at = _At.DOUBT
            raise

    async def _ask(self, settings: Settings, messages: tuple[Message, ...], *, held: int) -> None:
        """Writes everything up to the question."""
        assert held in {0, len(messages) - 1}
        # Before the first word of it: who leaves from here on leaves something unread behind.
        self._at = _At.HISTORY
        while not self._messages.empty() and self._process.is_alive:
            # What the process has said since the last result belongs to nobody.
            self._messages.get_nowait()
        before = self._dials.frames_for(settings)
        if self._is_used and not held:
            # After the settings: a model that changes behind the boundary leaves words of the engine's in the turn.
            before.append(boundary_frame())
        self._is_used = True
        history = messages[held:-1]
        if history:
            await self._replay(before, history, settings.model)
            before = []
        self._process.watch, self._at = Leash(), _At.ANSWER
        # In one write, where there is no history: settings hold for what is written after them.
        await self._process.write(*before, user_frame(messages[-1], ask=True, is_marked=bool(history)))

    def _events(self, reading: Answer, message: SdkMessage) -> list[Event]:
        try:
            return reading.add(message, last=self._process.cut_short)
        finally:
            if reading.is_done:
                self._at = _At.REST

    async def interrupt(self) -> bool:
        """Stops the answer in progress and reads up to its result; False when that did not come in time.

        Nothing but an answer can be stopped so: a replay that was broken off has results to come that look alike.
        """
        if self.is_at_rest:
            return True
        watch = self._process.watch
        if self._at is not _At.ANSWER or watch is None:
            return False
        # It says by itself that it was interrupted, which is no reason to kill it; a second request of its own is.
        self._process.watch = lambda frame: frame.get("type") != "user" and watch(frame)
        try:
            await self._process.control("interrupt", timeout_s=self._bounds().interrupt_s)
            async with asyncio.timeout(self._bounds().interrupt_s):
                while (message := await self._messages.get()) is not None:
                    if isinstance(message, ResultMessage):
                        self._at = _At.REST
                        return True
        except (EngineError, TimeoutError):
            pass
        return False

    async def _replay(self, before: list[Frame], history: tuple[Message, ...], model: str | None) -> None:
        """Writes `before` and the history. Each user turn is read back before the next: two at once lose one."""
        pending = before
        replay = Silence(self._bounds().replay_s)
        for message in history:
            if message.role == "assistant":
                pending.append(assistant_frame(message, model=model or "claude"))
                continue
            await self._process.write(*pending, user_frame(message, ask=False))
            pending = []
            await self._result_of_replay(replay)
        if pending:
            await self._process.write(*pending)

    async def _result_of_replay(self, replay: Silence) -> None:
        while True:
            message = await self._next(replay)
            if message is None:
                raise WorkerDied
            if isinstance(message, ResultMessage):
                if message.is_error:
                    raise EngineSurprise("Claude Code did not take the conversation's history.")
                return

    async def _next(self, silence: Silence) -> SdkMessage | None:
        """The next message; None at the end of the process. Raises `WorkerSilent` when `silence` lasts too long."""
        try:
            async with asyncio.timeout_at(silence.until):
                return await self._messages.get()
        except TimeoutError as error:
            raise WorkerSilent(f"Claude sent nothing for {silence.longest_s:g} s.") from error

    def _take_piece(self, frame: Frame) -> bool:
        """Takes the pieces of an answer past the SDK, whose way costs more time than all the rest of a token's.

        The result, and whatever else it says, still comes by way of the SDK, and so never before a piece.
        """
        event = frame.get("event")
        if frame.get("type") != "stream_event" or not isinstance(event, dict):
            return False
        self._messages.put_nowait(StreamEvent(str(frame.get("uuid")), str(frame.get("session_id")), event))
        return True

    async def _drain_messages(self, client: ClaudeSDKClient) -> None:
        """Always reads: when nobody does, the SDK's reader stops and every control request times out."""
        try:
            async for message in client.receive_messages():
                self._messages.put_nowait(message)
        except Exception as error:  # noqa: BLE001 - the edge of this task: the SDK reports a death in many ways
            logger.info("worker %s: its messages ended: %s", self._process.pid, type(error).__name__)
        finally:
            self._messages.put_nowait(None)
