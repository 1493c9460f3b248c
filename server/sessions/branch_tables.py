"""The statements on branches: what an edited history replaced, kept as sessions of their own.

A branch of the session "mine" has an id such as "mine~1". It is an ordinary session as soon as a request continues it.
All functions run inside the caller's transaction.
"""

import secrets
import sqlite3
from collections.abc import Sequence

from server.sessions.session import LONGEST_NAME

MOST_BRANCHES = 3
"""How many branches of one session are kept. Beyond that, the oldest ones are deleted."""
_MARK = "~"
# So that a long name has room for the mark and a number.
_LONGEST_BASE = LONGEST_NAME - 9


def last_number(connection: sqlite3.Connection, owner: str, id_: str) -> int:
    """The highest number that a branch of the session has in its id; 0 if there is none."""
    base = f"{id_[:_LONGEST_BASE]}{_MARK}"
    # All ids that begin with `base`, by the index.
    end = f"{base[:-1]}{chr(ord(_MARK) + 1)}"
    found = connection.execute("SELECT id FROM session WHERE owner = ? AND id > ? AND id < ?", [owner, base, end])
    numbers = (row["id"][len(base) :] for row in found)
    return max((int(number) for number in numbers if number.isascii() and number.isdigit()), default=0)


def branch_id(id_: str, number: int) -> str:
    """The id of a branch of the session `id_`."""
    return f"{id_[:_LONGEST_BASE]}{_MARK}{number}"


def keep(connection: sqlite3.Connection, number: str, wanted: str, now: float) -> None:
    """Copies the session `number` to a branch with the id `wanted`, or with the next one if that is taken by now."""
    session = connection.execute("SELECT owner, id FROM session WHERE number = ?", [number]).fetchone()
    owner, id_, copy = session["owner"], session["id"], secrets.token_hex(8)
    if connection.execute("SELECT 1 FROM session WHERE owner = ? AND id = ?", [owner, wanted]).fetchone():
        wanted = branch_id(id_, last_number(connection, owner, id_) + 1)
    connection.execute(
        "INSERT INTO session SELECT ?, owner, ?, ?, ?, system, messages, size, id, 1 FROM session WHERE number = ?",
        [copy, wanted, now, now, number],
    )
    connection.execute(
        "INSERT INTO message SELECT ?, place, content, size FROM message WHERE session = ?", [copy, number]
    )


def of(connection: sqlite3.Connection, owner: str, id_: str, *, except_newest: int = 0) -> Sequence[str]:
    """The numbers of the session's branches but for the newest ones."""
    found = connection.execute(
        "SELECT number FROM session WHERE owner = ? AND forked_from = ? AND is_branch = 1"
        " ORDER BY used_at DESC, rowid DESC LIMIT -1 OFFSET ?",
        [owner, id_, except_newest],
    )
    return [row["number"] for row in found]
