"""Several answers to one request: merged, summed and stopped together."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field

import pytest

from server.answering.multiple_choices import choices
from server.conversation.events import (
    Event,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StopReason,
    Timings,
    Usage,
)
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest
from server.errors import PermissionRefused, WorkerDied

REQUEST = ModelRequest((Message("user", (Text("hi"),)),), choices=3)
ANSWER: list[Event | Exception] = [
    Started("m"),
    PartStarted(0, Text("")),
    PartDelta(0, "a"),
    PartEnded(0),
    Finished(StopReason.END, usage=Usage(1, 2, 3, 4, 1), cost_usd=0.5, timings=Timings(1, 2, 3)),
]


@dataclass
class Streams:
    """Scripted answers that stay open at their end; `closed` counts the closed ones."""

    answers: list[list[Event | Exception]]
    requests: list[ModelRequest] = field(default_factory=list)
    closed: int = 0

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        self.requests.append(request)
        try:
            for event in self.answers.pop(0):
                if isinstance(event, Exception):
                    raise event
                yield event
                await asyncio.sleep(0)
            await asyncio.Event().wait()
        finally:
            self.closed += 1


def ended(*answers: list[Event | Exception]) -> Callable[[ModelRequest], AsyncGenerator[Event, None]]:
    """Scripted answers that end by themselves."""
    left = list(answers)

    async def stream(_: ModelRequest) -> AsyncGenerator[Event, None]:
        for event in left.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event

    return stream


async def events_of(
    stream: Callable[[ModelRequest], AsyncGenerator[Event, None]], request: ModelRequest = REQUEST
) -> list[Event]:
    return [event async for event in choices([request], stream)]


async def test_several_answers_have_one_start_and_one_end_with_the_summed_usage() -> None:
    length: list[Event | Exception] = [
        *ANSWER[:-1],
        Finished(StopReason.LENGTH, usage=Usage(1, 0, 0, 1), cost_usd=0.25),
    ]
    events = await events_of(ended(ANSWER, length, ANSWER))
    assert [event for event in events if isinstance(event, Started)] == [Started("m")]
    assert events[0] == Started("m")
    for number in range(3):
        own = [event for event in events[1:-1] if getattr(event, "choice", None) == number]
        assert own == [PartStarted(0, Text(""), number), PartDelta(0, "a", number), PartEnded(0, None, number)]
    assert events[-1] == Finished(
        StopReason.END,
        usage=Usage(3, 4, 6, 9, 2),
        cost_usd=1.25,
        timings=Timings(1, 2, 3),
        reasons=(StopReason.END, StopReason.LENGTH, StopReason.END),
    )


async def test_the_cost_is_unknown_if_that_of_one_answer_is() -> None:
    (*_, last) = await events_of(ended(ANSWER, [*ANSWER[:-1], Finished(StopReason.LENGTH)], ANSWER))
    assert isinstance(last, Finished)
    assert last.cost_usd is None


async def test_a_failure_before_the_first_event_is_raised_and_stops_the_others() -> None:
    streams = Streams([[PermissionRefused()], [], []])
    with pytest.raises(PermissionRefused):
        await events_of(streams.stream)
    assert streams.closed == len(streams.requests)
    assert all(request.choices == 1 for request in streams.requests)


@pytest.mark.parametrize("error", [WorkerDied(), Failed(WorkerDied())])
async def test_a_later_failure_is_one_event_and_stops_the_others(error: Exception | Failed) -> None:
    streams = Streams([ANSWER[:3], [ANSWER[0], ANSWER[1], error], ANSWER[:2]])
    events = await events_of(streams.stream)
    assert [type(event) for event in events].count(Failed) == 1
    assert isinstance(events[-1], Failed)
    assert streams.closed == 3


async def test_an_unexpected_exception_is_raised_at_once() -> None:
    streams = Streams([ANSWER[:3], [ANSWER[0], ZeroDivisionError()], []])
    with pytest.raises(ZeroDivisionError):
        await events_of(streams.stream)
    assert streams.closed == 3


async def test_closing_the_stream_stops_all_answers() -> None:
    streams = Streams([ANSWER[:3], ANSWER[:3], ANSWER[:3]])
    async with aclosing(choices([REQUEST], streams.stream)) as events:
        async for event in events:
            if isinstance(event, PartDelta):
                break
    assert streams.closed == 3


async def test_a_single_answer_passes_unchanged() -> None:
    last = Finished(StopReason.STOP_SEQUENCE, "END", cost_usd=0.5)
    answer: list[Event | Exception] = [*ANSWER[:-1], last]
    assert await events_of(ended(answer), ModelRequest(REQUEST.messages)) == answer
