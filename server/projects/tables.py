"""The table of projects, and the statements on it. All functions run inside the caller's transaction."""

import json
import sqlite3
import unicodedata
from dataclasses import fields
from pathlib import Path

from server.projects.project import Project

# Each step is a version of the file. Old steps never change: files of their version exist.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """
        CREATE TABLE project (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, name_key TEXT NOT NULL UNIQUE, folder TEXT NOT NULL,
            permission TEXT NOT NULL, allowed_tools TEXT NOT NULL, web INTEGER NOT NULL,
            reads_claude_md INTEGER NOT NULL, mcp_servers TEXT NOT NULL, computer_use INTEGER NOT NULL,
            is_ours INTEGER NOT NULL, remote_keys TEXT NOT NULL, created_at REAL NOT NULL,
            description TEXT NOT NULL, identity TEXT NOT NULL
        ) STRICT
        """,
    ),
    ("ALTER TABLE project ADD COLUMN changed_at REAL NOT NULL DEFAULT 0",),
)
_LISTS = ("allowed_tools", "remote_keys")
_SWITCHES = ("web", "reads_claude_md", "computer_use", "is_ours")
_FIELDS = tuple(one.name for one in fields(Project))


def name_key(name: str) -> str:
    """The same text for names that people would take for the same."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).strip().casefold())


def find(connection: sqlite3.Connection, name_or_id: str) -> Project | None:
    """The project with this id, else the one with this name."""
    for column, value in (("id", name_or_id), ("name_key", name_key(name_or_id))):
        row = connection.execute(f"SELECT * FROM project WHERE {column} = ?", [value]).fetchone()  # noqa: S608
        if row is not None:
            return _project(row)
    return None


def listed(connection: sqlite3.Connection) -> tuple[Project, ...]:
    """All projects in the order in which they were added."""
    return tuple(map(_project, connection.execute("SELECT * FROM project ORDER BY created_at, id")))


def save(connection: sqlite3.Connection, project: Project) -> bool:
    """Adds the project, or replaces the one with its id. Returns False if another one has its name."""
    key = name_key(project.name)
    if connection.execute("SELECT 1 FROM project WHERE name_key = ? AND id != ?", [key, project.id]).fetchone():
        return False
    row = {**_row(project), "name_key": key}
    marks = ", ".join("?" for _ in row)
    connection.execute(
        f"INSERT OR REPLACE INTO project ({', '.join(row)}) VALUES ({marks})",  # noqa: S608 # our own names of columns
        list(row.values()),
    )
    return True


def delete(connection: sqlite3.Connection, id_: str) -> bool:
    """Deletes the project. Returns whether there was one."""
    return connection.execute("DELETE FROM project WHERE id = ?", [id_]).rowcount > 0


def _row(project: Project) -> dict[str, str | float]:
    row: dict[str, str | float] = {}
    for name in _FIELDS:
        value = getattr(project, name)
        if name in _LISTS:
            value = json.dumps(value, ensure_ascii=False)
        elif name == "folder":
            value = str(value)
        elif name in _SWITCHES:
            value = int(value)
        row[name] = value
    return row


def _project(row: sqlite3.Row) -> Project:
    values = {name: row[name] for name in _FIELDS}
    values |= {name: tuple(json.loads(row[name])) for name in _LISTS}
    values |= {name: bool(row[name]) for name in _SWITCHES}
    return Project(**{**values, "folder": Path(row["folder"])})
