"""The tables of stored responses, and the statements on them. All functions run inside the caller's transaction.

An item that several responses contain is stored, and counted, once; `response.items` are the numbers of its items.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from server.dialects.common.response_store import Item, StoredResponse
from server.large_json import dumps, loads

MAX_AGE_S = 24 * 3600.0
# How many responses are deleted in one transaction, so that no request waits long for it.
_BATCH = 50


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is kept over all owners. Beyond that, responses used longest ago are dropped."""

    responses: int
    size: int


LIMITS_IN_MEMORY = Limits(1000, 64 * 2**20)
LIMITS_IN_FILE = Limits(10_000, 500_000_000)


def put(connection: sqlite3.Connection, owner: str, response: StoredResponse, *, now: float) -> None:
    """Stores the response and its items."""
    known = _items_of_previous(connection, owner, response)
    items = (*response.input, *response.output)[len(known) :]
    numbers = [*known, *(_number(connection, owner, item) for item in items)]
    until = now + MAX_AGE_S
    connection.executemany(
        "UPDATE item SET uses = uses + 1, until = max(until, ?) WHERE number = ?",
        [(until, number) for number in numbers],
    )
    # After its items are counted, so that those which both contain stay.
    delete(connection, owner, response.id)
    body, places = dumps(response.body), dumps(numbers)
    connection.execute(
        "INSERT INTO response VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [owner, response.id, now, now, body, places, len(response.input), len(body) + len(places)],
    )


def get(connection: sqlite3.Connection, owner: str, id_: str, *, now: float) -> StoredResponse | None:
    """The response, if it is not expired; it is then in use `now`."""
    row = connection.execute(
        "UPDATE response SET used_at = ? WHERE owner = ? AND id = ? AND created_at >= ? RETURNING body, items, inputs",
        [now, owner, id_, now - MAX_AGE_S],
    ).fetchone()
    if row is None:
        return None
    items = [_content(connection, number) for number in loads(row["items"])]
    return StoredResponse(id_, loads(row["body"]), tuple(items[: row["inputs"]]), tuple(items[row["inputs"] :]))


def items(connection: sqlite3.Connection, owner: str, ids: Iterable[str], *, now: float) -> dict[str, Item]:
    """The items with these ids as they were stored last, if an unexpired response contains them."""
    found: dict[str, Item] = {}
    for id_ in ids:
        row = connection.execute(
            "SELECT content FROM item WHERE owner = ? AND id = ? AND until >= ? ORDER BY number DESC LIMIT 1",
            [owner, id_, now],
        ).fetchone()
        if row is not None:
            found[id_] = loads(row["content"])
    return found


def delete(connection: sqlite3.Connection, owner: str, id_: str) -> bool:
    """Deletes the response, and its items that no other one contains. Returns whether there was one."""
    row = connection.execute("DELETE FROM response WHERE owner = ? AND id = ? RETURNING items", [owner, id_]).fetchone()
    for number in () if row is None else loads(row["items"]):
        connection.execute("UPDATE item SET uses = uses - 1 WHERE number = ?", [number])
        connection.execute("DELETE FROM item WHERE number = ? AND uses <= 0", [number])
    return row is not None


def prune(connection: sqlite3.Connection, *, since: float, limits: Limits) -> bool:
    """Deletes some responses made before `since`, and those used longest ago beyond the limits.

    Returns whether there may be more of them.
    """
    expired = connection.execute(
        "SELECT owner, id FROM response WHERE created_at < ? ORDER BY created_at LIMIT ?", [since, _BATCH]
    ).fetchall()
    for row in expired:
        delete(connection, row["owner"], row["id"])
    deleted = len(expired)
    while deleted < _BATCH and _exceeds(connection, limits):
        row = connection.execute("SELECT owner, id FROM response ORDER BY used_at, rowid LIMIT 1").fetchone()
        if row is None:
            break
        delete(connection, row["owner"], row["id"])
        deleted += 1
    return deleted >= _BATCH


def _exceeds(connection: sqlite3.Connection, limits: Limits) -> bool:
    count, size = connection.execute("SELECT count(*), coalesce(sum(size), 0) FROM response").fetchone()
    of_items: int = connection.execute("SELECT coalesce(sum(size), 0) FROM item").fetchone()[0]
    return bool(count > limits.responses or size + of_items > limits.size)


def _items_of_previous(connection: sqlite3.Connection, owner: str, response: StoredResponse) -> Sequence[int]:
    """The numbers of the items that the response has from the one that it continues; they come first in its input."""
    row = connection.execute(
        "SELECT items FROM response WHERE owner = ? AND id = ?", [owner, response.body.get("previous_response_id")]
    ).fetchone()
    numbers: list[int] = [] if row is None else loads(row["items"])
    return numbers if len(numbers) <= len(response.input) else []


def _number(connection: sqlite3.Connection, owner: str, value: Item) -> int:
    """The number of the item, which is stored if it is not yet."""
    content = dumps(value)
    key = [owner, str(value["id"]), hashlib.blake2b(content.encode(), digest_size=16).digest()]
    row = connection.execute("SELECT number FROM item WHERE owner = ? AND id = ? AND digest = ?", key).fetchone()
    if row is None:
        row = connection.execute(
            "INSERT INTO item (owner, id, digest, content, size, uses, until) VALUES (?, ?, ?, ?, ?, 0, 0)"
            " RETURNING number",
            [*key, content, len(content)],
        ).fetchone()
    number: int = row["number"]
    return number


def _content(connection: sqlite3.Connection, number: int) -> Item:
    content: Item = loads(connection.execute("SELECT content FROM item WHERE number = ?", [number]).fetchone()[0])
    return content
