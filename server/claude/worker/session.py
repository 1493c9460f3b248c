"""The conversations of one process: configures it, replays history, sends questions, and reads the answers' events."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from enum import Enum

from server.claude.cli.extra_usage import ExtraUsageReport, extra_usage_from_event
from server.claude.cli.usage import windows_from_event
from server.claude.protocol.frames import Frame
from server.claude.protocol.request import assistant_frame, late_fields, reset_frame, user_frame
from server.claude.protocol.response import ResponseReader
from server.claude.protocol.tool_keys import KeyNames, claudes_keys, clients_keys
from server.claude.protocol.tool_names import legal_name
from server.claude.protocol.tools import OpenCalls, live_results
from server.claude.sdk_types import ClaudeAgentOptions, ClaudeSDKClient
from server.claude.worker.applied_settings import AppliedSettings
from server.claude.worker.live_profile import LiveProfile
from server.claude.worker.process import Bounds, CliProcess
from server.claude.worker.transport import LateTransport
from server.conversation.events import Event, Failed, Finished
from server.conversation.models import ModelLimits
from server.conversation.parts import Message
from server.conversation.request import ModelSettings, Profile
from server.errors import EngineError, UnexpectedOutput, WorkerDied, WorkerSilent
from server.offload import offload
from server.status import UsageWindow

logger = logging.getLogger(__name__)


class SessionState(Enum):
    """What the process is doing; `server.claude.worker` draws the transitions."""

    WRITING = "writing"
    ANSWERING = "answering"
    CALLS = "calls"
    REST = "rest"
    UNKNOWN = "unknown"
    ENDED = "ended"


class Session:
    """One configured process. `on_usage` and `on_limits` get what Claude Code reports beside an answer."""

    def __init__(
        self,
        process: CliProcess,
        bounds: Callable[[], Bounds],
        applied: AppliedSettings | None = None,
        *,
        on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda _: None,
        on_extra_usage: Callable[[ExtraUsageReport | None], None] = lambda _: None,
        on_limits: Callable[[ModelLimits], None] = lambda _: None,
        on_session: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._process = process
        self._bounds = bounds
        self._applied = applied or AppliedSettings(process, bounds)
        self._on_usage = on_usage
        self._on_extra_usage = on_extra_usage
        self._on_limits = on_limits
        self._on_session = on_session
        self._state = SessionState.WRITING
        self._client: ClaudeSDKClient | None = None
        self._is_used = False
        self._profile = Profile()
        self._names: dict[str, str] = {}
        self._claudes_keys: KeyNames = {}
        self._clients_keys: KeyNames = {}
        self._open_calls = OpenCalls(process.post)
        self._live = None if process.plugin is None else LiveProfile(process, self._open_calls, bounds)
        self._reader: ResponseReader | None = None
        self._events: list[Event] = []
        self._results: deque[Frame] = deque()
        self._last_frame_at = 0.0
        self._resets_at: float | None = None
        self._spent_usd = 0.0
        self._model: str | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether the process can take another request: its last result was read, or it waits for tool results."""
        return self._state in {SessionState.REST, SessionState.CALLS} and self._process.is_alive

    def _awaits_result(self) -> bool:
        """Whether the result of the last question is yet to come."""
        return self._state in {SessionState.ANSWERING, SessionState.CALLS}

    async def configure(self, profile: Profile) -> None:
        """Sends system prompt and tools. Raises `UnexpectedOutput` or `WorkerDied`."""
        self._set_profile(profile)
        late = late_fields(profile) if self._live is None else self._live.initial_fields(profile)
        self._process.on_request, self._process.on_frame = self._open_calls.take, self._read
        self._client = ClaudeSDKClient(
            ClaudeAgentOptions(verbatim_prompts=True), transport=LateTransport(self._process, late=late)
        )
        try:
            await self._connect(self._client)
        except EngineError:
            raise
        except Exception as error:
            # The SDK raises plain exceptions here.
            if not self._process.is_alive:
                raise WorkerDied from error
            raise UnexpectedOutput(f"Claude Code refused the conversation's profile: {error}.") from error

    async def _connect(self, client: ClaudeSDKClient) -> None:
        """Lets the SDK send `initialize`. The SDK does not notice the end of the process, so that is awaited too."""
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
                raise UnexpectedOutput("Claude Code did not accept the conversation's profile in time.")
        finally:
            connecting.cancel()
            ended.cancel()
            await asyncio.gather(connecting, ended, return_exceptions=True)

    def _set_profile(self, profile: Profile) -> None:
        self._profile = profile
        self._names = {legal_name(tool.name): tool.name for tool in profile.tools}
        self._claudes_keys, self._clients_keys = claudes_keys(profile.tools), clients_keys(profile.tools)

    async def ask(
        self, settings: ModelSettings, messages: tuple[Message, ...], *, held: int = 0, profile: Profile | None = None
    ) -> None:
        """Sends the last message as the question, after a replay of the messages before it.

        `held` is how many of them the process holds from its last answer: all but the last, or none. In the second
        case the process is reset first if it holds another conversation. `profile`: another one than before, which
        only a live process can take.
        """
        assert held in {0, len(messages) - 1}
        profile, self._model = profile or self._profile, settings.model
        is_other = profile != self._profile
        if is_other and (self._live is None or profile.owner != self._profile.owner):
            raise UnexpectedOutput("This process has another system prompt, other tools or another owner.")
        try:
            if is_other or not (held and await self._answer_calls(settings, messages[-1])):
                held = 0 if is_other or self._holds_calls else held
                await self._ask(profile, settings, messages, held=held)
            await self._applied.confirmed()
        except WorkerSilent:
            raise
        except EngineError:
            self._distrust()
            raise
        self._last_frame_at = _now()

    async def _ask(
        self, profile: Profile, settings: ModelSettings, messages: tuple[Message, ...], *, held: int
    ) -> None:
        if self._state is SessionState.CALLS and not await self.interrupt():
            await self._process.kill()
            raise WorkerDied
        # Set before the first write: a request cancelled from here on leaves unread output in the process.
        self._begin_writing()
        if self._live is not None:
            self._set_profile(profile)
            self._applied.agent = await self._live.agent_with(profile)
        before = await self._applied.frames_for(settings, profile.tools)
        if before and self._live is not None and self._applied.agent not in self._live.confirmed:
            # A process that refuses an agent keeps the one before, so the question must not be written yet.
            await self._process.write(*before)
            await self._applied.confirmed()
            self._live.confirmed.add(self._applied.agent)
            before = []
        if self._is_used and not held:
            # After the settings: a model change after a reset adds text of Claude Code's own to the next prompt.
            before.append(reset_frame())
        self._is_used = True
        history = messages[held:-1]
        if history:
            await self._replay(before, history, self._applied.model_for(settings))
            before = []
        self._reader, self._state = self._reader_for(), SessionState.ANSWERING
        # In one write if there is no history: settings apply to what is written after them.
        await self._process.write(*before, user_frame(messages[-1], ask=True, is_marked=bool(history)))

    async def _answer_calls(self, settings: ModelSettings, message: Message) -> bool:
        """Passes the results to the open calls. False if only a replay delivers them to Claude unchanged."""
        if self._state is not SessionState.CALLS or self._reader is None:
            return False
        calls = self._reader.calls
        results = live_results(message, calls)
        if results is None or not await self._applied.may_change_within_turn(settings, self._profile.tools):
            return False
        if not await self._open_calls.arrived(calls, timeout_s=self._bounds().control_s):
            return False
        before = await self._applied.frames_for(settings, self._profile.tools)
        if before:
            await self._process.write(*before)
            await self._applied.confirmed()
        if not self._open_calls.has(calls):
            # Claude Code has just given up the calls, as it does when its connection breaks; its state is unknown.
            await self._process.kill()
            raise WorkerDied
        self._begin_writing()
        self._reader, self._state = self._reader_for(results), SessionState.ANSWERING
        await self._process.write(*self._open_calls.frames_for(results))
        return True

    def _reader_for(self, results: Collection[str] = ()) -> ResponseReader:
        return ResponseReader(
            self._names, results, keys=self._clients_keys, resets_at=self._resets_at, spent_usd=self._spent_usd
        )

    @property
    def _holds_calls(self) -> bool:
        """Whether the last answer ended with calls, which its process may have given up since."""
        return self._reader is not None and self._reader.awaits_results

    def _begin_writing(self) -> None:
        self._reader, self._state = None, SessionState.WRITING
        self._events, self._results = [], deque()

    async def _replay(self, before: list[Frame], history: tuple[Message, ...], model: str) -> None:
        """Writes `before` and the history. Awaits each user message's result: two in one write lose a result."""
        pending = before
        longest_s = self._bounds().replay_s
        for message, frame in await offload(self._frames_of, history, model):
            pending.append(frame)
            if message.role == "assistant":
                continue
            await self._process.write(*pending)
            pending = []
            deadline = _now() + longest_s
            while not self._results:
                await self._next_frame(deadline, longest_s)
            if self._results.popleft().get("is_error"):
                raise UnexpectedOutput("Claude Code refused the conversation's history.")
        if pending:
            await self._process.write(*pending)

    def _frames_of(self, history: tuple[Message, ...], model: str) -> list[tuple[Message, Frame]]:
        return [
            (
                message,
                assistant_frame(message, model=model, keys=self._claudes_keys)
                if message.role == "assistant"
                else user_frame(message, ask=False),
            )
            for message in history
        ]

    async def events(self) -> list[Event]:
        """The next events of the answer; empty after the last one.

        Raises the error of an answer that failed, and `WorkerSilent`. An answer that is not read to its end runs on
        in the process until `settle`.
        """
        while not self._events:
            if self._reader is None or self._reader.is_over:
                return []
            longest_s = self._bounds().silence_s
            await self._next_frame(self._last_frame_at + longest_s, longest_s)
        events, self._events = self._events, []
        last = events[-1]
        if isinstance(last, Failed):
            if len(events) == 1:
                raise last.error
            self._events = [events.pop()]
        elif isinstance(last, Finished) and self._reader is not None:
            for limits in self._reader.limits:
                self._on_limits(limits)
        return events

    async def settle(self) -> bool:
        """Stops an answer in progress. Returns whether the process can take another request."""
        return self.is_at_rest or await self.interrupt()

    async def interrupt(self) -> bool:
        """Stops the answer, gives up calls and reads up to the result; False if that does not come in time."""
        if not self._awaits_result() or self._reader is None:
            return self.is_at_rest
        self._open_calls.forget()
        self._reader.interrupt()
        longest_s = self._bounds().interrupt_s
        try:
            await self._process.control("interrupt", timeout_s=longest_s)
            deadline = _now() + longest_s
            while self._awaits_result():
                await self._next_frame(deadline, longest_s)
        except EngineError:
            return False
        return self.is_at_rest

    async def close(self) -> None:
        """Ends the process and the SDK's tasks. Bounded, never raises."""
        await self._process.kill()
        self._stop_timer()
        if self._client is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._bounds().control_s):
                    await self._client.disconnect()

    def _read(self, frame: Frame | None) -> bool:
        """Reads a frame when it arrives (None: the process has ended); True if the process must be killed."""
        kill = False
        if frame is None:
            self._has_ended()
        else:
            kind = frame.get("type")
            if kind == "stream_event":
                # Only these frames show that Claude's API responds: Claude Code sends status frames by itself.
                self._last_frame_at = _now()
            elif kind == "system" and isinstance(session := frame.get("session_id"), str):
                # Among these is the first frame of each answer, which comes before its request is sent.
                self._on_session(session)
            elif kind == "rate_limit_event" and isinstance(info := frame.get("rate_limit_info"), dict):
                # Claude Code does not repeat the event: the next refusal comes without one.
                is_refused = info.get("status") == "rejected" and info.get("isUsingOverage") is not True
                self._resets_at = info.get("resetsAt") if is_refused else None
                self._on_usage(windows_from_event(info))
                self._on_extra_usage(extra_usage_from_event(info, self._model))
            if self._reader is not None:
                events, kill = self._reader.feed(frame)
                if events or kill or kind == "result":
                    self._events.extend(events)
                    self._advance(kind, events[-1] if events else None, kill=kill)
            elif kind == "result":
                self._results.append(frame)
            if kind == "result" and isinstance(total_usd := frame.get("total_cost_usd"), int | float):
                self._spent_usd = total_usd
        self._wake()
        return kill

    def _advance(self, kind: object, last: Event | None, *, kill: bool) -> None:
        """The next state after a frame of an answer."""
        if kill:
            self._state = SessionState.ENDED
        elif isinstance(last, Failed) and isinstance(last.error, EngineError):
            self._distrust()
        elif self._awaits_result():
            if kind == "result":
                self._state = SessionState.REST
            elif isinstance(last, Finished):
                self._state = SessionState.CALLS

    def _has_ended(self) -> None:
        if self._reader is not None and not self._reader.is_over:
            self._events.append(Failed(self._reader.end(is_killed=self._state is SessionState.ENDED)))
            self._reader.is_over = True
        self._state = SessionState.ENDED

    def _distrust(self) -> None:
        if self._state is not SessionState.ENDED:
            self._state = SessionState.UNKNOWN

    async def _next_frame(self, deadline: float, longest_s: float) -> None:
        """Returns when something has been read. Raises `WorkerSilent` at the deadline, `WorkerDied` at the end."""
        if self._state is SessionState.ENDED:
            raise WorkerDied
        loop = asyncio.get_running_loop()
        if loop.time() >= deadline:
            raise WorkerSilent(f"Claude sent nothing for {longest_s:g} s.")
        # The timer of an earlier wait is kept: setting one for each token would cost more than reading the token.
        if self._timer is None or not loop.time() < self._timer.when() <= deadline:
            self._stop_timer()
            self._timer = loop.call_at(deadline, self._wake)
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _now() -> float:
    return asyncio.get_running_loop().time()
