"""The version of a database file, and the steps from one version to the next."""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path


class FileIsNewer(Exception):
    """A newer Drawbridge has written the file."""


def migrate(connection: sqlite3.Connection, migrations: Sequence[Iterable[str]]) -> None:
    """Brings the file to the version `len(migrations)`, inside the caller's transaction. Raises `FileIsNewer`.

    SQLite keeps the number of the version in the file's `user_version`, which is 0 in a new file.
    """
    version = connection.execute("PRAGMA user_version").fetchone()[0]
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
    for ending in ("-wal", "-shm"):
        beside = file.with_name(file.name + ending)
        if beside.exists():
            beside.rename(aside.with_name(aside.name + ending))
    return aside
