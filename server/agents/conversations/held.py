"""Keeps the processes of conversations that are expected to continue: those of sessions, and those with open calls."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from server.agents.conversations.conversation import AgentConversation

logger = logging.getLogger(__name__)

# How long a process waits for the next request of its conversation.
HELD_S = 600.0


@dataclass(frozen=True, slots=True)
class ConversationScope:
    """What a conversation belongs to: its owner, project, and session; the latter is empty without one."""

    owner: str
    project: str
    session: str = ""


@dataclass(slots=True)
class _Held:
    scope: ConversationScope
    conversation: AgentConversation
    timer: asyncio.TimerHandle


class HeldConversations:
    """At most `most()` processes; beyond that, the one that has waited longest ends."""

    def __init__(self, most: Callable[[], int]) -> None:
        self._most = most
        self._held: list[_Held] = []
        self._ending: dict[asyncio.Task[None], ConversationScope] = {}

    def __len__(self) -> int:
        return len(self._held)

    def put(self, scope: ConversationScope, conversation: AgentConversation) -> None:
        """Keeps the conversation for the next request."""
        timer = asyncio.get_running_loop().call_later(HELD_S, self._expire, conversation)
        self._held.append(_Held(scope, conversation, timer))
        while len(self._held) > self._most():
            self._drop(self._held[0])

    def take(self, scope: ConversationScope, key: str) -> AgentConversation | None:
        """The conversation that holds the messages with this key.

        Others of the same session hold an older version of it, and end.
        """
        found = None
        for held in [one for one in self._held if one.scope == scope]:
            if found is None and held.conversation.key == key and held.conversation.can_go_on:
                found = held.conversation
                self._remove(held)
            elif scope.session or not held.conversation.process.is_alive:
                self._drop(held)
        return found

    async def end(self, ends: Callable[[ConversationScope], bool] = lambda _: True) -> None:
        """Ends those whose scope `ends` selects, and waits for all that are ending."""
        for held in [one for one in self._held if ends(one.scope)]:
            self._drop(held)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def gone(self, scope: ConversationScope) -> None:
        """Waits until those of `scope` that are ending have ended."""
        await asyncio.gather(*(task for task, one in self._ending.items() if one == scope), return_exceptions=True)

    def release(self, ends: Callable[[AgentConversation], bool] = lambda _: True) -> None:
        """Begins to end those that `ends` selects."""
        for held in [one for one in self._held if ends(one.conversation)]:
            self._drop(held)

    def _expire(self, conversation: AgentConversation) -> None:
        for held in [one for one in self._held if one.conversation is conversation]:
            logger.info("agent %s has not been used for a while and ends", conversation.process.pid)
            self._drop(held)

    def _remove(self, held: _Held) -> None:
        self._held.remove(held)
        held.timer.cancel()

    def _drop(self, held: _Held) -> None:
        self._remove(held)
        task = asyncio.get_running_loop().create_task(held.conversation.end())
        self._ending[task] = held.scope
        task.add_done_callback(self._ending.pop)
