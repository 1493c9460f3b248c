"""The version of a database file, the steps from one version to the next, and what becomes of a broken file."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

_BESIDE = ("-wal", "-shm")


class FileIsNewer(Exception):
    """A newer Drawbridge has written the file."""


class FileIsForeign(sqlite3.DatabaseError):
    """The file is a database, but has not the tables that it should have."""

    sqlite_errorcode = sqlite3.SQLITE_CORRUPT


def check_file(connection: sqlite3.Connection, migrations: Sequence[Iterable[str]]) -> None:
    """Raises `FileIsNewer`, or `FileIsForeign` for a database that lacks tables of its version.

    Reads only: a newer file is left as it is.
    """
    version = _version(connection)
    if version > len(migrations):
        raise FileIsNewer
    found = set(_columns(connection))
    if version < 0 or (version == 0 and found):
        raise FileIsForeign("it has other tables")
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as empty:
        migrate(empty, migrations[:version])
        if not set(_columns(empty)) <= found:
            raise FileIsForeign("tables are missing")


def migrate(connection: sqlite3.Connection, migrations: Sequence[Iterable[str]]) -> None:
    """Brings the file to the version `len(migrations)`, inside the caller's transaction. Raises `FileIsNewer`.

    SQLite keeps the number of the version in the file's `user_version`, which is 0 in a new file.
    """
    version = _version(connection)
    if version > len(migrations):
        raise FileIsNewer
    for statements in migrations[version:]:
        for statement in statements:
            connection.execute(statement)
    if version < len(migrations):
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def set_aside(file: Path) -> Path:
    """Renames a broken file, and SQLite's own files beside it, and returns its new path. Raises `OSError`."""
    number = 1
    while (aside := file.with_name(f"{file.stem}.broken-{number}{file.suffix}")).exists():
        number += 1
    file.rename(aside)
    for ending in _BESIDE:
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    return aside


def files_of(file: Path) -> list[Path]:
    """The file with SQLite's own files beside it, and those that were set aside because they were broken.

    The file itself is the last one: if their deletion in this order is interrupted, the next start finds it again.
    """
    found = [path for path in file.parent.glob(f"{file.stem}.*") if file.suffix in path.name and path != file]
    return [*sorted(found), *([file] if file.exists() else [])]


def delete_files(file: Path, *, before: float | None = None) -> None:
    """Deletes `files_of`; with a Unix time `before` only those set aside that were written before it."""
    for path in files_of(file):
        with suppress(OSError):
            if before is None or (".broken-" in path.name and path.stat().st_mtime < before):
                path.unlink()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _columns(connection: sqlite3.Connection) -> Iterator[tuple[str, str]]:
    query = "SELECT t.name, c.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
    return ((str(table), str(column)) for table, column in connection.execute(query))
