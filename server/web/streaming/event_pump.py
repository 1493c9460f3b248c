"""An answer is drawn and written side by side, and both end together, whoever leaves first.

The events are drawn in one task from the first to the last and closed there, since whatever they hold open (a time-out,
a lease) belongs to the task that took it.
"""

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.types import Receive

from server.conversation.events import Event, Failed, Finished
from server.errors import AnswerCut, DrawbridgeError, ShuttingDown
from server.web.replies import internal_error

logger = logging.getLogger(__name__)

_AHEAD = 64
_CLOSING_S = 10.0
_LAST_WORDS_S = 1.0


class Pump:
    """Draws `events` ahead of whoever reads them. The last event it gives is `Finished` or `Failed`, always one."""

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self._queue: asyncio.Queue[Event] = asyncio.Queue(_AHEAD)
        self._is_over = False
        self.task = asyncio.create_task(self._run())

    async def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event, or None after `timeout_s` of silence."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                return await self._queue.get()
        return None

    def ready(self) -> Event | None:
        """The next event if it is here already, else None."""
        return None if self._queue.empty() else self._queue.get_nowait()

    def stop(self) -> None:
        """Stops an answer that is not over. One that is over is left to tidy up by itself: its worker lives on."""
        while self.ready() is not None:
            # Nobody reads these any more, and the last event may be waiting for a place.
            pass
        if not self._is_over:
            # Only once: a second cancellation would break into the closing.
            self._is_over = True
            self.task.cancel()

    def cut(self, error: DrawbridgeError) -> None:
        """Stops an answer that is not over; the next event is its failure."""
        if not self._is_over:
            self.stop()
            self._queue.put_nowait(Failed(error))

    async def _run(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await self._give(event)
        except DrawbridgeError as error:
            await self._give(Failed(error))
        except Exception as error:  # noqa: BLE001 # the edge of a request
            await self._give(Failed(internal_error(error)))
        else:
            await self._give(Failed(AnswerCut()))

    async def _give(self, event: Event) -> None:
        if self._is_over:
            return
        # Said before the wait for a place: from here on there is nothing left to stop.
        self._is_over = isinstance(event, Finished | Failed)
        await self._queue.put(event)


async def deliver(
    events: AsyncGenerator[Event, None], write: Callable[[Pump], Awaitable[None]], receive: Receive
) -> None:
    """Runs `write` on the events until it is done or the client leaves; `events` is closed before this returns.

    When the server itself stops, `write` gets `ShuttingDown` as its last event and a moment to say so.
    """
    pump = Pump(events)
    writer = asyncio.ensure_future(write(pump))
    watcher = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        pump.cut(ShuttingDown())
        await asyncio.wait({writer}, timeout=_LAST_WORDS_S)
        raise
    finally:
        pump.stop()
        writer.cancel()
        watcher.cancel()
        await _settled({pump.task, writer, watcher})
    if not writer.cancelled():
        writer.result()


async def _left(receive: Receive) -> None:
    """Returns when the client has left, or has the whole reply."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _settled(tasks: set[asyncio.Future[None]]) -> None:
    """Waits until all are done: shielded, since a half-closed answer would leave its process behind, and bounded."""
    try:
        _, late = await asyncio.wait(tasks, timeout=_CLOSING_S)
    except asyncio.CancelledError:
        await asyncio.wait(tasks, timeout=_CLOSING_S)
        raise
    for task in late:
        logger.warning("an answer did not close within %.0f s", _CLOSING_S)
        task.cancel()
