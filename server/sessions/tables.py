"""The tables of sessions, and the statements on them. All functions run inside the caller's transaction."""

import secrets
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from server.sessions import branch_tables
from server.sessions.session import SessionInfo, Totals

# How many sessions are deleted in one transaction, so that no request waits long for it.
_BATCH = 200
_EXPIRED = "SELECT number, size FROM session WHERE used_at < ? ORDER BY used_at LIMIT ?"
# What is dropped beyond the limits: branches first, then the sessions used longest ago.
_BEYOND = (
    "SELECT number, size FROM session WHERE is_branch = 1 ORDER BY used_at LIMIT ?",
    "SELECT number, size FROM session ORDER BY used_at LIMIT ?",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A session as it is stored, with its messages as JSON texts."""

    number: str
    system: str
    size: int
    forked_from: str | None
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PageRow:
    """Some messages of a session as JSON texts; `messages` is how many it has."""

    system: str
    messages: int
    contents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """A session after an answer: the first `kept` messages stay, and `contents` take the place of the others.

    `number` is that of the stored session; None: there is none yet. `forked_from` and `is_branch` are of a new one.
    `branch` is the id under which what was stored before is kept; None: it is not kept.
    """

    owner: str
    id: str
    number: str | None
    system: str
    kept: int
    contents: tuple[str, ...]
    forked_from: str | None = None
    is_branch: bool = False
    branch: str | None = None


def load(connection: sqlite3.Connection, owner: str, id_: str, *, now: float, since: float) -> Row | None:
    """The session, if it was used after `since`; it is then in use `now`."""
    found = connection.execute(
        "UPDATE session SET used_at = ? WHERE owner = ? AND id = ? AND used_at >= ?"
        " RETURNING number, system, size, forked_from",
        [now, owner, id_, since],
    ).fetchone()
    if found is None:
        return None
    contents = connection.execute("SELECT content FROM message WHERE session = ? ORDER BY place", [found["number"]])
    texts = tuple(row["content"] for row in contents)
    return Row(found["number"], found["system"], found["size"], found["forked_from"], texts)


def page(
    connection: sqlite3.Connection, owner: str, id_: str, *, since: float, after: int, limit: int, most_bytes: int
) -> PageRow | None:
    """At most `limit` messages behind the first `after` ones, and fewer if they are large.

    None if the session was not used after `since`. Reading is no use of it.
    """
    found = connection.execute(
        "SELECT number, system, messages FROM session WHERE owner = ? AND id = ? AND used_at >= ?", [owner, id_, since]
    ).fetchone()
    if found is None:
        return None
    contents: list[str] = []
    size = 0
    rows = connection.execute(
        "SELECT content, size FROM message WHERE session = ? AND place >= ? ORDER BY place LIMIT ?",
        [found["number"], after, limit],
    )
    for row in rows:
        size += row["size"]
        if contents and size > most_bytes:
            break
        contents.append(row["content"])
    return PageRow(found["system"], found["messages"], tuple(contents))


def save(connection: sqlite3.Connection, change: Change, now: float) -> bool:
    """Makes the change. Returns False if the session was deleted meanwhile."""
    number = change.number
    if number is None:
        # An expired one.
        delete(connection, change.owner, change.id)
        number = secrets.token_hex(8)
        connection.execute(
            "INSERT INTO session VALUES (?, ?, ?, ?, ?, '', 0, 0, ?, 0)",
            [number, change.owner, change.id, now, now, change.forked_from],
        )
    elif not connection.execute("SELECT 1 FROM session WHERE number = ?", [number]).fetchone():
        return False
    elif change.branch is not None:
        branch_tables.keep(connection, number, change.branch, now)
        surplus = branch_tables.of(connection, change.owner, change.id, except_newest=branch_tables.MOST_BRANCHES)
        _delete(connection, surplus)
    connection.execute("DELETE FROM message WHERE session = ? AND place >= ?", [number, change.kept])
    connection.executemany(
        "INSERT INTO message VALUES (?, ?, ?, ?)",
        [
            (number, change.kept + offset, content, len(content.encode()))
            for offset, content in enumerate(change.contents)
        ],
    )
    connection.execute(
        "UPDATE session SET used_at = ?, system = ?, messages = (SELECT count(*) FROM message WHERE session = number),"
        " size = (SELECT coalesce(sum(size), 0) FROM message WHERE session = number), is_branch = ? WHERE number = ?",
        [now, change.system, change.is_branch, number],
    )
    return True


def delete(connection: sqlite3.Connection, owner: str, id_: str, *, with_branches: bool = False) -> bool:
    """Deletes the session. Returns whether there was one. `with_branches`: also those that no request continued."""
    found = connection.execute("SELECT number FROM session WHERE owner = ? AND id = ?", [owner, id_]).fetchall()
    _delete(connection, [row["number"] for row in found])
    if with_branches:
        _delete(connection, branch_tables.of(connection, owner, id_))
    return bool(found)


def clear(connection: sqlite3.Connection) -> None:
    """Deletes all sessions."""
    connection.execute("DELETE FROM message")
    connection.execute("DELETE FROM session")


def info(connection: sqlite3.Connection, owner: str, id_: str, *, since: float) -> SessionInfo | None:
    """The session without its messages, if it was used after `since`."""
    found = connection.execute(
        "SELECT * FROM session WHERE owner = ? AND id = ? AND used_at >= ?", [owner, id_, since]
    ).fetchone()
    return None if found is None else _info(found)


def listed(connection: sqlite3.Connection, owner: str, *, since: float, limit: int) -> list[SessionInfo]:
    """The sessions that were used after `since`, the latest first."""
    found = connection.execute(
        "SELECT * FROM session WHERE owner = ? AND used_at >= ? ORDER BY used_at DESC, id LIMIT ?",
        [owner, since, limit],
    )
    return list(map(_info, found))


def totals(connection: sqlite3.Connection, owner: str, *, since: float) -> Totals:
    """The sums over the sessions that were used after `since`."""
    found = connection.execute(
        "SELECT count(*), coalesce(sum(messages), 0), coalesce(sum(size), 0) FROM session"
        " WHERE owner = ? AND used_at >= ?",
        [owner, since],
    ).fetchone()
    return Totals(*found)


def prune(connection: sqlite3.Connection, *, since: float, most: int, most_bytes: int) -> bool:
    """Deletes some sessions that were not used after `since`, and some of those beyond the limits.

    Returns whether there may be more of them.
    """
    count, size = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM session").fetchone()
    doomed = {row["number"]: row["size"] for row in connection.execute(_EXPIRED, [since, _BATCH])}
    count, size = count - len(doomed), size - sum(doomed.values())
    for statement in _BEYOND:
        is_beyond = len(doomed) < _BATCH and (count > most or size > most_bytes)
        for row in connection.execute(statement, [_BATCH]).fetchall() if is_beyond else ():
            if len(doomed) < _BATCH and (count > most or size > most_bytes) and row["number"] not in doomed:
                doomed[row["number"]] = row["size"]
                count, size = count - 1, size - row["size"]
    _delete(connection, tuple(doomed))
    return len(doomed) == _BATCH


def _delete(connection: sqlite3.Connection, numbers: Sequence[str]) -> None:
    each = [(number,) for number in numbers]
    connection.executemany("DELETE FROM message WHERE session = ?", each)
    connection.executemany("DELETE FROM session WHERE number = ?", each)


def _info(row: sqlite3.Row) -> SessionInfo:
    return SessionInfo(row["id"], row["created_at"], row["used_at"], row["messages"], row["size"], row["forked_from"])
