"""Hands work and results from one thread to the loop of another."""

import asyncio
import concurrent.futures
from collections.abc import Coroutine
from typing import Any  # the send type of a coroutine

from server.errors import DrawbridgeError, StartError

# How long `apply` may take to open new listeners.
REBIND_TIMEOUT_S = 30.0


def settle(future: concurrent.futures.Future[None], error: BaseException | None) -> None:
    """Ends `future`, with `error` if there is one."""
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def run_in_loop(change: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop) -> bool:
    """Runs `change` in `loop` and waits. Returns False if the loop stops first. Raises what `change` raises."""
    try:
        asyncio.run_coroutine_threadsafe(change, loop).result(REBIND_TIMEOUT_S)
    except (RuntimeError, concurrent.futures.CancelledError):
        return False
    except TimeoutError as error:
        raise StartError("The server is too busy to change its settings.", hint="Restart the server.") from error
    return True


def as_ours(error: BaseException) -> DrawbridgeError:
    """`error`, or one of ours that names it."""
    if isinstance(error, DrawbridgeError):
        return error
    return StartError(f"The server ended: {type(error).__name__}: {error}.", hint="The log has the details.")


async def until_stopped(stopping: asyncio.Event, until_broken: Coroutine[Any, Any, None]) -> None:
    """Waits for `stopping`. Raises what `until_broken` raises, if that ends first."""
    stop, broken = asyncio.create_task(stopping.wait()), asyncio.create_task(until_broken)
    try:
        await asyncio.wait({stop, broken}, return_when=asyncio.FIRST_COMPLETED)
        if broken.done():
            await broken
    finally:
        for task in (stop, broken):
            task.cancel()
        await asyncio.gather(stop, broken, return_exceptions=True)
