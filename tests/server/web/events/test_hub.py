import asyncio
from functools import partial

import pytest

from server.errors import BusyError
from server.web.events.hub import EventHub


def numbers(hub: EventHub, last_id: str = "") -> list[int] | None:
    with hub.listening(last_id) as listener:
        events = listener.take()
        return None if events is None else [event.number for event in events]


def published(count: int, *, kept: int = 10) -> EventHub:
    hub = EventHub(kept=kept)
    for at in range(count):
        hub.publish("log", {"at": at})
    return hub


def test_a_listener_gets_what_is_published_from_then_on() -> None:
    hub = published(3)
    with hub.listening() as listener:
        assert listener.take() == []
        hub.publish("request", {"phase": "started"})
        taken = listener.take() or []
        assert [(hub.id_of(event), event.kind, event.data) for event in taken] == [
            (f"{hub.run}-4", "request", {"phase": "started"})
        ]
        assert listener.take() == []


@pytest.mark.parametrize(("seen", "missed"), [(0, [1, 2, 3]), (1, [2, 3]), (3, [])])
def test_a_page_that_comes_back_gets_what_it_missed(seen: int, missed: list[int]) -> None:
    hub = published(3)
    with hub.listening(f"{hub.run}-{seen}") as listener:
        assert listener.is_resumed
        assert [event.number for event in listener.take() or []] == missed


@pytest.mark.parametrize(
    "last_id", ["", "another-3", "{run}-1", "{run}-99", "{run}-x", "{run}--1", "{run}-" + "9" * 40]
)
def test_a_page_that_cannot_be_resumed_begins_with_new_events(last_id: str) -> None:
    hub = published(15)
    with hub.listening(last_id.format(run=hub.run)) as listener:
        assert not listener.is_resumed
        assert listener.take() == []


def test_a_slow_page_loses_events_instead_of_growing() -> None:
    hub = published(0)
    with hub.listening() as listener:
        for _ in range(11):
            hub.publish("log", {})
        assert listener.take() is None
        hub.publish("log", {})
        assert [event.number for event in listener.take() or []] == [12]


async def test_waiting_ends_with_an_event_a_status_or_the_end() -> None:
    hub = EventHub()
    with hub.listening() as listener:
        listener.take()
        await listener.wait(0.01)
        for happens in (partial(hub.publish, "log", {}), hub.status_changed, hub.close):
            waiting = asyncio.create_task(listener.wait(60))
            await asyncio.sleep(0)
            happens()
            await waiting
            listener.take()
        assert listener.is_over


def test_the_number_of_streams_is_bounded() -> None:
    hub = EventHub(most_streams=2)
    with hub.listening(), hub.listening():
        with pytest.raises(BusyError, match="2 dashboards"), hub.listening():
            pass
        assert hub.streams == 2
    with hub.listening():
        assert hub.streams == 1


def test_after_the_end_nothing_wakes_a_listener() -> None:
    hub = EventHub()
    hub.close()
    hub.publish("log", {})
    hub.status_changed()
    with hub.listening() as listener:
        assert listener.is_over
