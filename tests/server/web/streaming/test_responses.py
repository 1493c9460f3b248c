import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message

from server.conversation.events import Event, Failed, Finished, PartDelta, Started, StopReason
from server.errors import AnswerCut, DrawbridgeError, QueueFull, WorkerDied
from server.web.streaming.responses import Pace, StreamedAnswer, WholeAnswer
from tests.server.web.scene import text_events

NEVER_S = 1000.0
SCOPE = {"type": "http", "path": "/v1/chat/completions"}


@dataclass
class Wire:
    """A client that stays connected and records the response."""

    sent: list[Message] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Message) -> None:
        self.sent.append(message)
        self.changed.set()

    async def receive(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def body(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent[1:]).decode()

    @property
    def is_over(self) -> bool:
        return len(self.sent) > 1 and not self.sent[-1].get("more_body", False)

    async def until(self, part: str) -> None:
        while part not in self.body:
            self.changed.clear()
            await self.changed.wait()


class ListEncoder:
    """Encodes in no real dialect, so that each part of the stream can be told apart."""

    def start(self) -> bytes:
        return b"start;"

    def event(self, event: Event) -> bytes:
        match event:
            case PartDelta(text=text):
                return text.encode() + b";"
            case Failed(error=error):
                return f"failed: {error.message};".encode()
            case Finished():
                return b"finished;"
            case _:
                return b""

    def heartbeat(self) -> bytes:
        return b"beat;"

    def end(self) -> bytes:
        return b"end;"


class ListCollector:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        self.events.append(event)

    def body(self) -> dict[str, object]:
        return {"text": "".join(event.text for event in self.events if isinstance(event, PartDelta))}


async def played(*events: Event | Exception | asyncio.Event) -> AsyncGenerator[Event, None]:
    for event in events:
        if isinstance(event, Exception):
            raise event
        if isinstance(event, asyncio.Event):
            await event.wait()
        else:
            yield event


def streamed(
    *events: Event | Exception | asyncio.Event, head_s: float = NEVER_S, silence_s: float = NEVER_S, **more: Any
) -> StreamedAnswer:
    return StreamedAnswer(played(*events), ListEncoder(), "text/x-test", pace=Pace(head_s, silence_s), **more)


async def test_a_stream_is_the_start_then_the_events_then_the_end() -> None:
    wire = Wire()
    await streamed(*text_events("Bon", "jour"))(SCOPE, wire.receive, wire.send)
    assert wire.status == 200
    assert wire.body == "start;Bon;jour;finished;end;"
    assert wire.is_over
    assert wire.headers == {
        "content-type": "text/x-test",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-drawbridge-way": "process",
        "x-drawbridge-model": "claude-sonnet-5",
    }


async def test_a_burst_goes_out_in_one_write() -> None:
    wire = Wire()
    await streamed(*text_events(*"abcdefghij"))(SCOPE, wire.receive, wire.send)
    assert len(wire.sent) == 2
    assert wire.body == "start;a;b;c;d;e;f;g;h;i;j;finished;end;"


async def test_text_is_sent_as_soon_as_it_arrives() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(Started("m"), PartDelta(0, "Bon"), more, PartDelta(0, "jour"), Finished(StopReason.END))
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until("Bon")
    assert "jour" not in wire.body
    more.set()
    await task
    assert wire.is_over


@pytest.mark.parametrize(
    "events",
    [[QueueFull(retry_after_s=3)], [Failed(QueueFull(retry_after_s=3))]],
)
async def test_a_failure_before_the_first_event_has_its_true_status(events: list[Event | Exception]) -> None:
    wire = Wire()
    await streamed(*events)(SCOPE, wire.receive, wire.send)
    assert wire.status == 429
    assert wire.headers["retry-after"] == "3"
    assert wire.headers["content-type"] == "application/json"
    assert json.loads(wire.body)["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize("failure", [WorkerDied(), Failed(WorkerDied())])
async def test_a_failure_after_the_headers_is_one_error_event_without_an_end_mark(failure: Event | Exception) -> None:
    wire = Wire()
    await streamed(Started("m"), PartDelta(0, "Bon"), failure)(SCOPE, wire.receive, wire.send)
    assert wire.status == 200
    assert wire.body == f"start;Bon;failed: {WorkerDied().message};"
    assert wire.is_over


async def test_events_that_stop_without_an_end_become_an_error() -> None:
    wire = Wire()
    await streamed(Started("m"), PartDelta(0, "Bon"))(SCOPE, wire.receive, wire.send)
    assert wire.body == f"start;Bon;failed: {AnswerCut().message};"


async def test_the_headers_do_not_wait_indefinitely_for_the_first_event() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(more, *text_events("late"), head_s=0.001)
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until("start;beat;")
    assert wire.status == 200
    assert "x-drawbridge-way" not in wire.headers
    more.set()
    await task
    assert wire.body == "start;beat;late;finished;end;"


async def test_a_failure_after_headers_that_were_sent_early_is_an_error_event() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(more, QueueFull(), head_s=0.001)
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until("start;beat;")
    more.set()
    await task
    assert wire.body == f"start;beat;failed: {QueueFull().message};"


async def test_silence_is_filled_with_heartbeats() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(Started("m"), PartDelta(0, "Bon"), more, Finished(StopReason.END), silence_s=0.001)
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until("start;Bon;beat;beat;")
    more.set()
    await task
    assert wire.body.endswith("beat;finished;end;")


async def test_a_whole_answer_is_the_collected_body_with_its_cost() -> None:
    wire = Wire()
    answer = WholeAnswer(played(*text_events("Bon", "jour")), ListCollector(), ignored=("seed", "logit_bias"))
    await answer(SCOPE, wire.receive, wire.send)
    assert (wire.status, wire.body) == (200, '{"text":"Bonjour"}')
    assert wire.headers == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "content-length": "18",
        "x-drawbridge-way": "process",
        "x-drawbridge-model": "claude-sonnet-5",
        "x-drawbridge-ignored": "seed, logit_bias",
        "x-drawbridge-cost-usd": "0.012500",
    }


async def test_an_unknown_cost_is_left_out() -> None:
    wire = Wire()
    await WholeAnswer(played(*text_events("x", cost_usd=None)), ListCollector())(SCOPE, wire.receive, wire.send)
    assert "x-drawbridge-cost-usd" not in wire.headers


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ([QueueFull()], 429),
        ([Started("m"), PartDelta(0, "half"), Failed(WorkerDied())], 500),
        ([Started("m"), PartDelta(0, "half"), WorkerDied()], 500),
        ([Started("m"), PartDelta(0, "half")], 500),
        ([], 500),
    ],
)
async def test_a_whole_answer_that_fails_anywhere_is_an_error_with_its_status(
    events: list[Event | DrawbridgeError], status: int
) -> None:
    wire = Wire()
    await WholeAnswer(played(*events), ListCollector())(SCOPE, wire.receive, wire.send)
    assert wire.status == status
    assert "error" in json.loads(wire.body)
    assert "half" not in wire.body


async def test_a_field_name_of_the_clients_cannot_inject_a_header() -> None:
    wire = Wire()
    await streamed(*text_events("x"), ignored=("a\r\nset-cookie: b", "ü"))(SCOPE, wire.receive, wire.send)
    assert wire.headers["x-drawbridge-ignored"] == "a??set-cookie: b, ?"
