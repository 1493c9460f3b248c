"""One conversation on a booted process, through the SDK's client: configured, replayed, asked, and read to its end."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from enum import Enum, auto

from server.claude.cli.usage import windows_from_event
from server.claude.protocol.frames import Frame
from server.claude.protocol.request import assistant_frame, boundary_frame, late_fields, user_frame
from server.claude.protocol.response import Answer, Leash, tells_of_an_interrupt
from server.claude.protocol.tool_names import legal_name
from server.claude.protocol.tools import OpenCalls, live_results
from server.claude.sdk_types import ClaudeAgentOptions, ClaudeSDKClient, RateLimitEvent, ResultMessage, StreamEvent
from server.claude.sdk_types import Message as SdkMessage
from server.claude.worker.applied_settings import AppliedSettings
from server.claude.worker.process import Bounds, CliProcess
from server.claude.worker.transport import LateTransport
from server.conversation.events import Event, Finished
from server.conversation.models import ModelLimits
from server.conversation.parts import Message
from server.conversation.request import ModelSettings, Profile, Tool
from server.errors import EngineError, UnexpectedOutput, WorkerDied, WorkerSilent
from server.status import UsageWindow

logger = logging.getLogger(__name__)


class _At(Enum):
    """What the process is at, as far as what it was told and what was read of it say."""

    HISTORY = auto()  # it is told its profile or what stands before a question
    ANSWER = auto()  # the question was written, and its result has not been read
    CALLS = auto()  # its answer called tools, and it waits for their results
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
        applied: AppliedSettings | None = None,
        on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda _: None,
    ) -> None:
        self._process = process
        self._on_usage = on_usage
        self._applied = applied or AppliedSettings(process, bounds)
        self._bounds = bounds
        self._client: ClaudeSDKClient | None = None
        self._drain: asyncio.Task[None] | None = None
        self._messages: asyncio.Queue[SdkMessage | None] = asyncio.Queue()
        self._is_used = False
        self._at = _At.HISTORY
        self._tools: tuple[Tool, ...] = ()
        self._calls: tuple[str, ...] = ()
        self._open_calls = OpenCalls(process.post)

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
        """Tells the process whose conversation it has. Raises `UnexpectedOutput` or `WorkerDied`."""
        self._tools, self._process.on_request = profile.tools, self._open_calls.take
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
            raise UnexpectedOutput(f"Claude Code did not take the conversation's settings: {error}.") from error
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
                raise UnexpectedOutput("Claude Code did not take the conversation's settings in time.")
        finally:
            connecting.cancel()
            ended.cancel()
            await asyncio.gather(connecting, ended, return_exceptions=True)

    @property
    def is_at_rest(self) -> bool:
        """Whether the last answer's result was read, or its calls are open, and nothing is in doubt."""
        is_read = self._drain is not None and not self._drain.done()
        is_whole = self._at in {_At.REST, _At.CALLS}
        return is_whole and is_read and self._process.is_alive and not self._process.cut_short

    async def answer(
        self,
        settings: ModelSettings,
        messages: tuple[Message, ...],
        on_limits: Callable[[ModelLimits], None],
        *,
        held: int = 0,
    ) -> AsyncGenerator[Event, None]:
        """Asks the last message and gives the events of its answer; what stands before it is replayed first.

        `held` is how many messages the process holds from its last turn: all but the last one, or none. A process that
        holds something else forgets it first.
        """
        reading = Answer(names={legal_name(tool.name): tool.name for tool in self._tools})
        try:
            await self._ask(settings, messages, held=held)
            await self._applied.confirmed()
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

    async def _ask(self, settings: ModelSettings, messages: tuple[Message, ...], *, held: int) -> None:
        """Writes everything up to the question."""
        assert held in {0, len(messages) - 1}
        self._skip_unread()
        if self._at is _At.CALLS:
            if held and await self._go_on(settings, messages[-1]):
                return
            held = 0
            if not await self.interrupt():
                await self._process.kill()
                raise WorkerDied
        # Before the first word of it: who leaves from here on leaves something unread behind.
        self._at = _At.HISTORY
        before = self._applied.frames_for(settings, self._tools)
        if self._is_used and not held:
            # After the settings: a model that changes behind the boundary leaves words of the engine's in the turn.
            before.append(boundary_frame())
        self._is_used = True
        history = messages[held:-1]
        if history:
            await self._replay(before, history, self._applied.model_for(settings))
            before = []
        self._process.watch, self._at = Leash(self._names), _At.ANSWER
        # In one write, where there is no history: settings hold for what is written after them.
        await self._process.write(*before, user_frame(messages[-1], ask=True, is_marked=bool(history)))

    def _skip_unread(self) -> None:
        """What the process has said since the last answer belongs to nobody."""
        while not self._messages.empty() and self._process.is_alive:
            if isinstance(self._messages.get_nowait(), ResultMessage) and self._at is _At.CALLS:
                # It has given up its calls, as it does when the connection broke behind them.
                self._at = _At.REST

    async def _go_on(self, settings: ModelSettings, message: Message) -> bool:
        """Gives the open calls their results; False where only a replay brings them to Claude as they are."""
        results = live_results(message, self._calls)
        if results is None or not self._applied.may_turn(settings, self._tools):
            return False
        if not await self._open_calls.arrived(self._calls, timeout_s=self._bounds().control_s):
            return False
        self._at = _At.HISTORY
        before = self._applied.frames_for(settings, self._tools)
        if before:
            await self._process.write(*before)
            await self._applied.confirmed()
        if not self._open_calls.has(self._calls):
            # It has given them up just now; nobody knows what it is at.
            await self._process.kill()
            raise WorkerDied
        self._process.watch, self._at = Leash(self._names, results), _At.ANSWER
        await self._process.write(*self._open_calls.frames_for(results))
        return True

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(legal_name(tool.name) for tool in self._tools)

    def _events(self, reading: Answer, message: SdkMessage) -> list[Event]:
        try:
            return reading.add(message, last=self._process.cut_short)
        finally:
            if reading.is_done:
                self._at, self._calls = (_At.CALLS if reading.waits else _At.REST), reading.calls

    async def settle(self) -> bool:
        """Stops an answer in progress; whether the process is at rest then."""
        return self.is_at_rest or await self.interrupt()

    async def interrupt(self) -> bool:
        """Stops the answer in progress and reads up to its result; False when that did not come in time.

        Open calls are given up. Nothing but an answer can be stopped so: a replay that was broken off has results to
        come that look alike.
        """
        if self._at is _At.REST:
            return self.is_at_rest
        watch = self._process.watch
        if self._at not in {_At.ANSWER, _At.CALLS} or watch is None:
            return False
        self._open_calls.forget()
        # It says by itself that it was interrupted, which is no reason to kill it; a second request of its own is.
        self._process.watch = lambda frame: not tells_of_an_interrupt(frame) and watch(frame)
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

    async def _replay(self, before: list[Frame], history: tuple[Message, ...], model: str) -> None:
        """Writes `before` and the history. Each user turn is read back before the next: two at once lose one."""
        pending = before
        replay = Silence(self._bounds().replay_s)
        for message in history:
            if message.role == "assistant":
                pending.append(assistant_frame(message, model=model))
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
                    raise UnexpectedOutput("Claude Code did not take the conversation's history.")
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
