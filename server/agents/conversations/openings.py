"""Finds the process for a request: one that holds the conversation, one that resumes it, or a new one."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from server.agents.asking.questions import Approvals
from server.agents.conversations.conversation import AgentConversation, ProcessContext, Setup
from server.agents.conversations.held import ConversationScope, HeldConversations
from server.agents.conversations.kept import KeptConversations
from server.agents.conversations.spares import Spares
from server.agents.rules.launch import Resumption, Sandbox
from server.agents.running.process import ConversationLost, kill_all
from server.conversation.parts import Message, ToolResult
from server.conversation.request import Launch, ModelRequest, Work
from server.desktop_tools.session import ComputerSession
from server.projects.project import Project

logger = logging.getLogger(__name__)

MakeLaunch = Callable[[Project, Sandbox | None, Resumption | None], Launch]


@dataclass(frozen=True, slots=True)
class Opened:
    """A process that can take the question. `history`: the turns that it does not hold. `way`: how it was found."""

    conversation: AgentConversation
    history: Sequence[Message]
    way: str


@dataclass(frozen=True, slots=True)
class _Opening:
    """What a new process is needed for."""

    setup: Setup
    sandbox: Sandbox | None
    scope: ConversationScope
    may_be_kept: bool
    messages: tuple[Message, ...]
    key: str
    approvals: Approvals | None


class Openings:
    """`kept` returns where conversations are kept now; None: nowhere. `forget` deletes a kept one.

    `launch` and `forget` are called in threads.
    """

    def __init__(
        self,
        process_context: ProcessContext,
        *,
        launch: MakeLaunch,
        find_sandbox: Callable[[], Awaitable[Sandbox | None]],
        computer: Callable[[], ComputerSession | None],
        kept: Callable[[], KeptConversations | None],
        forget: Callable[[ConversationScope], None],
    ) -> None:
        self._process_context = process_context
        self._launch = launch
        self._find_sandbox = find_sandbox
        self._computer = computer
        self._kept = kept
        self._forget = forget
        self.spares = Spares(process_context.scratch, process_context.guard)
        self.held = HeldConversations(lambda: process_context.config().agents)
        self.running: dict[AgentConversation, ConversationScope] = {}
        self._generation = 0

    async def open(
        self, request: ModelRequest, work: Work, messages: Sequence[Message], key: str, approvals: Approvals | None
    ) -> Opened:
        """The process for the request, whose `messages` before the last one have this `key`.

        Raises `CliMissing` or `CliFailed`.
        """
        sandbox = await self._find_sandbox() if "Bash" in work.project.tools else None
        setup = Setup(
            project=work.project,
            launch=await asyncio.to_thread(self._launch, work.project, sandbox, None),
            is_sandboxed=sandbox is not None,
            system=request.profile.system,
            tools=request.profile.tools if request.settings.tool_choice.mode != "none" else (),
            desktop=self._computer() if work.uses_desktop else None,
        )
        scope = scope_of(request, work)
        held = self.held.take(scope, key)
        if held is not None:
            self.running[held] = scope
            if self._fits(held, setup, messages[-1]) and await self._reacts(held):
                return Opened(held, (), "agent held")
            await asyncio.shield(self.close(held))
        # Pictures of the screen are not kept.
        may_be_kept = bool(work.session) and setup.desktop is None
        # Two processes must not write to one kept conversation.
        await self.held.gone(scope)
        opening = _Opening(setup, sandbox, scope, may_be_kept, tuple(messages), key, approvals)
        return await self._started(opening)

    def _fits(self, held: AgentConversation, setup: Setup, question: Message) -> bool:
        """Whether the process can take the question, under the rules of now."""
        if held.setup != setup or (held.is_kept and self._kept() is None):
            return False
        return not held.awaits_results or held.results_for(question) is not None

    async def _reacts(self, held: AgentConversation) -> bool:
        try:
            return await held.process.reacts()
        except BaseException:
            await asyncio.shield(self.close(held))
            raise

    async def _started(self, opening: "_Opening") -> Opened:
        """A new process; if the conversation is kept, it resumes that."""
        kept = self._kept() if opening.may_be_kept else None
        setup, messages = opening.setup, opening.messages
        way = "agent replayed" if len(messages) > 1 else "agent"
        if kept is None:
            return Opened(await self._begun(opening, setup.launch), messages[:-1], way)
        # Claude Code closes open calls by itself when it resumes, so their results would come too late.
        has_results = any(isinstance(part, ToolResult) for part in messages[-1].parts)
        resumption = None if has_results else await asyncio.to_thread(kept.resume, opening.scope, opening.key)
        if resumption is not None:
            launch = await asyncio.to_thread(self._launch, setup.project, opening.sandbox, resumption)
            try:
                return Opened(await self._begun(opening, launch), (), "agent resumed")
            except ConversationLost:
                logger.info("the kept conversation of an agent is gone: its visible turns are replayed")
        launch = setup.launch
        try:
            resumption = await asyncio.to_thread(kept.begin, opening.scope, opening.key)
            launch = await asyncio.to_thread(self._launch, setup.project, opening.sandbox, resumption)
        except OSError as error:
            logger.warning("the conversation of an agent cannot be kept: %s", error.strerror)
        return Opened(await self._begun(opening, launch), messages[:-1], way)

    async def _begun(self, opening: "_Opening", launch: Launch) -> AgentConversation:
        process = self.spares.take(launch)
        try:
            conversation = AgentConversation(opening.setup, process, self._process_context, opening.approvals)
        except BaseException:
            await asyncio.shield(kill_all(process))
            raise
        conversation.is_kept, conversation.generation = bool(launch.config), self._generation
        self.running[conversation] = opening.scope
        try:
            await conversation.start()
        except BaseException:
            await asyncio.shield(self.close(conversation))
            raise
        return conversation

    async def settle(self, conversation: AgentConversation, request: ModelRequest, work: Work, key: str | None) -> None:
        """Keeps the process for the next request, or ends it. `key` is that of the conversation; None: it failed."""
        scope = scope_of(request, work)
        can_go_on = key is not None and conversation.can_go_on and conversation.generation == self._generation
        # Claude Code may not have written an answer in whose middle it was ended.
        is_lost = conversation.is_kept and not await self._noted(scope, key if can_go_on else None)
        # Asked after the disk, because the session may be deleted meanwhile.
        is_gone = is_lost or conversation.is_deleted
        if key is not None and can_go_on and not is_gone and (work.session or conversation.awaits_results):
            conversation.key = key
            self.held.put(scope, conversation)
            self.running.pop(conversation, None)
        else:
            await self.close(conversation, forget=scope if is_gone else None)
        if key is not None and not conversation.is_kept and conversation.generation == self._generation:
            # A kept conversation has a launch of its own.
            self.spares.prepare(conversation.setup.launch)

    async def _noted(self, scope: ConversationScope, key: str | None) -> bool:
        """Notes what the kept conversation holds, if that is known. False if it must not be kept any more."""
        kept = self._kept()
        return kept is not None and await asyncio.to_thread(kept.note, scope, key)

    async def end_session(self, owner: str, session: str) -> None:
        """Ends the processes of a deleted session. Those that work end, and are deleted, after their answers."""

        def is_its(scope: ConversationScope) -> bool:
            return (scope.owner, scope.session) == (owner, session)

        for conversation, scope in self.running.items():
            if is_its(scope):
                # What is on the disk cannot say so: the deletion takes its time, and Claude Code writes meanwhile.
                conversation.is_deleted = True
        await self.held.end(is_its)

    async def close(self, conversation: AgentConversation, *, forget: ConversationScope | None = None) -> None:
        """Ends the process, and then deletes what is kept at `forget`. Never raises."""
        try:
            await conversation.end()
            if forget is not None:
                await asyncio.to_thread(self._forget, forget)
        finally:
            self.running.pop(conversation, None)

    async def close_all(self) -> None:
        """Ends all processes. Never raises."""
        ending = (*(one.end() for one in list(self.running)), self.held.end(), self.spares.close())
        await asyncio.gather(*ending, return_exceptions=True)

    @property
    def scopes(self) -> frozenset[ConversationScope]:
        """The scopes of the conversations that are answered now."""
        return frozenset(self.running.values())

    def release(self) -> None:
        """Begins to end all processes that wait. Those that work end after their answers."""
        self._generation += 1
        self.held.release()
        self.spares.release()


def scope_of(request: ModelRequest, work: Work) -> ConversationScope:
    """Where the request's conversation belongs."""
    return ConversationScope(request.profile.owner, work.project.id, work.session)
