"""One Claude Code process that works in a project's folder, for one conversation, from its start to its end."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass

from server.agents.running.reader import AgentReader
from server.claude.cli.extra_usage import ExtraUsageReport, extra_usage_from_event
from server.claude.cli.usage import windows_from_event
from server.claude.protocol.frames import Frame
from server.claude.protocol.request import assistant_frame, settings_body, user_frame
from server.claude.worker.applied_settings import APPLY
from server.claude.worker.process import Bounds, CliProcess
from server.conversation.events import Event, Failed, Finished
from server.conversation.parts import Message
from server.conversation.request import ModelSettings
from server.errors import CliFailed, DrawbridgeError, EngineError, UnexpectedOutput, WorkerDied, WorkerSilent
from server.machine.processes.descendants import Process, descendants_of, end_all, terminate
from server.offload import offload
from server.status import UsageWindow

logger = logging.getLogger(__name__)

_HOOK = "drawbridge"
# The hook's answer may need a moment on a busy computer; without one Claude Code continues by itself.
_HOOK_TIMEOUT_S = 60
_SIGTERM_S = 3.0


class ConversationLost(EngineError):
    """Claude Code does not have the kept conversation any more; it is replayed instead."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Callbacks for what Claude Code reports beside an answer."""

    on_usage: Callable[[tuple[UsageWindow, ...]], None] = lambda _: None
    on_extra_usage: Callable[[ExtraUsageReport | None], None] = lambda _: None
    on_session: Callable[[str], None] = lambda _: None


class AgentProcess:
    """A process from its spawn to its end. `ask` and `go_on` give one answer each, and the next needs the end of it.

    `process` is new, or was spawned and nothing was written to it. `on_request` gets Claude Code's control requests:
    hooks, questions and their withdrawal. `waiting` returns the ids of the client's calls for which Claude Code waits;
    call `look` when there is another one.
    """

    def __init__(
        self,
        process: CliProcess,
        *,
        bounds: Callable[[], Bounds],
        on_request: Callable[[Frame], bool],
        waiting: Callable[[], frozenset[str]] = frozenset,
        reports: Reports,
    ) -> None:
        self._process = process
        self._process.on_frame, self._process.on_request = self._read, on_request
        self._bounds = bounds
        self._waiting = waiting
        self._reports = reports
        self._model: str | None = None
        self._events: asyncio.Queue[Sequence[Event]] = asyncio.Queue()
        self._results: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._reader: AgentReader | None = None
        self._is_answering = False
        self._end_task: asyncio.Task[None] | None = None
        self.failure: DrawbridgeError | None = None
        """Why the answer was ended by us, if it was."""
        self.spent_usd = 0.0
        """What the process has cost so far."""

    @property
    def pid(self) -> int | None:
        """The process id; None before the spawn."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process runs."""
        return self._process.is_alive

    @property
    def is_at_rest(self) -> bool:
        """Whether it can take another question."""
        return self._process.is_alive and not self._is_answering

    @property
    def ended(self) -> asyncio.Event:
        """Set when the process has ended."""
        return self._process.exited

    def post(self, frame: Frame) -> None:
        """Writes a small frame, such as the answer to a request of Claude Code."""
        self._process.post(frame)

    async def start(self, system: str, servers: Sequence[str] = ()) -> None:
        """Spawns it, if it does not run yet, and initializes it.

        `system`: the client's text, which follows Claude Code's own prompt for agents. `servers`: names of MCP servers
        that `on_request` answers. Raises `CliMissing` or `CliFailed`.
        """
        if not self._process.is_alive:
            await self._process.spawn()
        prompt = {"appendSystemPrompt": system} if system else {}
        hooks = {"PreToolUse": [{"matcher": "*", "hookCallbackIds": [_HOOK], "timeout": _HOOK_TIMEOUT_S}]}
        try:
            await self._process.control(
                "initialize", timeout_s=self._bounds().boot_s, hooks=hooks, sdkMcpServers=list(servers), **prompt
            )
        except EngineError as error:
            stderr = self._process.last_stderr
            logger.warning("agent %s did not start: %s %r", self.pid, error.message, stderr)
            if "No conversation found" in stderr or "already in use" in stderr:
                raise ConversationLost from error
            raise CliFailed("Claude Code was started for an agent and ended, or did not respond.") from error

    async def set_up(self, settings: ModelSettings, model: str, extra: Mapping[str, object]) -> None:
        """Applies the request's settings, and `extra` fields for the requests to Claude."""
        self._model = settings.model
        body = await offload(settings_body, settings, (), model=model, extra=extra)
        await self._process.control(APPLY, timeout_s=self._bounds().control_s, settings=body)

    async def ask(
        self, model: str, history: Sequence[Message], question: Message, reader: AgentReader
    ) -> AsyncGenerator[Event, None]:
        """Sends `history` as past turns and then the question; yields the answer up to `Finished` or `Failed`.

        Raises the error of an answer that failed before it began. Closing the generator early leaves the answer
        running: call `end` then.
        """
        for message in history:
            if message.role == "assistant":
                await self._process.write(assistant_frame(message, model=model))
            else:
                await self._process.write(user_frame(message, ask=False))
                if (await self._result(self._bounds().replay_s)).get("is_error"):
                    raise UnexpectedOutput("Claude Code refused the conversation's history.")
        self._begin(reader)
        await self._process.write(user_frame(question, ask=True, is_marked=bool(history)))
        async for event in self._events_of(reader):
            yield event

    async def go_on(self, frames: Sequence[Frame], reader: AgentReader) -> AsyncGenerator[Event, None]:
        """Writes the results for which Claude Code waits; yields the rest of the answer as `ask` does."""
        self._begin(reader)
        await self._process.write(*frames)
        async for event in self._events_of(reader):
            yield event

    def _begin(self, reader: AgentReader) -> None:
        if self._reader is not None:
            # Calls that Claude Code carries out after the client's results, which it waited for.
            reader.open_calls |= self._reader.open_calls
        self._reader, self._events, self._is_answering = reader, asyncio.Queue(), True
        if self.failure is not None:
            self._events.put_nowait(reader.fail(self.failure))

    async def _events_of(self, reader: AgentReader) -> AsyncGenerator[Event, None]:
        is_first = True
        while True:
            for event in await self._next(reader):
                if is_first and isinstance(event, Failed):
                    raise event.error
                is_first = False
                yield event
                if isinstance(event, Finished | Failed):
                    return

    async def _next(self, reader: AgentReader) -> Sequence[Event]:
        """The events of the next frame. While a tool runs or a question is open, Claude Code may stay silent."""
        longest_s = None if reader.open_calls else self._bounds().silence_s
        try:
            async with asyncio.timeout(longest_s):
                return await self._events.get()
        except TimeoutError:
            # A call may have begun meanwhile: its start is a frame, so the wait has begun before it.
            return reader.fail(WorkerSilent(f"Claude sent nothing for {longest_s:g} s."))

    async def _result(self, longest_s: float) -> Frame:
        try:
            async with asyncio.timeout(longest_s):
                result = await self._results.get()
        except TimeoutError as error:
            raise WorkerSilent("Claude Code did not end its turn in time.") from error
        if result is None:
            raise WorkerDied
        return result

    async def cost_usd(self) -> float:
        """What the process has cost so far, as Claude Code counts it now. Raises `EngineError`."""
        answer = await self._process.control("get_usage", timeout_s=self._bounds().control_s)
        session = answer.get("session")
        total = session.get("total_cost_usd") if isinstance(session, dict) else None
        return float(total) if isinstance(total, int | float) else self.spent_usd

    def fail(self, error: DrawbridgeError) -> None:
        """Ends the answer with `error`, and the process, also if no client reads the answer or it has not begun."""
        self.failure = self.failure or error
        if self._reader is not None:
            self._events.put_nowait(self._reader.fail(error))
        self._end_soon()

    def _read(self, frame: Frame | None) -> bool:
        """Reads each frame when it arrives; True if the process must be killed before it acts on the frame."""
        events: Sequence[Event] = ()
        kill = False
        if frame is None:
            self._is_answering = False
            events = self._reader.end() if self._reader is not None else ()
            self._results.put_nowait(None)
        else:
            self._note(frame)
            if self._reader is not None:
                events, kill = self._reader.feed(frame)
                events = (*events, *self._reader.hand_over(self._waiting()))
            if frame.get("type") == "result":
                self._is_answering = False
                self._results.put_nowait(frame)
        # Also without events: a frame shows that Claude Code is at work.
        self._events.put_nowait(events)
        return kill

    def look(self) -> None:
        """Ends the answer if Claude Code waits for the client's results now."""
        if self._reader is not None:
            self._events.put_nowait(self._reader.hand_over(self._waiting()))

    def _note(self, frame: Frame) -> None:
        kind = frame.get("type")
        if kind == "rate_limit_event" and isinstance(info := frame.get("rate_limit_info"), dict):
            self._reports.on_usage(windows_from_event(info))
            self._reports.on_extra_usage(extra_usage_from_event(info, self._model))
        elif kind == "system" and isinstance(session := frame.get("session_id"), str):
            self._reports.on_session(session)
        elif kind == "result" and isinstance(total := frame.get("total_cost_usd"), int | float):
            self.spent_usd = total

    async def interrupt(self) -> bool:
        """Stops the answer. Returns whether its result came in time."""
        if not self._is_answering or not self._process.is_alive:
            return not self._is_answering
        longest_s = self._bounds().interrupt_s
        self._results = asyncio.Queue()
        try:
            await self._process.control("interrupt", timeout_s=longest_s)
            await self._result(longest_s)
        except EngineError:
            return False
        return True

    async def reacts(self) -> bool:
        """Whether the process responds to a request of ours. It gets some time: it holds what cannot be replayed."""
        try:
            await self._process.control("list_models", timeout_s=self._bounds().control_s)
        except EngineError:
            return False
        return True

    async def end(self) -> None:
        """Ends the process and everything that it started, gently first. Bounded, never raises."""
        await asyncio.shield(self._end_soon())

    def _end_soon(self) -> asyncio.Task[None]:
        self._end_task = self._end_task or asyncio.get_running_loop().create_task(self._end())
        return self._end_task

    async def _end(self) -> None:
        # Listed first: a child whose parent ends meanwhile is no longer found below this process.
        children = await asyncio.to_thread(descendants_of, self.pid) if self.pid is not None else []
        await self.interrupt()
        if self._process.is_alive and self.pid is not None:
            children += await asyncio.to_thread(descendants_of, self.pid)
            terminate(self.pid)
            try:
                async with asyncio.timeout(_SIGTERM_S):
                    await self._process.exited.wait()
            except TimeoutError:
                logger.warning("agent %s does not end and is killed", self.pid)
        if (ended := await kill_all(self._process, children)) > 0:
            logger.info("agent %s: %d programs that it had started were ended", self.pid, ended)


async def kill_all(process: CliProcess, children: Sequence[Process] = ()) -> int:
    """Kills the process and all programs that it started, of which some may be known; returns how many those were.

    Also a process that has not worked yet has some: those of its sandbox. Bounded, never raises.
    """
    root = process.root
    if process.pid is not None:
        children = (*children, *await asyncio.to_thread(descendants_of, process.pid))
    await process.kill()
    return await asyncio.to_thread(end_all, children, root)
