"""Limits how many agents work at once: further requests wait in order, as those for a free process of the pool."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from server.config import Config
from server.errors import QueueFull, QueueTimeout

_HINT = "Try again in a moment, or allow more agents at once (agents in the settings)."


class AgentSlots:
    """The slots of working agents, as many as the settings say now."""

    def __init__(self, config: Callable[[], Config]) -> None:
        self._config = config
        self._working = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def working(self) -> int:
        """How many agents work."""
        return self._working

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """A slot for the block. Raises `QueueFull` or `QueueTimeout`."""
        await self._enter()
        try:
            yield
        finally:
            self._working -= 1
            self._admit()

    async def _enter(self) -> None:
        config = self._config()
        if self._working < config.agents and not self._waiting:
            self._working += 1
            return
        if len(self._waiting) >= config.max_waiting:
            raise QueueFull("Too many requests wait for an agent.", hint=_HINT)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(config.queue_timeout_s):
                await turn
        except BaseException as error:
            self._leave(turn)
            if isinstance(error, TimeoutError):
                raise QueueTimeout("No agent became free in time.", hint=_HINT) from error
            raise

    def _leave(self, turn: asyncio.Future[None]) -> None:
        """Gives up the turn. It may have got its slot in the moment in which its request was given up."""
        if turn in self._waiting:
            self._waiting.remove(turn)
        elif turn.done() and not turn.cancelled():
            self._working -= 1
        self._admit()

    def _admit(self) -> None:
        """Gives free slots to the requests that wait longest."""
        while self._waiting and self._working < self._config().agents:
            turn = self._waiting.popleft()
            if not turn.done():
                self._working += 1
                turn.set_result(None)
