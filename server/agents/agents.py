"""Answers requests that name a project: Claude Code's own tools work in its folder, and the answer is streamed."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from server.agents.asking.permissions import Answering
from server.agents.asking.questions import Approvals
from server.agents.conversations.conversation import AgentConversation, ProcessContext
from server.agents.conversations.held import ConversationScope
from server.agents.conversations.kept import KeptConversations
from server.agents.conversations.openings import MakeLaunch, Openings
from server.agents.rules.launch import Sandbox
from server.agents.running.reader import AgentReader
from server.agents.slots import AgentSlots
from server.answering.call_ids import CallIdStore
from server.answering.circuit_breaker import Permit
from server.answering.conversation_keys import ConversationKeys
from server.claude.protocol.tool_ids import with_legal_ids
from server.config import Config
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Event, Failed, Finished, Started, Timings
from server.conversation.parts import Message
from server.conversation.request import ModelRequest, ModelSettings, Work
from server.desktop_tools.session import ComputerSession
from server.errors import AgentLimit, DrawbridgeError, InvalidRequest
from server.machine.files.temp_folders import Scratch
from server.machine.processes.orphans import OrphanWatch
from server.offload import offload

logger = logging.getLogger(__name__)

_TIDY_EVERY_S = 60.0


class StoredSessions(Protocol):
    """Where sessions are stored."""

    @property
    def trouble(self) -> str | None:
        """Why sessions cannot be read or written now; None if they can."""
        ...

    async def info(self, owner: str, id_: str) -> object | None:
        """What is known of the session; None if there is none."""
        ...


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What agents need of the engine.

    `launch` is called in a thread for each process. `settings_for` resolves the request's model, `model_id` gives its
    id. `enter` is that of the circuit breaker. `admit` raises if no request may be sent to Claude. `find_sandbox` is
    called once, in a thread. `computer` returns the running session of computer use. `keeps` says whether conversations
    may be kept in the folder `kept`.
    """

    process_context: ProcessContext
    launch: MakeLaunch
    settings_for: Callable[[ModelRequest], ModelSettings]
    model_id: Callable[[ModelSettings], str]
    enter: Callable[[str | None], Permit]
    admit: Callable[[], Awaitable[None]]
    explain: Callable[[DrawbridgeError], DrawbridgeError]
    find_sandbox: Callable[[], Sandbox | None]
    computer: Callable[[], ComputerSession | None]
    kept: KeptConversations
    keeps: Callable[[], bool]

    @property
    def config(self) -> Config:
        """The settings in force."""
        return self.process_context.config()

    @property
    def scratch(self) -> Scratch:
        """The temporary folders."""
        return self.process_context.scratch


class Agents:
    """The agents of a server. `approvals` is where questions are put; None: questions are refused."""

    def __init__(self, context: AgentContext, approvals: Approvals | None = None) -> None:
        self._context = context
        self.approvals = approvals
        self._slots = AgentSlots(lambda: context.config)
        self._orphans = OrphanWatch(context.scratch.root)
        self._sandbox: asyncio.Future[Sandbox | None] | None = None
        self._keys = ConversationKeys()
        self._call_ids = CallIdStore()
        self._openings = Openings(
            context.process_context,
            launch=context.launch,
            find_sandbox=self.sandbox,
            computer=context.computer,
            kept=lambda: context.kept if context.keeps() else None,
            forget=context.kept.forget,
        )
        self._is_due = asyncio.Event()
        self.sessions: StoredSessions | None = None

    async def close(self) -> None:
        """Ends all processes and what they started. Never raises."""
        await self._openings.close_all()
        await asyncio.to_thread(self._orphans.close)

    def release(self) -> None:
        """Ends the processes that wait for a request, soon."""
        self._openings.release()

    async def forget(self, owner: str, session: str) -> None:
        """Ends and deletes what is left of a session that was deleted."""
        await self._openings.end_session(owner, session)
        await asyncio.to_thread(self._context.kept.forget_session, owner, session)

    async def keep_tidy(self) -> None:
        """Deletes kept conversations whose session is gone, from time to time, until it is cancelled."""
        while True:
            self._is_due.clear()
            with suppress(OSError):
                await self.tidy()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._is_due.wait(), _TIDY_EVERY_S)

    async def tidy(self) -> None:
        """Deletes kept conversations whose session is gone; all, if the settings say that none are kept."""
        kept = self._context.kept
        if self._context.config.sessions != "disk":
            self._openings.held.release(lambda one: one.is_kept)
            await self._openings.held.end(lambda _: False)
            await asyncio.to_thread(kept.forget_all)
        elif self.sessions is not None:
            for scope in await asyncio.to_thread(kept.old):
                if scope not in self._openings.scopes and await self._is_gone(self.sessions, scope):
                    await self.forget(scope.owner, scope.session)

    @staticmethod
    async def _is_gone(sessions: StoredSessions, scope: ConversationScope) -> bool:
        """Whether its session is gone. A session that cannot be read is not."""
        return await sessions.info(scope.owner, scope.session) is None and sessions.trouble is None

    def follow_settings(self) -> None:
        """Does at once what the settings change about agents that wait and conversations that are kept."""
        if not self._context.config.agent_mode:
            self.release()
        self._is_due.set()

    async def sandbox(self) -> Sandbox | None:
        """The sandbox of commands on this computer, found out once; None if there is none that works."""
        if self._sandbox is None:
            self._sandbox = asyncio.create_task(asyncio.to_thread(self._context.find_sandbox))
        return await asyncio.shield(self._sandbox)

    async def stream(self, request: ModelRequest, work: Work) -> AsyncGenerator[Event, None]:
        """The events of one answer. Raises before the first event; a later error is the last event, `Failed`."""
        began = time.monotonic()
        check(request)
        settings = self._context.settings_for(request)
        permit: Permit | None = None
        has_begun = False
        try:
            async with self._slots.slot():
                permit = self._context.enter(settings.model)
                async with aclosing(self._answer(request, work, settings, began)) as events:
                    async for event in events:
                        permit.succeeded()
                        has_begun = True
                        yield event
        except DrawbridgeError as error:
            logger.info("no answer of an agent: %s: %s", type(error).__name__, error.title)
            error = self._context.explain(error)
            if permit is not None:
                permit.failed(error)
            if not has_begun:
                raise error from None
            yield Failed(error)
        finally:
            if permit is not None:
                permit.release()

    async def _answer(
        self, request: ModelRequest, work: Work, settings: ModelSettings, began: float
    ) -> AsyncGenerator[Event, None]:
        await self._context.admit()
        leased_ms = (time.monotonic() - began) * 1000.0
        messages = await self._messages_of(request)
        await asyncio.to_thread(self._orphans.start)
        key = await offload(self._keys.wanted, messages, model=None)
        opened = await self._openings.open(request, work, messages, key or "", self.approvals)
        conversation, reader = opened.conversation, opened.conversation.reader()
        answer, timings, after = MessageAccumulator(), Timings(leased_ms=leased_ms), None
        conversation.permissions.answering = self._answering(request, work, conversation, reader)
        timer = self._limit_time(conversation)
        events = conversation.answer(settings, self._context.model_id(settings), opened.history, messages[-1], reader)
        try:
            async with aclosing(events):
                async for event in events:
                    answer.add(event)
                    elapsed_ms = (time.monotonic() - began) * 1000.0
                    if isinstance(event, Started):
                        timings = replace(timings, first_ms=elapsed_ms)
                        yield replace(event, way=opened.way, timings=timings)
                    elif isinstance(event, Finished):
                        after = await self._key_after(request, messages, answer.message)
                        yield replace(event, timings=replace(timings, total_ms=elapsed_ms))
                    else:
                        yield event
        finally:
            timer.cancel()
            conversation.permissions.answering = None
            # Shielded, so that a second cancellation does not leave programs behind.
            await asyncio.shield(self._openings.settle(conversation, request, work, after))

    async def _messages_of(self, request: ModelRequest) -> tuple[Message, ...]:
        """The conversation with legal ids, and Claude's own ones where a client has changed them."""
        messages = await offload(with_legal_ids, request.messages)
        return await offload(self._call_ids.restored, request.profile.owner, messages)

    async def _key_after(self, request: ModelRequest, messages: Sequence[Message], answer: Message) -> str:
        """The key of the conversation with the answer."""
        await offload(self._call_ids.keep, request.profile.owner, messages, answer)
        return await offload(self._keys.held, messages, answer, model=None)

    def _answering(
        self, request: ModelRequest, work: Work, conversation: AgentConversation, reader: AgentReader
    ) -> Answering:
        """What the questions of this answer belong to, and its limits."""
        process = conversation.process
        spent_usd = process.spent_usd

        async def check_limits() -> None:
            config = self._context.config
            turns = min(config.agent_turns, work.turns or config.agent_turns)
            if reader.turns >= turns:
                raise AgentLimit(f"The agent needed more than {turns} requests to Claude.")
            if config.agent_cost_usd and await process.cost_usd() - spent_usd >= config.agent_cost_usd:
                raise AgentLimit(f"The answer has cost more than {config.agent_cost_usd:g} US dollars.")

        return Answering(request.profile.owner, work.request_id, check_limits, process.fail)

    def _limit_time(self, conversation: AgentConversation) -> asyncio.TimerHandle:
        minutes = self._context.config.agent_minutes
        error = AgentLimit(f"The agent worked for more than {minutes:g} minutes.")
        return asyncio.get_running_loop().call_later(minutes * 60, conversation.process.fail, error)


def check(request: ModelRequest) -> None:
    """Raises `InvalidRequest` for what an agent cannot do."""
    if request.choices > 1:
        raise InvalidRequest("n must be 1 with a project: an agent works once.", param="n")
    if request.answer is not None or request.settings.schema is not None:
        raise InvalidRequest("response_format cannot be combined with a project.", param="response_format")
