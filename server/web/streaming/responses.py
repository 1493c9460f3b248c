"""Answers on their way out: streamed or whole, and stopped at once when nobody listens any more.

A stream's head waits for the first event or failure, but not for ever: so a failure has its true status, and a client
behind a proxy still hears something in time. After the head a failure is one error event, and the end.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.conversation.events import Event, Failed, Finished, Started
from server.web.encoding import COMMENT, DONE, JSON_HEADERS, STREAM_HEADERS, data_frame, json_bytes
from server.web.replies import refusal
from server.web.streaming.event_pump import Pump, deliver

Headers = list[tuple[bytes, bytes]]


class Fold(Protocol):
    """A dialect's whole answer in the making."""

    def add(self, event: Event) -> object:
        """Takes in the next event."""
        ...

    def completion(self) -> dict[str, object]:
        """The answer, once it is finished."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds: how long the head of a stream may wait for the first event, and how long a stream may be silent."""

    head_timeout_s: float
    heartbeat_s: float


class StreamedAnswer(Response):
    """`events` as server-sent events; `chunks` is the dialect's translation of one event.

    `ignored` names the fields without effect. However the request ends, `events` is closed before it ends.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        chunks: Callable[[Event], Iterable[object]],
        *,
        pace: Pace,
        ignored: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self._events, self._chunks, self._pace, self._ignored = events, chunks, pace, ignored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer."""

        async def write(pump: Pump) -> None:
            first = await pump.next(self._pace.head_timeout_s)
            if isinstance(first, Failed):
                await refusal(first.error)(scope, receive, send)
                return
            headers = [*STREAM_HEADERS, *_headers(self._ignored, first)]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._write_body(first, pump, send)

        await deliver(self._events, write, receive)

    async def _write_body(self, first: Event | None, pump: Pump, send: Send) -> None:
        frames, event = [COMMENT], first
        while True:
            # What has come in the meantime goes along: one write for a burst.
            while event is not None and not isinstance(event, Finished | Failed):
                frames.append(self._frames(event))
                event = pump.ready()
            if event is not None:
                break
            await send({"type": "http.response.body", "body": b"".join(frames), "more_body": True})
            event = await pump.next(self._pace.heartbeat_s)
            frames = [COMMENT] if event is None else []
        frames.append(self._frames(event))
        if isinstance(event, Finished):
            frames.append(DONE)
        await send({"type": "http.response.body", "body": b"".join(frames), "more_body": False})

    def _frames(self, event: Event) -> bytes:
        return b"".join(map(data_frame, self._chunks(event)))


class WholeAnswer(Response):
    """`events` folded to one JSON answer. However the request ends, `events` is closed before it ends."""

    def __init__(self, events: AsyncGenerator[Event, None], fold: Fold, *, ignored: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._events, self._fold, self._ignored = events, fold, ignored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer."""

        async def write(pump: Pump) -> None:
            started: Event | None = None
            while (event := await pump.next()) is not None:
                if isinstance(event, Failed):
                    await refusal(event.error)(scope, receive, send)
                    return
                started = started or event
                self._fold.add(event)
                if isinstance(event, Finished):
                    await self._send(started, event, send)
                    return

        await deliver(self._events, write, receive)

    async def _send(self, started: Event, finished: Finished, send: Send) -> None:
        body = json_bytes(self._fold.completion())
        headers = [*JSON_HEADERS, (b"content-length", b"%d" % len(body)), *_headers(self._ignored, started)]
        if finished.cost_usd is not None:
            headers.append((b"x-drawbridge-cost-usd", f"{finished.cost_usd:.6f}".encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _headers(ignored: tuple[str, ...], first: Event | None) -> Headers:
    """What is known of the answer when its head goes out; `first` is None when nothing has come yet."""
    headers: Headers = []
    if isinstance(first, Started) and first.way:
        headers.append((b"x-drawbridge-way", _header(first.way)))
    if isinstance(first, Started) and first.model:
        headers.append((b"x-drawbridge-model", _header(first.model)))
    if ignored:
        headers.append((b"x-drawbridge-ignored", _header(", ".join(ignored))))
    return headers


def _header(text: str) -> bytes:
    """`text` as a header's value: what a client named a field must not become a header of ours."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)[:1000].encode()
