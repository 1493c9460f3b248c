"""The journal of a running server."""

import time
from collections.abc import Callable
from pathlib import Path

from server.journal.record import Record
from server.journal.tables import MIGRATIONS, insert, prune
from server.storage.database import Database

# How many requests are kept at most, however few days they took, and after how many more they are counted again.
MOST_REQUESTS = 200_000
_PRUNE_EVERY = 1000
_DAY_S = 86_400.0


def journal_file(data: Path, *, is_demo: bool = False) -> Path:
    """The file of the journal in the data folder. The demo has one of its own, because its requests are not real."""
    return data / ("journal-demo.sqlite3" if is_demo else "journal.sqlite3")


class Journal:
    """Keeps the requests of the last `days()` days, and the totals of each day. None are kept while that is 0."""

    def __init__(
        self,
        file: Path,
        days: Callable[[], int],
        *,
        on_trouble: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.database = Database(file, MIGRATIONS, on_trouble=on_trouble)
        self._days = days
        self._clock = clock
        self._added = 0
        self._pruned_at = 0.0

    def open(self) -> None:
        """Opens the file in a thread of its own, and drops what is too old."""
        self.database.open()
        self._prune()

    def close(self) -> None:
        """Writes what waits."""
        self.database.close()

    def add(self, record: Record) -> None:
        """Has `record` written, and returns at once."""
        if self._days() == 0:
            return
        self.database.put(lambda connection: insert(connection, record))
        self._added += 1
        if self._added % _PRUNE_EVERY == 0 or self._clock() - self._pruned_at > _DAY_S:
            self._prune()

    @property
    def trouble(self) -> str | None:
        """Why requests are not kept, although they should be; None if they are."""
        return self.database.trouble

    def _prune(self) -> None:
        self._pruned_at = self._clock()
        before = self._pruned_at - self._days() * _DAY_S
        self.database.put(lambda connection: prune(connection, before, MOST_REQUESTS))
