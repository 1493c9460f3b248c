"""One SQLite file, written by a thread of its own, so that no caller waits for the disk.

A file of a newer Drawbridge is left alone, a broken one is set aside. Whatever happens to the file, the callers go on:
changes that cannot be stored are dropped and counted.
"""

import logging
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Generic, TypeVar

from server.storage.schema import FileIsNewer, check_file, migrate, set_aside

logger = logging.getLogger(__name__)

T = TypeVar("T")
Change = Callable[[sqlite3.Connection], object]
"""Writes to the database. It runs in the database's thread, and a second time if the first one was rolled back."""

# How many changes wait at most, and how many go into one transaction.
MOST_WAITING = 1000
_BATCH = 200
# How long a change waits for another process that writes, and when a file that could not be opened is tried again.
_BUSY_MS = 2000
_RETRY_S = 30.0
_CLOSE_S = 5.0


class NotStored(Exception):
    """What was asked of the database was not done; the text says why."""


class _Call(Generic[T]):
    """A change whose result its caller waits for."""

    def __init__(self, what: Callable[[sqlite3.Connection], T], *, cleans: bool) -> None:
        self._what = what
        self.cleans = cleans
        self._result: T
        self.future: Future[T] = Future()

    def __call__(self, connection: sqlite3.Connection) -> None:
        self._result = self._what(connection)

    def succeed(self) -> None:
        """Gives the caller the result. Called when the change is written."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_result(self._result)

    def fail(self, reason: str) -> None:
        """Gives the caller an error."""
        if self.future.set_running_or_notify_cancel():
            self.future.set_exception(NotStored(reason))


class Database:
    """The file `file` with the tables that `migrations` make; each of those is a sequence of SQL statements.

    Without a file all is kept in memory. `on_trouble` is called in the database's thread whenever `trouble` changes.
    `is_secret`: what is deleted is overwritten in the file.
    """

    def __init__(
        self,
        file: Path | None,
        migrations: Sequence[Sequence[str]],
        *,
        is_secret: bool = False,
        on_trouble: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.file = file
        self._name = "memory" if file is None else file.name
        self._migrations = migrations
        self._is_secret = is_secret
        self._on_trouble = on_trouble
        self._clock = clock
        self._changes: queue.Queue[Change | None] = queue.Queue(MOST_WAITING)
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._tried_at: float | None = None
        self._thread = threading.Thread(
            target=self._run, name=f"drawbridge-{file.stem if file else self._name}", daemon=True
        )
        self._is_closing = False
        self.trouble: str | None = None
        self.dropped = 0
        """How many changes were dropped."""

    def open(self) -> None:
        """Starts the thread, which opens or creates the file. Never raises, and returns at once."""
        self._thread.start()

    def put(self, what: Change) -> bool:
        """Has the thread make the change and returns at once; False if it was dropped, because too many wait."""
        if not self._is_closing:
            with suppress(queue.Full):
                self._changes.put_nowait(what)
                return True
        self.dropped += 1
        return False

    def call(self, what: Callable[[sqlite3.Connection], T], *, cleans: bool = False) -> Future[T]:
        """Has the thread make the change or read. The future has its result, once that is written, or `NotStored`.

        `cleans`: what is deleted is then in none of SQLite's own files beside the database either.
        """
        call = _Call(what, cleans=cleans)
        if not self.put(call):
            call.fail("the database is closing, or too many changes wait")
        return call.future

    def flush(self, timeout_s: float = _CLOSE_S) -> bool:
        """Waits until everything that was put before is written or dropped; False if that takes longer."""
        # The first one is made in the transaction of what was put before; the second one after that is committed.
        return self._reached(timeout_s) and self._reached(timeout_s)

    def _reached(self, timeout_s: float) -> bool:
        done = threading.Event()
        return self.put(lambda _: done.set()) and done.wait(timeout_s)

    def close(self, timeout_s: float = _CLOSE_S) -> None:
        """Writes what waits, then closes the file."""
        self._is_closing = True
        with suppress(queue.Full):
            self._changes.put(None, timeout=timeout_s)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def _run(self) -> None:
        self._connect()
        while (batch := self._next_batch()) is not None:
            self._write(batch)
        if self._connection is not None:
            self._connection.close()

    def _next_batch(self) -> list[Change] | None:
        """Waits for changes; None at the end."""
        one = self._changes.get()
        batch: list[Change] = []
        while one is not None:
            batch.append(one)
            if len(batch) == _BATCH or self._changes.empty():
                return batch
            one = self._changes.get()
        if not batch:
            return None
        self._changes.put(None)
        return batch

    def _write(self, batch: Sequence[Change]) -> None:
        if self._connection is None and (self._tried_at is None or self._clock() - self._tried_at >= _RETRY_S):
            self._connect()
        failed = {id(one): self.trouble for one in self._make(batch)}
        if failed and len(batch) > 1:
            # One that cannot be written must not take the others with it.
            failed = {id(one): self.trouble for one in batch if self._make([one])}
        self.dropped += len(failed)
        calls = [one for one in batch if isinstance(one, _Call)]
        if any(call.cleans for call in calls) and self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        for call in calls:
            if id(call) in failed:
                call.fail(failed[id(call)] or "the change failed")
            else:
                call.succeed()

    def _make(self, batch: Sequence[Change]) -> Sequence[Change]:
        """Makes all changes of the batch, or none and returns them."""
        if self._connection is not None and self._is_gone():
            # SQLite would write on, into a file that no one can open.
            logger.warning("%s was deleted or replaced, and is opened again", self._name)
            self._connection.close()
            self._connection = None
            self._connect()
        if self._connection is None:
            return batch
        try:
            with transaction(self._connection):
                for one in batch:
                    one(self._connection)
        except sqlite3.Error as error:
            self._note(_words(error))
            if is_damaged(error):
                self._connection.close()
                self._connection = None
                self._connect()
            return batch
        except Exception:
            # A bug in one change must not end the thread, on which all later ones depend.
            logger.exception("a change of %s failed", self._name)
            return batch
        self._note(None)
        return ()

    def _connect(self) -> None:
        self._tried_at = self._clock()
        try:
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if self.file is None or not is_damaged(error):
                    raise
                aside = set_aside(self.file)
                logger.warning("%s cannot be read (%s) and is now %s", self._name, error, aside.name)
                self._connection = self._open()
        except FileIsNewer:
            # Only a newer Drawbridge can read it, so it is never tried again.
            self._tried_at = float("inf")
            self._note("the file was written by a newer Drawbridge")
        except (sqlite3.Error, OSError) as error:
            self._note(_words(error))
        else:
            self._note(None)

    def _open(self) -> sqlite3.Connection:
        connection = _open(self.file, self._migrations)
        connection.row_factory = sqlite3.Row
        self._opened = None if self.file is None else _identity(self.file)
        if self._is_secret:
            connection.execute("PRAGMA secure_delete = ON")
        return connection

    def _is_gone(self) -> bool:
        """Whether there is no file any more, or another one. Windows lets no one delete an open file."""
        return self.file is not None and os.name == "posix" and _identity(self.file) != self._opened

    def _note(self, trouble: str | None) -> None:
        if trouble == self.trouble:
            return
        self.trouble = trouble
        if trouble is not None:
            logger.warning("%s cannot be written: %s", self._name, trouble)
        self._on_trouble()


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits what the block writes; rolls it back if the block raises."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:  # also an interrupt: the transaction would stay open
        with suppress(sqlite3.Error):
            connection.execute("ROLLBACK")
        raise


@contextmanager
def reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads. Raises `FileNotFoundError`, or `sqlite3.Error` if the file cannot be read."""
    if not file.exists():
        raise FileNotFoundError(file)
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        yield connection
    finally:
        connection.close()


def change(file: Path, what: Change) -> None:
    """Makes one change of an existing file, also while another process has it open. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        connection.execute("PRAGMA secure_delete = ON")
        with transaction(connection):
            what(connection)
        # What was deleted would stay in the write-ahead log for a while.
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()


def is_damaged(error: sqlite3.Error) -> bool:
    """Whether the file's content is the reason of `error`."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def _open(file: Path | None, migrations: Sequence[Iterable[str]]) -> sqlite3.Connection:
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # SQLite gives its own files beside it the same mode.
        with suppress(FileExistsError):
            file.touch(mode=0o600, exist_ok=False)
    connection = sqlite3.connect(file or ":memory:", isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
        # Before anything that writes.
        check_file(connection, migrations)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # A quarter of the default, for memory: rows are appended, and queries read small tables.
        connection.execute("PRAGMA cache_size = -500")
        with transaction(connection):
            migrate(connection, migrations)
        _check(connection)
    except BaseException:  # also an interrupt: the file would stay open
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection) -> None:
    """Raises the `sqlite3.DatabaseError` that SQLite itself would raise later, if the file's content is damaged."""
    damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        error = sqlite3.DatabaseError(damage)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _identity(file: Path) -> tuple[int, int] | None:
    """Tells files with one name apart; None if there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _words(error: sqlite3.Error | OSError) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
