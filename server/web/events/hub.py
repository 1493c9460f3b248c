"""Distributes events to the dashboards that listen, and keeps the last ones for those that lost their connection."""

import asyncio
import secrets
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from server.errors import BusyError

Kind = Literal["request", "log", "usage", "seen", "approval"]

# How many events are kept, and how many streams there may be at a time: a page has one, and none while it is hidden.
KEPT = 500
MOST_STREAMS = 16


@dataclass(frozen=True, slots=True)
class HubEvent:
    """One event. `number` counts up from 1 in each run of the server."""

    number: int
    kind: Kind
    data: object


class EventHub:
    """The events of one run of the server. Its methods are called in the server's loop, until it is closed."""

    def __init__(self, *, kept: int = KEPT, most_streams: int = MOST_STREAMS) -> None:
        self.run = secrets.token_hex(6)
        self._events: deque[HubEvent] = deque(maxlen=kept)
        self._most_streams = most_streams
        self._count = 0
        self._listeners: set[Listener] = set()
        self._is_closed = False

    @property
    def streams(self) -> int:
        """How many pages listen."""
        return len(self._listeners)

    def publish(self, kind: Kind, data: object) -> None:
        """Adds an event. `data` is encoded later, and only if a page listens."""
        self._count += 1
        self._events.append(HubEvent(self._count, kind, data))
        for listener in () if self._is_closed else self._listeners:
            listener.wake()

    def status_changed(self) -> None:
        """Has each page get the status, which is no event: only the newest one counts."""
        for listener in () if self._is_closed else self._listeners:
            listener.is_status_due = True
            listener.wake()

    def close(self) -> None:
        """Ends all streams, after what is pending. The server stops."""
        self._is_closed = True
        for listener in self._listeners:
            listener.is_over = True
            listener.wake()

    @contextmanager
    def listening(self, last_id: str = "") -> Iterator["Listener"]:
        """A listener for the events after the one with the id `last_id`, or for new ones. Raises `BusyError`."""
        if len(self._listeners) >= self._most_streams:
            raise BusyError(
                f"{len(self._listeners)} dashboards are open already.",
                hint="Close one, then reload this page.",
            )
        listener = Listener(self, self._number_of(last_id))
        listener.is_over = self._is_closed
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def after(self, number: int) -> list[HubEvent] | None:
        """The events after that one; None if some of them are not kept any more."""
        if self._count - number > len(self._events):
            return None
        first = len(self._events) - (self._count - number)
        return [event for at, event in enumerate(self._events) if at >= first]

    @property
    def last_number(self) -> int:
        """The number of the last event."""
        return self._count

    def id_of(self, event: HubEvent) -> str:
        """The id of an event, which tells the runs of the server apart."""
        return f"{self.run}-{event.number}"

    def _number_of(self, last_id: str) -> int | None:
        run, _, number = last_id.partition("-")
        is_ours = run == self.run and number.isascii() and number.isdecimal() and len(number) < 16
        return int(number) if is_ours and int(number) <= self._count else None


class Listener:
    """One page's place in the events. Nothing is queued for it: a page that is too slow loses what the hub drops."""

    def __init__(self, hub: EventHub, number: int | None) -> None:
        self._hub = hub
        self._wakeup = asyncio.Event()
        self.is_status_due = True
        self.is_over = False
        # Whether the dashboard has seen all events before this one.
        self.is_resumed = number is not None and hub.after(number) is not None
        self._number = number if number is not None and self.is_resumed else hub.last_number

    def wake(self) -> None:
        """Ends a `wait`."""
        self._wakeup.set()

    def take(self) -> list[HubEvent] | None:
        """The events since the last call. None if some were lost; the next call continues after them."""
        self._wakeup.clear()
        events = self._hub.after(self._number)
        self._number = self._hub.last_number
        return events

    async def wait(self, timeout_s: float) -> None:
        """Returns when there is something new, or after `timeout_s`."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._wakeup.wait()
        except TimeoutError:
            pass
