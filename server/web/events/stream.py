"""Sends the events of a hub to one page, as server-sent events."""

import asyncio
from collections.abc import Callable

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.dialects.framing import SSE_COMMENT, SSE_TYPE, sse_frame
from server.web.events.hub import EventHub, Listener

# Silence after which a comment shows that the connection lives, to the dashboard and to the server.
HEARTBEAT_S = 20.0
# What happens within this time goes out in one write.
GATHER_S = 0.05
# The status changes with each token of an answer.
STATUS_EVERY_S = 0.25
# A page that does not read for so long is cut off. It connects again, and gets what it missed.
SLOW_S = 10.0


class EventStream(Response):
    """The events after the one with the id `last_id`, until the dashboard disconnects or the server stops.

    `state` makes what each page gets first, and after each loss of events; `status` makes the status. The stream ends
    when the dashboard is not `is_allowed` to see more.
    """

    def __init__(
        self,
        hub: EventHub,
        last_id: str,
        *,
        state: Callable[[], object],
        status: Callable[[], object],
        is_allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        super().__init__()
        self._hub, self._last_id = hub, last_id
        self._state, self._status, self._is_allowed = state, status, is_allowed
        self._last_status: object = None

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Sends the events."""
        with self._hub.listening(self._last_id) as listener:
            headers = [(b"content-type", SSE_TYPE.encode()), (b"cache-control", b"no-store")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            tasks = {
                asyncio.create_task(self._write(listener, send)),
                asyncio.create_task(_disconnected(receive)),
            }
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                # A page that was too slow, or whose connection has broken, is no error.
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _write(self, listener: Listener, send: Send) -> None:
        loop = asyncio.get_running_loop()
        status_from = 0.0
        frames = [self._hello(is_resumed=listener.is_resumed)]
        while self._is_allowed():
            frames += self._events(listener)
            if listener.is_status_due and (listener.is_over or loop.time() >= status_from):
                listener.is_status_due = False
                status_from = loop.time() + STATUS_EVERY_S
                status = self._status()
                if status != self._last_status:
                    self._last_status = status
                    frames.append(sse_frame(status, "status"))
            if frames:
                await _send(send, b"".join(frames), more_body=True)
            if listener.is_over:
                break
            timeout_s = max(0.0, status_from - loop.time()) if listener.is_status_due else HEARTBEAT_S
            before = loop.time()
            await listener.wait(timeout_s)
            frames = [SSE_COMMENT] if loop.time() - before >= HEARTBEAT_S else []
            await asyncio.sleep(GATHER_S)
        await _send(send, b"", more_body=False)

    def _events(self, listener: Listener) -> list[bytes]:
        events = listener.take()
        if events is None:
            return [self._hello(is_resumed=False)]
        return [
            b"id: " + self._hub.id_of(event).encode() + b"\n" + sse_frame(event.data, event.kind) for event in events
        ]

    def _hello(self, *, is_resumed: bool) -> bytes:
        """The current state. Without `is_resumed`, the dashboard cannot rely on the events that it has seen."""
        return sse_frame({"run": self._hub.run, "is_resumed": is_resumed, "state": self._state()}, "hello")


async def _send(send: Send, body: bytes, *, more_body: bool) -> None:
    async with asyncio.timeout(SLOW_S):
        await send({"type": "http.response.body", "body": body, "more_body": more_body})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
