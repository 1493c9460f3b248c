"""One conversation with an agent: its process, its questions, and the client's tools, from one answer to the next."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass

from server.agents.asking.permissions import CallPermissions
from server.agents.asking.questions import Approvals
from server.agents.rules.hook import OtherTools
from server.agents.rules.launch import DESKTOP, servers_of
from server.agents.running.process import AgentProcess, Reports
from server.agents.running.reader import AgentReader
from server.agents.tools.client_tools import choice_for, definitions, more_about, offered_names, results_in
from server.agents.tools.desktop_server import DesktopServer
from server.claude.protocol.frames import SERVER, Frame
from server.claude.protocol.tool_keys import clients_keys
from server.claude.protocol.tools import OpenCalls
from server.claude.worker.process import Bounds, CliProcess
from server.config import Config
from server.conversation.events import Event
from server.conversation.parts import Message
from server.conversation.request import Launch, ModelSettings, Tool
from server.desktop_tools.session import ComputerSession
from server.errors import EngineError
from server.machine.files.temp_folders import Scratch
from server.machine.processes.guards import Guard
from server.projects.project import Project


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process is started with. A request with another one needs another process.

    `desktop`: the session of computer use whose tools are offered; None: there are none.
    """

    project: Project
    launch: Launch
    is_sandboxed: bool = False
    system: str = ""
    tools: tuple[Tool, ...] = ()
    desktop: ComputerSession | None = None


@dataclass(frozen=True, slots=True)
class ProcessContext:
    """What every process needs of the engine."""

    config: Callable[[], Config]
    scratch: Scratch
    guard: Guard
    reports: Reports


class AgentConversation:
    """A process that gives one answer after another. `key` is that of the messages it holds, after an answer.

    `process` has the launch of `setup`, perhaps with a kept conversation to resume.
    """

    def __init__(
        self, setup: Setup, process: CliProcess, process_context: ProcessContext, approvals: Approvals | None
    ) -> None:
        self.setup = setup
        self.key = ""
        self.is_kept = False
        """Whether Claude Code keeps it on the disk."""
        self.is_deleted = False
        """Whether its session was deleted while it was answered."""
        self.generation = 0
        self._process_context = process_context
        self._desktop = DesktopServer(setup.desktop, self._post) if setup.desktop is not None else None
        taken = self._desktop.names if self._desktop is not None else frozenset[str]()
        self._names = offered_names(setup.tools, taken)
        self._calls = OpenCalls(self._post, definitions(setup.tools, self._names))
        self._calls.on_arrival = self._look
        self.permissions = CallPermissions(
            setup.project, approvals, is_sandboxed=setup.is_sandboxed, others=self._others(taken)
        )
        self.process = AgentProcess(
            process,
            bounds=lambda: Bounds(silence_s=process_context.config().timeout_s),
            on_request=self._take,
            waiting=lambda: self._calls.waiting,
            reports=process_context.reports,
        )
        self.permissions.post = self.process.post
        # The ids of the calls whose results the client has to send next.
        self._awaited: tuple[str, ...] = ()

    def _others(self, desktop: frozenset[str]) -> OtherTools:
        own = {*(f"mcp__{SERVER}__{name}" for name in self._names), *(f"mcp__{DESKTOP}__{name}" for name in desktop)}
        return OtherTools(frozenset({*self._names, *desktop, *own}), tuple(servers_of(self.setup.project)))

    def _post(self, frame: Frame) -> None:
        self.process.post(frame)

    def _look(self) -> None:
        self.process.look()

    def _take(self, frame: Frame) -> bool:
        is_desktops = self._desktop is not None and self._desktop.take(frame)
        return is_desktops or self._calls.take(frame) or self.permissions.take(frame)

    @property
    def can_go_on(self) -> bool:
        """Whether the process can take the next request of the conversation."""
        return self.process.is_at_rest or (bool(self._awaited) and self.process.is_alive)

    @property
    def awaits_results(self) -> bool:
        """Whether the last answer ended with calls of the client's tools."""
        return bool(self._awaited)

    async def start(self) -> None:
        """Starts the process. Raises `CliMissing`, `CliFailed` or `ConversationLost`."""
        parts = (self.setup.system, more_about(self.setup.tools, self._names))
        servers = [SERVER] if self._names else []
        servers += [DESKTOP] if self._desktop is not None else []
        await self.process.start("\n\n".join(filter(None, parts)), servers)

    def reader(self) -> AgentReader:
        """Reads the next answer."""
        return AgentReader(
            self.setup.project.folder,
            self._process_context.config().agent_progress,
            names=self._names,
            keys=clients_keys(self.setup.tools),
            answered=self._awaited,
            spent_usd=self.process.spent_usd,
        )

    def results_for(self, message: Message) -> Mapping[str, object] | None:
        """The results in `message`, if they are those that the process waits for."""
        return results_in(message, self._awaited) if self._awaited else None

    async def answer(
        self, settings: ModelSettings, model: str, history: Sequence[Message], question: Message, reader: AgentReader
    ) -> AsyncGenerator[Event, None]:
        """The answer to `question`; `history`: the turns before it that the process does not hold."""
        try:
            async with aclosing(self._answer(settings, model, history, question, reader)) as events:
                async for event in events:
                    yield event
        except EngineError as error:
            # The process may have ended because of it.
            raise self.process.failure or error from None

    async def _answer(
        self, settings: ModelSettings, model: str, history: Sequence[Message], question: Message, reader: AgentReader
    ) -> AsyncGenerator[Event, None]:
        choice = choice_for(settings.tool_choice, self._names) if self._names else {}
        await self.process.set_up(settings, model, choice)
        results = results_in(question, self._awaited) if self._awaited else None
        self._awaited = ()
        if results is None:
            events = self.process.ask(model, history, question, reader)
        else:
            events = self.process.go_on(self._calls.supply(results), reader)
        async with aclosing(events) as opened:
            async for event in opened:
                self._awaited = reader.handed_over
                yield event

    async def end(self) -> None:
        """Withdraws all questions, and ends the process and everything that it started. Never raises."""
        await self.permissions.close()
        if self._desktop is not None:
            await self._desktop.close()
        await self.process.end()
