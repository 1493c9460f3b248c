"""Compares an answer with the client's schema as it passes."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from server.conversation.events import Event, Finished
from server.dialects.common.answers.answer_check import AnswerChecks


async def checked(events: AsyncGenerator[Event, None], checks: AnswerChecks) -> AsyncGenerator[Event, None]:
    """The same events. The answer has been checked when `Finished` comes."""
    async with aclosing(events):
        async for event in events:
            checks.add(event)
            if isinstance(event, Finished):
                await asyncio.to_thread(checks.finish, event)
            yield event
