"""Several answers at once: told side by side, added up, and stopped together."""

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

TURN = ModelRequest((Message("user", (Text("hi"),)),), choices=3)
SAID: list[Event | Exception] = [
    Started("m"),
    PartStarted(0, Text("")),
    PartDelta(0, "a"),
    PartEnded(0),
    Finished(StopReason.END, usage=Usage(1, 2, 3, 4, 1), cost_usd=0.5, timings=Timings(1, 2, 3)),
]


@dataclass
class Streams:
    """Answers that are written down; `closed` counts those that were closed."""

    answers: list[list[Event | Exception]]
    turns: list[ModelRequest] = field(default_factory=list)
    closed: int = 0

    async def stream(self, turn: ModelRequest) -> AsyncGenerator[Event, None]:
        self.turns.append(turn)
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
    """Answers that end by themselves."""
    left = list(answers)

    async def stream(_: ModelRequest) -> AsyncGenerator[Event, None]:
        for event in left.pop(0):
            if isinstance(event, Exception):
                raise event
            yield event

    return stream


async def told(stream: Callable[[ModelRequest], AsyncGenerator[Event, None]], turn: ModelRequest = TURN) -> list[Event]:
    return [event async for event in choices(turn, stream)]


async def test_one_answer_is_told_as_it_is() -> None:
    assert await told(ended(SAID), ModelRequest(TURN.messages)) == SAID


async def test_several_begin_once_and_end_once_with_the_sum_of_all() -> None:
    length: list[Event | Exception] = [*SAID[:-1], Finished(StopReason.LENGTH, usage=Usage(1, 0, 0, 1), cost_usd=0.25)]
    events = await told(ended(SAID, length, SAID))
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


async def test_a_cost_that_one_does_not_know_is_not_known() -> None:
    (*_, last) = await told(ended(SAID, [*SAID[:-1], Finished(StopReason.LENGTH)], SAID))
    assert isinstance(last, Finished)
    assert last.cost_usd is None


async def test_a_failure_before_the_first_event_is_raised_and_stops_the_others() -> None:
    streams = Streams([[PermissionRefused()], [], []])
    with pytest.raises(PermissionRefused):
        await told(streams.stream)
    assert streams.closed == len(streams.turns)
    assert all(turn.choices == 1 for turn in streams.turns)


@pytest.mark.parametrize("error", [WorkerDied(), Failed(WorkerDied())])
async def test_a_later_failure_is_one_event_and_stops_the_others(error: Exception | Failed) -> None:
    streams = Streams([SAID[:3], [SAID[0], SAID[1], error], SAID[:2]])
    events = await told(streams.stream)
    assert [type(event) for event in events].count(Failed) == 1
    assert isinstance(events[-1], Failed)
    assert streams.closed == 3


async def test_a_mistake_of_ours_is_raised_and_not_waited_for() -> None:
    streams = Streams([SAID[:3], [SAID[0], ZeroDivisionError()], []])
    with pytest.raises(ZeroDivisionError):
        await told(streams.stream)
    assert streams.closed == 3


async def test_who_leaves_stops_all_of_them() -> None:
    streams = Streams([SAID[:3], SAID[:3], SAID[:3]])
    async with aclosing(choices(TURN, streams.stream)) as events:
        async for event in events:
            if isinstance(event, PartDelta):
                break
    assert streams.closed == 3
