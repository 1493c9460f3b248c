import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from server.conversation.events import Event, Failed, Finished, PartDelta, Started, StopReason
from server.errors import AnswerCut, DrawbridgeError, QueueFull, ShuttingDown
from server.web.streaming import event_pump as module
from server.web.streaming.event_pump import Pump, deliver

STARTED = Started("claude-sonnet-5")
FINISHED = Finished(StopReason.END)


class Source:
    """An answer that a test plays by hand; it remembers how it ended."""

    def __init__(self, *events: Event | Exception, after: Callable[[], Any] | None = None, hold: bool = False) -> None:
        self.events, self.after, self.hold = events, after, hold
        self.ended = ""
        self.drawn = 0
        self.holding = asyncio.Event()

    async def play(self) -> AsyncGenerator[Event, None]:
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event  # noqa: TRY301 # a source fails from within
                self.drawn += 1
                yield event
            if self.hold:
                self.holding.set()
                await asyncio.Event().wait()
            if self.after is not None:
                await self.after()
            self.ended = "by itself"
        except BaseException as error:
            self.ended = type(error).__name__
            raise


async def drawn(pump: Pump) -> list[Event]:
    events: list[Event] = []
    while not events or not isinstance(events[-1], Finished | Failed):
        event = await pump.next()
        assert event is not None
        events.append(event)
    return events


def left_behind() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


class Line:
    """The client's end of the connection."""

    def __init__(self) -> None:
        self.has_left = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        await self.has_left.wait()
        return {"type": "http.disconnect"}


@pytest.mark.parametrize(
    ("source", "last"),
    [
        (Source(STARTED, FINISHED), Finished),
        (Source(STARTED, Failed(QueueFull())), QueueFull),
        (Source(QueueFull()), QueueFull),
        (Source(STARTED, QueueFull()), QueueFull),
        (Source(), AnswerCut),
        (Source(STARTED, PartDelta(0, "half")), AnswerCut),
        (Source(STARTED, KeyError("secret words")), DrawbridgeError),
        (Source(STARTED, FINISHED, PartDelta(0, "too late")), Finished),
        (Source(STARTED, FINISHED, KeyError("too late")), Finished),
    ],
)
async def test_an_answer_always_ends_finished_or_failed_and_only_once(source: Source, last: type) -> None:
    pump = Pump(source.play())
    end = (await drawn(pump))[-1]
    assert isinstance(end.error if isinstance(end, Failed) else end, last)
    await pump.task
    assert pump.ready() is None


async def test_silence_gives_none_and_loses_no_event() -> None:
    go = asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        await go.wait()
        yield STARTED
        yield FINISHED

    pump = Pump(events())
    assert await pump.next(0.001) is None
    assert await pump.next(0.001) is None
    go.set()
    assert await drawn(pump) == [STARTED, FINISHED]


async def test_an_answer_is_not_drawn_much_faster_than_it_is_read() -> None:
    source = Source(STARTED, *[PartDelta(0, "x")] * 1000, FINISHED)
    pump = Pump(source.play())
    for _ in range(2000):
        await asyncio.sleep(0)
    assert source.drawn < 100
    assert len(await drawn(pump)) == 1002


async def test_who_leaves_before_the_first_event_stops_the_answer() -> None:
    source, line = Source(hold=True), Line()
    delivery = asyncio.create_task(deliver(source.play(), drawn_by([]), line.receive))
    await source.holding.wait()
    line.has_left.set()
    await delivery
    assert source.ended == "CancelledError"
    assert not left_behind()


async def test_who_leaves_in_the_middle_stops_the_answer() -> None:
    source, line = Source(STARTED, PartDelta(0, "half"), hold=True), Line()
    seen: list[Event] = []
    delivery = asyncio.create_task(deliver(source.play(), drawn_by(seen), line.receive))
    await source.holding.wait()
    line.has_left.set()
    await delivery
    assert source.ended == "CancelledError"
    assert not left_behind()


async def test_who_leaves_while_nothing_is_read_stops_the_answer_too() -> None:
    source, line = Source(STARTED, *[PartDelta(0, "x")] * 500, FINISHED), Line()

    async def stuck(_: Pump) -> None:
        line.has_left.set()
        await asyncio.Event().wait()

    await deliver(source.play(), stuck, line.receive)
    assert source.ended in {"GeneratorExit", "CancelledError"}
    assert not left_behind()


async def test_a_finished_answer_tidies_up_undisturbed_though_its_listener_is_gone() -> None:
    line = Line()

    async def park() -> None:
        line.has_left.set()
        for _ in range(10):
            await asyncio.sleep(0)

    source = Source(STARTED, FINISHED, after=park)
    seen: list[Event] = []
    await deliver(source.play(), drawn_by(seen), line.receive)
    assert seen == [STARTED, FINISHED]
    assert source.ended == "by itself"
    assert not left_behind()


async def test_a_finished_answer_that_nobody_reads_any_more_tidies_up_too() -> None:
    line = Line()
    source = Source(STARTED, *[PartDelta(0, "x")] * 63, FINISHED)

    async def stuck(pump: Pump) -> None:
        # The queue holds 64: the last event is drawn and waits for a place.
        while source.drawn < 65:
            await asyncio.sleep(0)
        line.has_left.set()
        await asyncio.Event().wait()

    await deliver(source.play(), stuck, line.receive)
    assert source.ended == "by itself"
    assert not left_behind()


async def test_when_the_server_stops_the_listener_hears_it_and_the_answer_is_closed() -> None:
    source, line = Source(STARTED, hold=True), Line()
    seen: list[Event] = []
    delivery = asyncio.create_task(deliver(source.play(), drawn_by(seen), line.receive))
    await source.holding.wait()
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert seen[0] == STARTED
    assert isinstance(seen[-1], Failed)
    assert isinstance(seen[-1].error, ShuttingDown)
    assert source.ended == "CancelledError"
    assert not left_behind()


async def test_cancelling_twice_still_waits_for_the_answer_to_close() -> None:
    may_close, closing = asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        try:
            yield STARTED
            await asyncio.Event().wait()
        finally:
            closing.set()
            await may_close.wait()

    delivery = asyncio.create_task(deliver(events(), drawn_by([]), Line().receive))
    await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    delivery.cancel()
    await closing.wait()
    for _ in range(5):
        await asyncio.sleep(0)
    delivery.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    assert not delivery.done()
    may_close.set()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert not left_behind()


async def test_an_answer_that_will_not_close_is_given_up_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_CLOSING_S", 0.01)
    may_close = asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        try:
            yield STARTED
            await asyncio.Event().wait()
        finally:
            await may_close.wait()

    line = Line()
    line.has_left.set()
    await deliver(events(), drawn_by([]), line.receive)
    assert "did not close" in caplog.text
    may_close.set()
    while left_behind():
        await asyncio.sleep(0)


async def test_a_mistake_in_the_writing_closes_the_answer_and_is_raised() -> None:
    source = Source(STARTED, hold=True)

    async def write(pump: Pump) -> None:
        await pump.next()
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        await deliver(source.play(), write, Line().receive)
    assert source.ended in {"CancelledError", "GeneratorExit"}
    assert not left_behind()


async def test_a_hidden_mistake_is_logged_without_its_words(caplog: pytest.LogCaptureFixture) -> None:
    pump = Pump(Source(STARTED, KeyError("the prompt itself")).play())
    end = (await drawn(pump))[-1]
    assert isinstance(end, Failed)
    assert "the prompt itself" not in str(end.error)
    assert "the prompt itself" not in caplog.text
    assert "KeyError" in caplog.text
    assert Path(__file__).name in caplog.text


def drawn_by(seen: list[Event]) -> Callable[[Pump], Any]:
    async def write(pump: Pump) -> None:
        while not seen or not isinstance(seen[-1], Finished | Failed):
            event = await pump.next()
            assert event is not None
            seen.append(event)

    return write
