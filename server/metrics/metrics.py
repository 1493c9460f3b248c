"""The metrics of a server, which count from the moment they are switched on."""

import os
from collections.abc import Callable, Collection, Iterator, MutableMapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from server.journal.record import Record
from server.metrics.snapshot import Snapshot
from server.status import Status

if TYPE_CHECKING:
    from server.metrics.instruments import Instruments

# With these set, Prometheus' library would keep all values in files of another program's folder.
_SHARED = ("PROMETHEUS_MULTIPROC_DIR", "prometheus_multiproc_dir")


class Metrics:
    """Counts requests while `is_on()`. `status` and `dropped` are read at each scrape."""

    def __init__(
        self, is_on: Callable[[], bool], *, status: Callable[[], Status], dropped: Callable[[], int] = lambda: 0
    ) -> None:
        self._is_on = is_on
        self._status = status
        self._dropped = dropped
        self._running = 0
        self._instruments: Instruments | None = None

    def add(self, record: Record, models: Collection[str]) -> None:
        """Counts a request that has ended. `models` are the names of models that may become labels."""
        if (instruments := self._current()) is not None:
            instruments.add(record, models)

    def text(self, accept: str, *, running: int) -> tuple[bytes, str] | None:
        """All metrics and their content type, with how many requests are `running`. None if the metrics are off."""
        self._running = running
        instruments = self._current()
        return None if instruments is None else instruments.text(accept)

    def _current(self) -> "Instruments | None":
        if not self._is_on():
            # Switched on again, everything counts from zero, which Prometheus expects of a restart.
            self._instruments = None
        elif self._instruments is None:
            self._instruments = instruments_type()(self._snapshot)
        return self._instruments

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._status(), self._running, self._dropped())


def instruments_type() -> "type[Instruments]":
    """Imports Prometheus' library."""
    with _hidden(os.environ, _SHARED):
        from server.metrics.instruments import Instruments
    return Instruments


@contextmanager
def _hidden(environ: MutableMapping[str, str], names: Collection[str]) -> Iterator[None]:
    """`environ` without the variables `names` inside the block."""
    values = {name: environ.pop(name) for name in names if name in environ}
    try:
        yield
    finally:
        environ.update(values)
