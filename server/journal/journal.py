"""The journal of a running server."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from server.journal.migrations import MIGRATIONS
from server.journal.record import Record
from server.journal.tables import add_plan_use, clear, insert, prune
from server.status import UsageWindow
from server.storage.database import Database, change, reading
from server.storage.schema import FileIsNewer, migrate

# How many requests are kept at most, however few days they took, and after how many more they are counted again.
MOST_REQUESTS = 200_000
_PRUNE_EVERY = 1000
_DAY_S = 86_400.0
# How often the use of a plan is noted at most, unless a limit is reached or begins again.
_PLAN_S = 300.0


def journal_file(data: Path, *, is_demo: bool = False) -> Path:
    """The file of the journal in the data folder. The demo has one of its own, because its requests are not real."""
    return data / ("journal-demo.sqlite3" if is_demo else "journal.sqlite3")


@contextmanager
def reading_journal(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads the journal, also one that an older Drawbridge has written: it is upgraded first.

    Raises `FileNotFoundError`, or `sqlite3.Error` if the file cannot be read.
    """
    with reading(file) as connection:
        is_old = connection.execute("PRAGMA user_version").fetchone()[0] < len(MIGRATIONS)
    if is_old:
        # A newer file has columns that we do not know, and all of ours.
        with suppress(FileIsNewer):
            change(file, lambda connection: migrate(connection, MIGRATIONS))
    with reading(file) as connection:
        yield connection


def delete_all(file: Path) -> None:
    """Deletes all requests and totals, also while a server writes. Raises `FileNotFoundError` or `sqlite3.Error`."""
    if not file.exists():
        raise FileNotFoundError(file)
    change(file, clear)


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
        self.file = file
        self.database = Database(file, MIGRATIONS, on_trouble=on_trouble)
        self._days = days
        self._clock = clock
        self._added = 0
        self._pruned_at = 0.0
        self._plan: dict[str, tuple[float, UsageWindow]] = {}

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

    def note_plan(self, windows: Iterable[UsageWindow]) -> None:
        """Has the use of the plan written where it has changed, and returns at once."""
        now = self._clock()
        for window in windows:
            at, before = self._plan.get(window.name, (0.0, None))
            if self._days() == 0 or window == before:
                continue
            is_same_period = before is not None and (before.resets_at, before.is_reached) == (
                window.resets_at,
                window.is_reached,
            )
            if not is_same_period or now - at >= _PLAN_S:
                self._plan[window.name] = now, window
                self.database.put(partial(add_plan_use, window=window, at=now))

    def clear(self) -> None:
        """Deletes everything, and waits until it is gone. Raises `sqlite3.Error`."""
        self.database.flush()
        self._plan.clear()
        with suppress(FileNotFoundError):
            delete_all(self.file)

    @property
    def days(self) -> int:
        """For how many days requests are kept; 0 if none are."""
        return self._days()

    @property
    def trouble(self) -> str | None:
        """Why requests are not kept, although they should be; None if they are."""
        return self.database.trouble

    def _prune(self) -> None:
        self._pruned_at = self._clock()
        before = self._pruned_at - self._days() * _DAY_S
        self.database.put(lambda connection: prune(connection, before, MOST_REQUESTS))
