"""Whether a request makes other clients wait."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

from tests.whole.bridge import Bridge

# Of the time of a request, others wait at most 0.4 at a stretch, and 0.6 to 0.9 if it blocks the event loop.
_SHARE = 0.6
# A short request lasts about as long as another one, which says nothing.
_LONGER = 5


async def makes_others_wait(bridge: Bridge, ask: Callable[[], Coroutine[Any, Any, None]]) -> bool:
    """Whether another client waits while `ask` runs, each of three times: a busy computer may make it wait once.

    `ask` sends the request and checks its answer. What the client waits is compared with the time of the request, and
    with what it waits without that.
    """
    for _ in range(3):
        before = [await _wait_s(bridge) for _ in range(5)]
        asking, began, during = asyncio.create_task(ask()), time.monotonic(), [0.0]
        while not asking.done():
            during.append(await _wait_s(bridge))
            await asyncio.sleep(0.01)
        await asking
        if max(during) < max(_SHARE * (time.monotonic() - began), _LONGER * max(before)):
            return False
    return True


async def _wait_s(bridge: Bridge) -> float:
    began = time.monotonic()
    await bridge.health()
    return time.monotonic() - began
