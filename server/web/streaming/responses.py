"""Sends an answer, streamed or whole, and closes its events however the request ends.

A stream's response headers wait for the first event or error, but not indefinitely: an early failure gets its true
status, and a client behind a proxy still receives bytes in time. A failure after the headers is one error event.
"""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.conversation.events import Event, Failed, Finished, Started
from server.dialects.base import Collector, Encoder, ErrorReply
from server.dialects.common.answers.answer_check import AnswerChecks
from server.dialects.framing import json_bytes
from server.errors import DrawbridgeError
from server.web.journaling import attach
from server.web.replies import JSON_HEADERS, JsonReply, error_response, header_value
from server.web.streaming.event_pump import EventPump, deliver

Headers = list[tuple[bytes, bytes]]
ErrorForm = Callable[[DrawbridgeError], ErrorReply] | None
"""The response for an error before the answer begins; None: the one of the path's dialect."""
LateHeaders = Callable[[], Headers]
"""Further headers, of what is known only when the answer begins."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that the headers of a stream wait for the first event, and seconds of silence before a heartbeat."""

    head_timeout_s: float
    heartbeat_s: float


class StreamedAnswer(Response):
    """`events`, encoded as a stream. `ignored` names request fields that had no effect."""

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        encoder: Encoder,
        content_type: str,
        *,
        pace: Pace,
        ignored: tuple[str, ...] = (),
        error: ErrorForm = None,
        late: LateHeaders = list,
    ) -> None:
        super().__init__()
        self._events, self._encoder, self._pace, self._ignored = events, encoder, pace, ignored
        self._late = late
        self._error = error
        self._stream_headers: Headers = [
            (b"content-type", content_type.encode()),
            (b"cache-control", b"no-cache"),
            # nginx and similar proxies would buffer the stream.
            (b"x-accel-buffering", b"no"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer."""

        async def write(pump: EventPump) -> None:
            first = await pump.next(self._pace.head_timeout_s)
            if isinstance(first, Failed):
                await _error_response(first.error, self._error, scope)(scope, receive, send)
                return
            headers = [*self._stream_headers, *_headers(self._ignored, first), *self._late()]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._write_body(first, pump, send)

        await deliver(self._events, write, receive, partial(attach, scope))

    async def _write_body(self, first: Event | None, pump: EventPump, send: Send) -> None:
        encoder = self._encoder
        # A heartbeat at the start only if the headers did not wait for the first event.
        frames, event = [encoder.start(), b"" if first is not None else encoder.heartbeat()], first
        while True:
            # Events that have arrived meanwhile go out in the same write.
            while event is not None and not isinstance(event, Finished | Failed):
                frames.append(encoder.event(event))
                event = pump.ready()
            if event is not None:
                break
            if body := b"".join(frames):
                await send({"type": "http.response.body", "body": body, "more_body": True})
            event = await pump.next(self._pace.heartbeat_s)
            frames = [encoder.heartbeat()] if event is None else []
        frames.append(encoder.event(event))
        if isinstance(event, Finished):
            frames.append(encoder.end())
        await send({"type": "http.response.body", "body": b"".join(frames), "more_body": False})


class WholeAnswer(Response):
    """`events`, collected into one JSON body. `ignored` names request fields that had no effect.

    `checks` has compared the answer with the client's schema when the last event comes.
    """

    def __init__(
        self,
        events: AsyncGenerator[Event, None],
        collector: Collector,
        *,
        ignored: tuple[str, ...] = (),
        checks: AnswerChecks | None = None,
        error: ErrorForm = None,
        late: LateHeaders = list,
    ) -> None:
        super().__init__()
        self._late = late
        self._events, self._collector, self._ignored, self._checks = events, collector, ignored, checks
        self._error = error

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the answer."""

        async def write(pump: EventPump) -> None:
            first: Event | None = None
            while (event := await pump.next()) is not None:
                if isinstance(event, Failed):
                    await _error_response(event.error, self._error, scope)(scope, receive, send)
                    return
                first = first or event
                self._collector.add(event)
                if isinstance(event, Finished):
                    await self._send(first, event, send)
                    return

        await deliver(self._events, write, receive, partial(attach, scope))

    async def _send(self, first: Event, finished: Finished, send: Send) -> None:
        body = json_bytes(self._collector.body())
        headers = [*JSON_HEADERS, (b"content-length", b"%d" % len(body)), *_headers(self._ignored, first)]
        headers += self._late()
        if finished.cost_usd is not None:
            headers.append((b"x-drawbridge-cost-usd", f"{finished.cost_usd:.6f}".encode()))
        if self._checks is not None and self._checks.found:
            headers.append((b"x-drawbridge-schema", header_value(self._checks.found).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _error_response(error: DrawbridgeError, form: ErrorForm, scope: Scope) -> JsonReply:
    if form is None:
        return error_response(error, scope)
    reply = form(error)
    return JsonReply(reply.body, status=reply.status, headers=reply.headers)


def _headers(ignored: tuple[str, ...], first: Event | None) -> Headers:
    """What is known of the answer when the response begins; `first` is None if no event has arrived yet."""
    headers: Headers = []
    if isinstance(first, Started) and first.way:
        headers.append((b"x-drawbridge-way", header_value(first.way).encode()))
    if isinstance(first, Started) and first.model:
        headers.append((b"x-drawbridge-model", header_value(first.model).encode()))
    return [*headers, *ignored_header(ignored)]


def ignored_header(ignored: tuple[str, ...]) -> Headers:
    """The header that names request fields without effect, if there are any."""
    return [(b"x-drawbridge-ignored", header_value(", ".join(ignored)).encode())] if ignored else []
