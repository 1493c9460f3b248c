"""Filters and pages of the journal, against a list in memory."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from server.conversation.events import Usage
from server.journal.migrations import FILL_FACETS, MIGRATIONS
from server.journal.record import Record
from server.journal.search import Filters, choices, find, one
from server.journal.tables import insert, prune
from server.storage.schema import migrate
from tests.server.journal.test_journal import NOW, RECORD

NAMES = (
    "",
    "Cursor",
    "cursor",
    "it's",
    'say "hi"',
    "100%",
    "a_b",
    "axb",
    "\\",
    "*",
    "zürich",
    "日本",
    "a\x00b",
    "'; DROP",
)
names = st.sampled_from(NAMES)
records = st.builds(
    lambda app, path, asked, model, way, error, trouble, outcome, status, key, id_: replace(
        RECORD,
        id=id_,
        app=app,
        path=path,
        asked=asked,
        model=model,
        way=way,
        error=error,
        trouble=trouble,
        outcome=outcome,
        status=status,
        key=key,
        usage=Usage(),
    ),
    *(names, names, names, names, st.sampled_from(("spare", "cold")), names, names),
    st.sampled_from(("answered", "failed", "cancelled")),
    st.sampled_from((None, 200, 400, 529)),
    st.sampled_from(("", "laptop")),
    st.sampled_from(("req_1", "100%", "mine")),
)
maybe = st.none() | names
texts = st.sampled_from((*NAMES, "CUR", "%", "_", "x", "req_1", "q_1", "\ud800", "ü", "Ü", "\x00", "b", "null"))
filters = st.builds(
    Filters,
    app=maybe,
    outcome=st.none() | st.sampled_from(("answered", "failed")),
    status=st.none() | st.sampled_from((200, 529, 999)),
    model=maybe,
    way=st.none() | st.just("cold"),
    key=st.none() | st.just("laptop"),
    text=st.just("") | texts | st.text(max_size=3),
)


@contextmanager
def journal(made: Iterable[Record]) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        migrate(connection, MIGRATIONS)
        for record in made:
            insert(connection, record)
        yield connection


def lowered(text: str) -> str:
    """As SQLite does it: ASCII's letters only."""
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


def is_wanted(record: Record, wanted: Filters) -> bool:
    equal = ("app", "outcome", "status", "model", "way", "key")
    if any(
        getattr(wanted, name) not in {None, getattr(record, name) or (0 if name == "status" else "")} for name in equal
    ):
        return False
    searched = (record.app, record.path, record.asked, record.model, record.error, record.trouble)
    text = lowered(wanted.text)
    return not text or wanted.text == record.id or any(text in lowered(value) for value in searched)


@given(st.lists(records, max_size=25), filters)
@example([replace(RECORD, app="100%"), replace(RECORD, app="1000")], Filters(text="100%"))
@example([replace(RECORD, app="a_b"), replace(RECORD, app="axb")], Filters(text="a_b"))
@example([replace(RECORD, status=None)], Filters(status=0))
def test_filters_choose_what_the_same_filters_choose_in_a_list(made: list[Record], wanted: Filters) -> None:
    expected = [record for record in reversed(made) if is_wanted(record, wanted)]
    with journal(made) as connection:
        page = find(connection, wanted, limit=100)
        assert [record for _, record in page.rows] == expected
        assert page.next is None
        assert [one(connection, number) for number, _ in page.rows] == expected


@given(st.lists(records, min_size=1, max_size=30), filters, st.integers(1, 7), st.lists(records, max_size=10))
def test_pages_cover_each_request_once_while_others_arrive(
    made: list[Record], wanted: Filters, limit: int, arriving: list[Record]
) -> None:
    with journal(made) as connection:
        found: list[int] = []
        page = find(connection, wanted, limit=limit)
        while True:
            found += [number for number, _ in page.rows]
            assert len(found) <= len(made)
            if page.next is None:
                break
            for record in arriving:
                insert(connection, record)
            page = find(connection, wanted, limit=limit, before=page.next)
        numbers = [number for number, record in enumerate(made, 1) if is_wanted(record, wanted)]
        assert found == numbers[::-1]
        # And what has arrived since is found by the newest number that was known.
        newest = find(connection, wanted, limit=1000, after=len(made))
        assert all(number > len(made) for number, _ in newest.rows)
        assert len(newest.rows) == sum(is_wanted(record, wanted) for record in arriving) * (
            (find(connection, Filters(), limit=1000).rows[0][0] - len(made)) // max(1, len(arriving))
        )


def test_the_choices_are_those_of_the_requests_that_are_still_there() -> None:
    old = replace(RECORD, app="Old", ended_at=NOW - 1000)
    with journal([old, replace(RECORD, app="New", key="laptop")]) as connection:
        assert choices(connection)["app"] == ["New", "Old"]
        prune(connection, NOW - 500, 100)
        found = choices(connection)
    assert found == {"app": ["New"], "model": ["claude-sonnet-5"], "way": ["continued"], "key": ["laptop"]}


def test_rows_of_an_older_server_are_found_after_the_next_cleaning() -> None:
    columns = "id, ended_at, door, app, path, outcome, dialect, asked, model, way, error, trouble, input"
    zeros = "cache_creation, cache_read, output, thinking, payer, total_ms"
    with journal([RECORD]) as connection:
        connection.execute(
            f"INSERT INTO request ({columns}, {zeros}) VALUES "
            f"('x', {NOW}, 'local', 'Older', '/', 'answered', '', '', '', '', '', '', 0, 0, 0, 0, 0, '', 0)"
        )
        assert not find(connection, Filters(app="Older"), limit=9).rows
        prune(connection, 0.0, 100)
        ((_, found),) = find(connection, Filters(app="Older"), limit=9).rows
        assert found.id == "x"
        assert [_count(connection, statement) for statement in FILL_FACETS] == [0, 0]


def test_a_filter_reads_no_more_rows_the_more_it_leaves_out() -> None:
    """Every statement goes through an index or the facets, never through all requests."""
    few = [Filters(app="x"), Filters(outcome="failed", model="x"), Filters(text="x"), Filters(status=500, text="x")]
    with journal([RECORD]) as connection:
        statements: list[str] = []
        connection.set_trace_callback(statements.append)
        for wanted in few:
            find(connection, wanted, limit=10)
        connection.set_trace_callback(None)
        chosen = [statement for statement in statements if statement.startswith("SELECT * FROM request")]
        assert len(chosen) == len(few)
        for statement in chosen:
            plan = [row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
            assert not any(step.startswith("SCAN request") for step in plan), plan


def _count(connection: sqlite3.Connection, statement: str) -> int:
    return connection.execute(statement).rowcount
