"""The last arrivals, in memory."""

import time
from collections import deque
from collections.abc import Callable

from server.journal.apps import app_of
from server.web.access.head import Head
from server.web.arrivals.arrival import Arrival, arrival_of, https_arrival, outside_arrival
from server.web.journaling import Entry

MOST = 300


class RecentArrivals:
    """The last `MOST` requests of apps, the newest last. `on_add` is called in the loop after each.

    The tests of one app cannot push out those of another for long: what is shown is at most some minutes old.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._kept: deque[Arrival] = deque(maxlen=MOST)
        self._clock = clock
        self.on_add: Callable[[Arrival], None] = lambda _: None

    def add(self, entry: Entry, status: int | None, *, at: float) -> None:
        """Keeps a request that has ended with this status, if an app sent it."""
        if (arrival := arrival_of(entry, status, at=at)) is not None:
            self._keep(arrival)

    def add_https(self) -> None:
        """Keeps that an app tried to connect with https."""
        self._keep(https_arrival(self._clock()))

    def add_outside(self, head: Head) -> None:
        """Keeps a request with a right key through the tunnel, for a path that is not open there."""
        app = app_of({name: values[-1] for name, values in head.headers.items()})
        self._keep(outside_arrival(head, app, self._clock()))

    def since(self, at: float) -> list[Arrival]:
        """The arrivals after this Unix time, the newest first."""
        return [arrival for arrival in reversed(self._kept) if arrival.at > at]

    def _keep(self, arrival: Arrival) -> None:
        self._kept.append(arrival)
        self.on_add(arrival)
