import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import pytest
from starlette.types import Message

from server.conversation.events import Event, Failed, Finished, PartDelta, Started, StopReason
from server.errors import DrawbridgeError, QueueFull, WorkerDied
from server.web.streaming.responses import Pace, StreamedAnswer, WholeAnswer
from tests.server.web.scene import words

NEVER_S = 1000.0
SCOPE = {"type": "http"}


@dataclass
class Wire:
    """A client that listens until the end and keeps what it heard."""

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


def chunks(event: Event) -> list[object]:
    match event:
        case PartDelta(text=text):
            return [{"say": text}]
        case Failed(error=error):
            return [{"error": error.message}]
        case Finished():
            return [{"end": True}]
        case _:
            return []


class ListFold:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def add(self, event: Event) -> None:
        self.events.append(event)

    def completion(self) -> dict[str, object]:
        return {"said": "".join(event.text for event in self.events if isinstance(event, PartDelta))}


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
    return StreamedAnswer(played(*events), chunks, pace=Pace(head_s, silence_s), **more)


async def test_a_stream_is_a_comment_then_the_events_then_done() -> None:
    wire = Wire()
    await streamed(*words("Bon", "jour"))(SCOPE, wire.receive, wire.send)
    assert wire.status == 200
    assert wire.body == (
        ': drawbridge\n\ndata: {"say":"Bon"}\n\ndata: {"say":"jour"}\n\ndata: {"end":true}\n\ndata: [DONE]\n\n'
    )
    assert wire.is_over
    assert wire.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-drawbridge-way": "process",
        "x-drawbridge-model": "claude-sonnet-5",
    }


async def test_a_burst_goes_out_in_one_write() -> None:
    wire = Wire()
    await streamed(*words(*"abcdefghij"))(SCOPE, wire.receive, wire.send)
    assert len(wire.sent) == 2
    assert wire.body.count("say") == 10


async def test_words_go_out_as_soon_as_they_come() -> None:
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
async def test_a_failure_after_the_head_is_one_error_event_and_then_the_end(failure: Event | Exception) -> None:
    wire = Wire()
    await streamed(Started("m"), PartDelta(0, "Bon"), failure)(SCOPE, wire.receive, wire.send)
    assert wire.status == 200
    assert wire.body.endswith('data: {"error":"The Claude Code process ended while it answered"}\n\n')
    assert wire.body.count("error") == 1
    assert "[DONE]" not in wire.body
    assert wire.is_over


async def test_an_answer_that_merely_stops_is_an_error_and_never_looks_whole() -> None:
    wire = Wire()
    await streamed(Started("m"), PartDelta(0, "Bon"))(SCOPE, wire.receive, wire.send)
    assert "broke off" in wire.body
    assert "[DONE]" not in wire.body


async def test_the_head_does_not_wait_for_ever_for_the_first_event() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(more, *words("late"), head_s=0.001)
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until(": drawbridge\n\n")
    assert wire.status == 200
    assert "x-drawbridge-way" not in wire.headers
    more.set()
    await task
    assert wire.body.endswith("data: [DONE]\n\n")
    assert wire.body.count(": drawbridge") == 1


async def test_a_failure_after_a_head_that_went_out_early_is_an_error_event() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(more, QueueFull(), head_s=0.001)
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until(": drawbridge\n\n")
    more.set()
    await task
    assert wire.body == ': drawbridge\n\ndata: {"error":"Too many requests are waiting"}\n\n'


async def test_silence_is_filled_with_comments() -> None:
    wire, more = Wire(), asyncio.Event()
    answer = streamed(Started("m"), PartDelta(0, "Bon"), more, Finished(StopReason.END), silence_s=0.001)
    task = asyncio.create_task(answer(SCOPE, wire.receive, wire.send))
    await wire.until('{"say":"Bon"}\n\n: drawbridge\n\n: drawbridge\n\n')
    more.set()
    await task
    assert wire.body.endswith('data: {"end":true}\n\ndata: [DONE]\n\n')


async def test_a_whole_answer_is_the_fold_with_its_cost() -> None:
    wire = Wire()
    answer = WholeAnswer(played(*words("Bon", "jour")), ListFold(), ignored=("seed", "logit_bias"))
    await answer(SCOPE, wire.receive, wire.send)
    assert (wire.status, wire.body) == (200, '{"said":"Bonjour"}')
    assert wire.headers == {
        "content-type": "application/json",
        "cache-control": "no-store",
        "content-length": "18",
        "x-drawbridge-way": "process",
        "x-drawbridge-model": "claude-sonnet-5",
        "x-drawbridge-ignored": "seed, logit_bias",
        "x-drawbridge-cost-usd": "0.012500",
    }


async def test_a_cost_that_nobody_knows_is_not_said() -> None:
    wire = Wire()
    await WholeAnswer(played(*words("x", cost_usd=None)), ListFold())(SCOPE, wire.receive, wire.send)
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
    await WholeAnswer(played(*events), ListFold())(SCOPE, wire.receive, wire.send)
    assert wire.status == status
    assert "error" in json.loads(wire.body)
    assert "half" not in wire.body


async def test_a_clients_field_name_cannot_become_a_header_of_ours() -> None:
    wire = Wire()
    await streamed(*words("x"), ignored=("a\r\nset-cookie: b", "ü"))(SCOPE, wire.receive, wire.send)
    assert wire.headers["x-drawbridge-ignored"] == "a??set-cookie: b, ?"
