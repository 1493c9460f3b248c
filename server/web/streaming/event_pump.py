"""Reads events and writes the response concurrently; ends both when either the client or the server stops.

One task reads the events from the first to the last and closes them, because whatever they hold (a timeout, a lease)
belongs to the task that took it.
"""

import asyncio
import logging
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

from starlette.types import Receive

from server.conversation.events import Event, Failed, Finished
from server.errors import AnswerCut, DrawbridgeError, ShuttingDown
from server.web.replies import internal_error

logger = logging.getLogger(__name__)

_MAX_QUEUED = 64
_CLOSING_S = 10.0
_LAST_WRITE_S = 1.0


class EventPump:
    """Reads `events` ahead of its one reader. The last event is `Finished` or `Failed`, and there is always one.

    Instead of a queue and a timeout for each event, which took half of the time per token, there are two futures and
    one timer that is armed again when it fires early.
    """

    def __init__(self, events: AsyncGenerator[Event, None]) -> None:
        self._events = events
        self._queue: deque[Event] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False
        self.task = asyncio.create_task(self._run())

    async def next(self, timeout_s: float | None = None) -> Event | None:
        """The next event, or None after `timeout_s` of silence."""
        if not self._queue:
            loop = asyncio.get_running_loop()
            self._deadline = math.inf if timeout_s is None else loop.time() + timeout_s
            if self._deadline < (self._timer.when() if self._timer else math.inf):
                self._set_timer(loop)
            self._reader = loop.create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        return self.ready()

    def ready(self) -> Event | None:
        """The next event if it has arrived already, else None."""
        if not self._queue:
            return None
        _wake(self._writer)
        return self._queue.popleft()

    def stop(self) -> None:
        """Cancels an answer that is not over. One that is over closes by itself, which keeps its worker."""
        self._queue.clear()
        _wake(self._writer)
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if not self._is_over:
            # Only once: a second cancellation would interrupt the closing.
            self._is_over = True
            self.task.cancel()

    def cut(self, error: DrawbridgeError) -> None:
        """Cancels an answer that is not over; its next event is the failure `error`."""
        if not self._is_over:
            self.stop()
            self._append(Failed(error))

    async def _run(self) -> None:
        try:
            async with aclosing(self._events) as events:
                async for event in events:
                    await self._put(event)
        except DrawbridgeError as error:
            await self._put(Failed(error))
        except Exception as error:  # noqa: BLE001 # the last handler of a request
            await self._put(Failed(internal_error(error)))
        else:
            await self._put(Failed(AnswerCut()))

    async def _put(self, event: Event) -> None:
        if self._is_over:
            return
        # Set before waiting for space: from here on there is nothing left to cancel.
        self._is_over = isinstance(event, Finished | Failed)
        while len(self._queue) >= _MAX_QUEUED:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer
        self._append(event)

    def _append(self, event: Event) -> None:
        self._queue.append(event)
        _wake(self._reader)

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer:
            self._timer.cancel()
        self._timer = loop.call_at(self._deadline, self._on_timer, loop, self._deadline)

    def _on_timer(self, loop: asyncio.AbstractEventLoop, deadline: float) -> None:
        self._timer = None
        if self._deadline <= deadline:
            _wake(self._reader)
        elif self._deadline < math.inf:
            self._set_timer(loop)


async def deliver(
    events: AsyncGenerator[Event, None],
    write: Callable[[EventPump], Awaitable[None]],
    receive: Receive,
    attach: Callable[[Callable[[DrawbridgeError], None]], None] = lambda _: None,
) -> None:
    """Runs `write` on the events until it returns or the client disconnects; `events` is closed before this returns.

    When the server stops, `write` gets `ShuttingDown` as its last event and a moment to send it. `attach` gets the
    function that ends the answer with another error.
    """
    pump = EventPump(events)
    attach(pump.cut)
    writer = asyncio.ensure_future(write(pump))
    watcher = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({writer, watcher}, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError:
        pump.cut(ShuttingDown())
        await asyncio.wait({writer}, timeout=_LAST_WRITE_S)
        raise
    finally:
        pump.stop()
        writer.cancel()
        watcher.cancel()
        await _wait_closed({pump.task, writer, watcher})
    if not writer.cancelled():
        writer.result()


def _wake(future: asyncio.Future[None] | None) -> None:
    if future and not future.done():
        future.set_result(None)


async def _disconnected(receive: Receive) -> None:
    """Returns when the client has disconnected, or has received the whole response."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _wait_closed(tasks: set[asyncio.Future[None]]) -> None:
    """Waits until all are done: shielded, because a half-closed answer would leave its process behind, and bounded."""
    try:
        _, late = await asyncio.wait(tasks, timeout=_CLOSING_S)
    except asyncio.CancelledError:
        await asyncio.wait(tasks, timeout=_CLOSING_S)
        raise
    for task in late:
        logger.warning("an answer did not close within %.0f s", _CLOSING_S)
        task.cancel()
