"""Whether a request makes other clients wait."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.whole.bridge import Bridge

# What others may wait on a quiet computer is 0.2 s. This only tells that from the seconds of a blocked event loop.
_GENEROUS_S = 2.0


async def makes_others_wait(bridge: Bridge, ask: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Whether other clients wait while `ask` runs, each of three times: a busy computer may make them wait once.

    `ask` sends the request and checks its answer.
    """
    for _ in range(3):
        if await _longest_wait_s(bridge, ask) < _GENEROUS_S:
            return False
    return True


async def _longest_wait_s(bridge: Bridge, ask: Callable[[], Coroutine[Any, Any, None]]) -> float:
    asking, longest_s = asyncio.create_task(ask()), 0.0
    while not asking.done():
        began = time.monotonic()
        await bridge.health()
        longest_s = max(longest_s, time.monotonic() - began)
        await asyncio.sleep(0.01)
    await asking
    return longest_s
