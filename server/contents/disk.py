"""Kept requests in a file of their own, which exists only while the settings name a number of days."""

import json
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any  # a kept request as JSON

from server.contents.kept import summary
from server.storage.database import Change, Database, reading
from server.storage.schema import delete_files, files_of

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        # The content stands last, so that a list or a sum reads no content.
        "CREATE TABLE kept (number INTEGER PRIMARY KEY, id TEXT NOT NULL, at REAL NOT NULL, size INTEGER NOT NULL, "
        "summary TEXT NOT NULL, content TEXT NOT NULL) STRICT",
        "CREATE INDEX kept_id ON kept (id)",
    ),
)
# How many requests are kept at most, and how many characters of them.
MOST = 2000
MOST_TOGETHER = 200_000_000
_DAY_S = 86_400.0


def contents_file(data: Path, *, is_demo: bool = False) -> Path:
    """The file in the data folder. The demo has one of its own."""
    return data / ("contents-demo.sqlite3" if is_demo else "contents.sqlite3")


class KeptOnDisk:
    """Keeps requests in `file`, which is made for the first of them, readable by this user only."""

    def __init__(
        self, file: Path, *, on_trouble: Callable[[], None] = lambda: None, clock: Callable[[], float] = time.time
    ) -> None:
        self.file = file
        self._on_trouble = on_trouble
        self._clock = clock
        self._database: Database | None = None

    @property
    def has_files(self) -> bool:
        """Whether anything is on the disk, or soon will be; also in a file that was set aside because it was broken."""
        return self._is_in_use or bool(files_of(self.file))

    @property
    def _is_in_use(self) -> bool:
        """Whether there is a file, or the database has been told to make it: that takes a moment."""
        return self._database is not None or self.file.exists()

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written."""
        return None if self._database is None else self._database.trouble

    def add(self, id_: str, kept: Mapping[str, Any], days: int) -> None:
        """Writes it soon, and deletes what is older than `days` or no longer fits."""
        content, shown = json.dumps(kept), json.dumps(summary(kept))
        at, oldest = float(kept["at"]), self._clock() - days * _DAY_S

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM kept WHERE id = ?", (id_,))
            connection.execute(
                "INSERT INTO kept (id, at, size, summary, content) VALUES (?, ?, ?, ?, ?)",
                (id_, at, len(content), shown, content),
            )
            _prune(connection, oldest)

        self._change(write)

    def prune(self, days: int) -> None:
        """Deletes what is older than `days`, also in a file that was set aside. Does nothing without a file."""
        oldest = self._clock() - days * _DAY_S
        delete_files(self.file, before=oldest)
        if self._is_in_use:
            self._change(lambda connection: _prune(connection, oldest))

    def drop(self, id_: str) -> None:
        """Deletes one."""
        if self._is_in_use:
            self._change(lambda connection: connection.execute("DELETE FROM kept WHERE id = ?", (id_,)))

    def get(self, id_: str) -> Mapping[str, Any] | None:
        """The kept request. None if it is not there, or the file cannot be read."""
        return next(
            iter(self._rows("SELECT content FROM kept WHERE id = ? ORDER BY number DESC LIMIT 1", (id_,))), None
        )

    def newest(self, most: int) -> list[Mapping[str, Any]]:
        """A line for each of the newest ones."""
        return self._rows("SELECT summary FROM kept ORDER BY number DESC LIMIT ?", (most,))

    def delete(self) -> None:
        """Deletes the file."""
        self.close()
        delete_files(self.file)

    def close(self) -> None:
        """Writes what waits, and closes the file."""
        database, self._database = self._database, None
        if database is not None:
            database.close()

    def flush(self) -> None:
        """Waits until everything is written."""
        if self._database is not None:
            self._database.flush()

    def _change(self, what: Change) -> None:
        """Has the database make the change soon. What is deleted is then in none of SQLite's files any more."""
        if self._database is None:
            self._database = Database(self.file, MIGRATIONS, is_secret=True, on_trouble=self._on_trouble)
            self._database.open()
        self._database.call(what, cleans=True)

    def _rows(self, query: str, values: tuple[object, ...]) -> list[Mapping[str, Any]]:
        try:
            with reading(self.file) as connection:
                return [json.loads(row[0]) for row in connection.execute(query, values)]
        except (sqlite3.Error, OSError, ValueError):
            return []


def _prune(connection: sqlite3.Connection, oldest: float) -> None:
    connection.execute("DELETE FROM kept WHERE at < ?", (oldest,))
    connection.execute(
        "DELETE FROM kept WHERE number <= (SELECT number FROM kept ORDER BY number DESC LIMIT 1 OFFSET ?)", (MOST,)
    )
    total, count = connection.execute("SELECT total(size), count(*) FROM kept").fetchone()
    while total > MOST_TOGETHER and count > 1:
        number, size = connection.execute("SELECT number, size FROM kept ORDER BY number LIMIT 1").fetchone()
        connection.execute("DELETE FROM kept WHERE number = ?", (number,))
        total, count = total - size, count - 1
