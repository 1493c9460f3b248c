"""Finds requests in the journal: by filters and a text, newest first, page by page.

A filter looks at the table of facets, whose rows many requests share, and then at an index: the time that it takes
does not grow with what the filter leaves out.
"""

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from server.journal.record import Record
from server.journal.tables import record_of

OUTCOMES = ("answered", "failed", "cancelled")
_SEARCHED = ("app", "path", "asked", "model", "error", "trouble")
_EQUAL = ("app", "outcome", "status", "model", "way", "key")
_CHOICES = ("app", "model", "way", "key")


@dataclass(frozen=True, slots=True)
class Filters:
    """Which requests are wanted; None: any. `text` is part of a name or an error, or a whole request id.

    Upper and lower case of `text` are the same for ASCII's letters. The status of a request without one is 0.
    """

    app: str | None = None
    outcome: str | None = None
    status: int | None = None
    model: str | None = None
    way: str | None = None
    key: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """Requests with their numbers, and the number before which the next page begins; None if this is the last one."""

    rows: Sequence[tuple[int, Record]]
    next: int | None


def find(
    connection: sqlite3.Connection, filters: Filters, *, limit: int, before: int | None = None, after: int = 0
) -> Page:
    """The newest requests, of those with a number smaller than `before` and greater than `after`."""
    within, bounds = "number > ?", [after]
    if before is not None:
        within, bounds = f"{within} AND number < ?", [*bounds, before]
    newest = f"AND {within} ORDER BY number DESC LIMIT {limit + 1}"
    parts = [f"SELECT number FROM (SELECT number FROM request WHERE {where} {newest})" for where, _ in _chosen(filters)]  # noqa: S608 # our names
    values = [value for _, own in _chosen(filters) for value in (*own, *bounds)]
    where = f"number IN ({' UNION '.join(parts)})"
    found = connection.execute(f"SELECT * FROM request WHERE {where} ORDER BY number DESC LIMIT {limit + 1}", values)  # noqa: S608
    rows = [(row["number"], record_of(row)) for row in found]
    return Page(rows[:limit], rows[limit - 1][0] if len(rows) > limit else None)


def one(connection: sqlite3.Connection, number: int) -> Record | None:
    """The request with this number."""
    row = connection.execute("SELECT * FROM request WHERE number = ?", [number]).fetchone()
    return None if row is None else record_of(row)


def newest(connection: sqlite3.Connection) -> int:
    """The number of the newest request; 0 if there is none."""
    return connection.execute("SELECT ifnull(max(number), 0) FROM request").fetchone()[0]  # type: ignore[no-any-return]


def choices(connection: sqlite3.Connection) -> Mapping[str, list[str]]:
    """The apps, models, ways and keys of the requests, by the name of the filter."""
    found = {}
    for name in _CHOICES:
        rows = connection.execute(f"SELECT DISTINCT {name} FROM facet WHERE {name} != '' ORDER BY {name}")  # noqa: S608
        found[name] = [row[0] for row in rows]
    return found


def _chosen(filters: Filters) -> Iterator[tuple[str, list[str | int]]]:
    """The conditions on a request, each with its values; a request is wanted if one of them holds."""
    wanted = {name: value for name in _EQUAL if (value := getattr(filters, name)) is not None}
    same, values = " AND ".join(["TRUE", *(f"{name} = ?" for name in wanted)]), list(wanted.values())
    if not filters.text:
        # The index of the facets has all that this selects, so the rows of other requests are not read.
        yield (f"facet IN (SELECT number FROM facet WHERE {same})" if wanted else "TRUE"), values  # noqa: S608
        return
    # Not LIKE, which ends at a NUL and gives some letters a meaning.
    contains = " OR ".join(f"instr(lower({name}), lower(?))" for name in _SEARCHED)
    texts = [filters.text] * len(_SEARCHED)
    yield f"facet IN (SELECT number FROM facet WHERE {same} AND ({contains}))", [*values, *texts]  # noqa: S608
    yield f"id = ? AND facet IN (SELECT number FROM facet WHERE {same})", [filters.text, *values]  # noqa: S608
