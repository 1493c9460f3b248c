"""The warm-ups of a server's processes: the stand-in that answers their questions, until one of them fails."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from server.claude.worker.warm_up import Detour, detour_for
from server.standin.script import Reply, Usage, say
from server.standin.server import Recorded, open_standin

logger = logging.getLogger(__name__)

_NO_TOKENS = Usage(input_tokens=0, cache_creation_input_tokens=0, cache_read_input_tokens=0, output_tokens=0)


class WarmUps:
    """Opens the stand-in for the first warm-up. `on_question` gets each request that arrives there."""

    def __init__(self, on_question: Callable[[Recorded], None] = lambda _: None) -> None:
        self._on_question = on_question
        self._answer = secrets.token_hex(16)
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()
        self._url: str | None = None
        self._is_given_up = False

    async def detour(self, environment: Mapping[str, str]) -> Detour | None:
        """The detour of a process with this environment; None if it must not be warmed up."""
        if self._is_given_up or detour_for(environment, url="", answer="") is None:
            return None
        async with self._opening:
            if self._url is None:
                # Nothing is kept: the settings in a question may contain texts of a client.
                self._url = (await self._stack.enter_async_context(open_standin(self._reply, keep=0))).url
        return detour_for(environment, url=self._url, answer=self._answer)

    def give_up(self) -> None:
        """Ends all warm-ups, after one that failed."""
        self._is_given_up = True
        logger.warning("a warm-up failed, so processes are not warmed up any more")

    async def close(self) -> None:
        """Closes the stand-in."""
        self._is_given_up = True
        await self._stack.aclose()

    def _reply(self, question: Recorded) -> Reply:
        self._on_question(question)
        # Without tokens it costs nothing in Claude Code's sums.
        return say(self._answer, usage=_NO_TOKENS)
