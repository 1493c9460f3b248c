import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import pytest

from server.conversation.events import Event, Failed, Finished, PartDelta, Started, StopReason
from server.errors import AnswerCut, DrawbridgeError, QueueFull, ShuttingDown
from server.web.streaming import event_pump as module
from server.web.streaming.event_pump import EventPump, deliver

STARTED = Started("claude-sonnet-5")
FINISHED = Finished(StopReason.END)


class Source:
    """An answer that a test controls; it records how it ended."""

    def __init__(self, *events: Event | Exception, after: Callable[[], Any] | None = None, hold: bool = False) -> None:
        self.events, self.after, self.hold = events, after, hold
        self.ended = ""
        self.read = 0
        self.holding = asyncio.Event()

    async def play(self) -> AsyncGenerator[Event, None]:
        try:
            for event in self.events:
                if isinstance(event, Exception):
                    raise event  # noqa: TRY301 # a source fails from within
                self.read += 1
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


async def read_all(pump: EventPump) -> list[Event]:
    events: list[Event] = []
    while not events or not isinstance(events[-1], Finished | Failed):
        event = await pump.next()
        assert event is not None
        events.append(event)
    return events


def tasks_left() -> set[asyncio.Task[Any]]:
    return asyncio.all_tasks() - {asyncio.current_task()}


class Connection:
    """A connection that the test closes."""

    def __init__(self) -> None:
        self.is_closed = asyncio.Event()

    async def receive(self) -> dict[str, object]:
        await self.is_closed.wait()
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
        (Source(STARTED, KeyError("the prompt")), DrawbridgeError),
        (Source(STARTED, FINISHED, PartDelta(0, "too late")), Finished),
        (Source(STARTED, FINISHED, KeyError("too late")), Finished),
    ],
)
async def test_an_answer_always_ends_finished_or_failed_and_only_once(source: Source, last: type) -> None:
    pump = EventPump(source.play())
    end = (await read_all(pump))[-1]
    assert isinstance(end.error if isinstance(end, Failed) else end, last)
    await pump.task
    assert pump.ready() is None


async def test_a_timeout_returns_none_and_loses_no_event() -> None:
    go = asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        await go.wait()
        yield STARTED
        yield FINISHED

    pump = EventPump(events())
    assert await pump.next(0.001) is None
    assert await pump.next(0.001) is None
    go.set()
    assert await read_all(pump) == [STARTED, FINISHED]


async def test_a_timeout_counts_from_the_last_event() -> None:
    loop, go = asyncio.get_running_loop(), asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        await go.wait()
        yield STARTED
        await asyncio.Event().wait()

    pump = EventPump(events())
    loop.call_later(0.05, go.set)
    assert await pump.next(0.5) == STARTED
    begun = loop.time()
    assert await pump.next(0.5) is None
    assert loop.time() - begun >= 0.499
    pump.stop()


async def test_a_shorter_timeout_replaces_a_longer_one_and_none_waits_on() -> None:
    go = asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        yield STARTED
        await go.wait()
        yield FINISHED

    pump = EventPump(events())
    assert await pump.next(1000) == STARTED
    assert await pump.next(0.001) is None
    asyncio.get_running_loop().call_later(0.02, go.set)
    assert await pump.next() == FINISHED


async def test_events_are_read_only_a_little_ahead_of_the_reader() -> None:
    source = Source(STARTED, *[PartDelta(0, "x")] * 1000, FINISHED)
    pump = EventPump(source.play())
    for _ in range(2000):
        await asyncio.sleep(0)
    assert source.read < 100
    assert len(await read_all(pump)) == 1002


async def test_a_disconnect_before_the_first_event_cancels_the_answer() -> None:
    source, client = Source(hold=True), Connection()
    delivery = asyncio.create_task(deliver(source.play(), recorder([]), client.receive))
    await source.holding.wait()
    client.is_closed.set()
    await delivery
    assert source.ended == "CancelledError"
    assert not tasks_left()


async def test_a_disconnect_in_the_middle_cancels_the_answer() -> None:
    source, client = Source(STARTED, PartDelta(0, "half"), hold=True), Connection()
    seen: list[Event] = []
    delivery = asyncio.create_task(deliver(source.play(), recorder(seen), client.receive))
    await source.holding.wait()
    client.is_closed.set()
    await delivery
    assert source.ended == "CancelledError"
    assert not tasks_left()


async def test_a_disconnect_while_the_writer_is_blocked_cancels_the_answer() -> None:
    source, client = Source(STARTED, *[PartDelta(0, "x")] * 500, FINISHED), Connection()

    async def stuck(_: EventPump) -> None:
        client.is_closed.set()
        await asyncio.Event().wait()

    await deliver(source.play(), stuck, client.receive)
    assert source.ended in {"GeneratorExit", "CancelledError"}
    assert not tasks_left()


async def test_a_finished_answer_closes_undisturbed_after_a_disconnect() -> None:
    client = Connection()

    async def park() -> None:
        client.is_closed.set()
        for _ in range(10):
            await asyncio.sleep(0)

    source = Source(STARTED, FINISHED, after=park)
    seen: list[Event] = []
    await deliver(source.play(), recorder(seen), client.receive)
    assert seen == [STARTED, FINISHED]
    assert source.ended == "by itself"
    assert not tasks_left()


async def test_a_finished_answer_that_waits_for_space_closes_after_a_disconnect() -> None:
    client = Connection()
    source = Source(STARTED, *[PartDelta(0, "x")] * 63, FINISHED)

    async def stuck(pump: EventPump) -> None:
        # The queue holds 64: the last event is read and waits for space.
        while source.read < 65:
            await asyncio.sleep(0)
        client.is_closed.set()
        await asyncio.Event().wait()

    await deliver(source.play(), stuck, client.receive)
    assert source.ended == "by itself"
    assert not tasks_left()


async def test_a_server_stop_is_the_last_event_and_closes_the_answer() -> None:
    source, client = Source(STARTED, hold=True), Connection()
    seen: list[Event] = []
    delivery = asyncio.create_task(deliver(source.play(), recorder(seen), client.receive))
    await source.holding.wait()
    delivery.cancel()
    with pytest.raises(asyncio.CancelledError):
        await delivery
    assert seen[0] == STARTED
    assert isinstance(seen[-1], Failed)
    assert isinstance(seen[-1].error, ShuttingDown)
    assert source.ended == "CancelledError"
    assert not tasks_left()


async def test_cancelling_twice_still_waits_for_the_answer_to_close() -> None:
    may_close, closing = asyncio.Event(), asyncio.Event()

    async def events() -> AsyncGenerator[Event, None]:
        try:
            yield STARTED
            await asyncio.Event().wait()
        finally:
            closing.set()
            await may_close.wait()

    delivery = asyncio.create_task(deliver(events(), recorder([]), Connection().receive))
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
    assert not tasks_left()


async def test_an_answer_that_does_not_close_is_abandoned_with_a_warning(
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

    client = Connection()
    client.is_closed.set()
    await deliver(events(), recorder([]), client.receive)
    assert "did not close" in caplog.text
    may_close.set()
    while tasks_left():
        await asyncio.sleep(0)


async def test_a_bug_in_the_writer_closes_the_answer_and_is_raised() -> None:
    source = Source(STARTED, hold=True)

    async def write(pump: EventPump) -> None:
        await pump.next()
        raise LookupError("a bug")

    with pytest.raises(LookupError):
        await deliver(source.play(), write, Connection().receive)
    assert source.ended in {"CancelledError", "GeneratorExit"}
    assert not tasks_left()


async def test_a_bug_in_the_source_is_logged_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    pump = EventPump(Source(STARTED, KeyError("the prompt itself")).play())
    end = (await read_all(pump))[-1]
    assert isinstance(end, Failed)
    assert "the prompt itself" not in str(end.error)
    assert "the prompt itself" not in caplog.text
    assert "KeyError" in caplog.text
    assert Path(__file__).name in caplog.text


def recorder(seen: list[Event]) -> Callable[[EventPump], Any]:
    async def write(pump: EventPump) -> None:
        while not seen or not isinstance(seen[-1], Finished | Failed):
            event = await pump.next()
            assert event is not None
            seen.append(event)

    return write
