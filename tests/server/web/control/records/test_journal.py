"""The journal and its sums, as the page reads them."""

import csv
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from server.app import create_app
from server.journal.journal import Journal, journal_file
from server.journal.record import Record
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.server.journal.test_journal import DAY, RECORD
from tests.server.web.scene import NOW, FakeControl, FakeEngine, client

FAILED = replace(
    RECORD,
    outcome="failed",
    status=400,
    error="InvalidRequest",
    trouble="Invalid request",
    param="messages",
    first_ms=None,
)


@contextmanager
def kept(folder: Path, *records: Record, days: int = 30) -> Iterator[Journal]:
    journal = Journal(journal_file(folder), lambda: days, clock=lambda: NOW)
    journal.open()
    for record in records:
        journal.add(record)
    journal.database.flush()
    yield journal
    journal.close()


@asynccontextmanager
async def page(journal: Journal | None) -> AsyncIterator[httpx.AsyncClient]:
    engine, control = FakeEngine(), FakeControl()
    app = create_app(engine.config, engine, control, clock=lambda: NOW, parts=Parts(journal=journal))
    let_in = AccessMiddleware(app, lambda: policy_for(engine.config))
    async with client(let_in, **{"x-drawbridge-token": control.token}) as c:
        yield c


async def test_the_list_has_filters_pages_and_choices(tmp_path: Path) -> None:
    records = [replace(RECORD, id=str(n), app=("Talon", "Cursor")[n % 2]) for n in range(9)]
    with kept(tmp_path, *records, FAILED) as journal:
        async with page(journal) as c:
            first = (await c.get("/control/journal?limit=4&app=Cursor")).json()
            assert [row["id"] for row in first["data"]] == ["7", "5", "3", "1"]
            assert (first["next"], first["days"], first["trouble"]) == (None, 30, None)
            assert first["choices"]["app"] == ["Cline", "Cursor", "Talon"]
            paged = (await c.get("/control/journal?limit=4")).json()
            older = (await c.get(f"/control/journal?limit=200&before={paged['next']}")).json()
            assert len(paged["data"]) + len(older["data"]) == 10
            newer = (await c.get(f"/control/journal?after={paged['data'][1]['number']}")).json()
            assert [row["number"] for row in newer["data"]] == [paged["data"][0]["number"]]
            assert newer["newest"] == first["newest"] == paged["data"][0]["number"]
            for query in ("status=failed", "status=400", "text=invalid+REQ", "way=continued&status=failed"):
                (row,) = (await c.get(f"/control/journal?{query}")).json()["data"]
                assert (row["error"], row["usage"]["cache_read"]) == ("InvalidRequest", 7)


async def test_one_request_has_its_phases_and_what_helps(tmp_path: Path) -> None:
    with kept(tmp_path, replace(RECORD, read_ms=0.5, sent_ms=2.0, ignored="seed"), FAILED) as journal:
        async with page(journal) as c:
            answered = (await c.get("/control/journal/1")).json()
            failed = (await c.get("/control/journal/2")).json()
            assert [phase["name"] for phase in answered["phases"]] == ["read", "wait", "prepare", "first", "answer"]
            assert (answered["ignored"], answered["advice"]["text"]) == ("seed", "")
            assert failed["param"] == "messages"
            assert failed["advice"] == {
                "text": "The app's own error message names what is wrong with this field.",
                "page": "/manual/api",
            }
            for number in ("3", "0", "-1", "x", "1e3", "9" * 30, "٣", "%00"):
                assert (await c.get(f"/control/journal/{number}")).status_code == 404


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=x", "limit=-1", "before=1.5", "before=٣", "after=", "status=20", "status=none"),
        *("status=٢٠٠", f"app={'x' * 201}", f"text={'%41' * 201}", f"limit={'9' * 40}"),
    ],
)
async def test_a_wrong_parameter_is_named(tmp_path: Path, query: str) -> None:
    with kept(tmp_path) as journal:
        async with page(journal) as c:
            reply = await c.get(f"/control/journal?{query}")
    assert (reply.status_code, reply.json()["error"]["param"]) == (400, query.partition("=")[0])


@pytest.mark.parametrize("text", ["%", "_", "'", '"', "%00", "%FF", "%ED%A0%80", "a%00b", "\\", "<script>", "%25"])
async def test_any_text_is_a_search_and_none_is_an_error(tmp_path: Path, text: str) -> None:
    with kept(tmp_path, RECORD) as journal:
        async with page(journal) as c:
            for name in ("text", "app", "model", "way", "key"):
                reply = await c.get(f"/control/journal?{name}={text}")
                assert (reply.status_code, reply.json()["data"]) == (200, [])


async def test_usage_is_summed_and_never_mixes_what_a_plan_covers_with_cost(tmp_path: Path) -> None:
    records = [
        replace(RECORD, ended_at=NOW - ago * DAY, payer=payer) for ago in (0, 2, 40) for payer in ("plan", "api key")
    ]
    with kept(tmp_path, *records) as journal:
        async with page(journal) as c:
            week = (await c.get("/control/usage?days=7&by=app")).json()
            (row,) = week["data"]
            assert (row["name"], row["requests"], row["billed_usd"], row["would_be_usd"]) == ("Cline", 4, 0.5, 0.5)
            assert (row["prompt"], row["usage"]["cache_read"]) == (60, 28)
            assert row["cache_share"] == pytest.approx(28 / 60)
            assert week["total"]["requests"] == 4
            days = (await c.get("/control/usage?days=30&by=day")).json()["data"]
            assert [day["requests"] for day in days] == [0] * 27 + [2, 0, 2]
            assert len((await c.get("/control/usage?days=1&by=hour")).json()["data"]) == 24
            for query in ("by=path", "by=", "days=0", "days=367", "days=8&by=hour"):
                assert (await c.get(f"/control/usage?{query}")).status_code == 400


async def test_the_csv_is_a_download_that_comes_back(tmp_path: Path) -> None:
    odd = [replace(RECORD, app=app) for app in ("=HYPERLINK(1)", 'say "hi", now', "@x", "-1+2")]
    with kept(tmp_path, *odd) as journal:
        async with page(journal) as c:
            reply = await c.get("/control/usage.csv?days=7")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert reply.headers["content-disposition"].startswith('attachment; filename="drawbridge-usage-')
    assert {row["app"] for row in csv.DictReader(io.StringIO(reply.text))} == {
        *("'=HYPERLINK(1)", 'say "hi", now', "'@x", "'-1+2")
    }


async def test_deleting_leaves_nothing_and_the_next_request_is_kept(tmp_path: Path) -> None:
    with kept(tmp_path, RECORD) as journal:
        async with page(journal) as c:
            assert (await c.delete("/control/journal")).json() == {"deleted": True}
            journal.add(FAILED)
            journal.database.flush()
            assert [row["status"] for row in (await c.get("/control/journal")).json()["data"]] == [400]
            assert (await c.get("/control/usage")).json()["total"]["requests"] == 1


@pytest.mark.parametrize("days", [0, 30])
async def test_an_empty_or_missing_journal_says_whether_requests_are_kept(tmp_path: Path, days: int) -> None:
    with kept(tmp_path, days=days) as journal:
        for known, expected in ((journal, days), (None, 0)):
            async with page(known) as c:
                for path in ("journal", "usage", "usage/windows"):
                    found = (await c.get(f"/control/{path}")).json()
                    assert ([row for row in found["data"] if row.get("requests")], found["days"]) == ([], expected)
                assert (await c.get("/control/usage.csv")).status_code == 200
                assert (await c.delete("/control/journal")).status_code == 200


async def test_a_journal_that_cannot_be_read_is_empty_and_says_why(tmp_path: Path) -> None:
    journal_file(tmp_path).mkdir()
    with kept(tmp_path, RECORD) as journal:
        async with page(journal) as c:
            found = (await c.get("/control/journal")).json()
            assert found["data"] == []
            assert "unable to open" in found["trouble"]
            assert (await c.get("/control/journal/1")).status_code == 404
            assert (await c.delete("/control/journal")).status_code == 500


async def test_a_newer_journal_is_read_and_its_trouble_named(tmp_path: Path) -> None:
    with kept(tmp_path, RECORD):
        pass
    sqlite3.connect(journal_file(tmp_path)).execute("PRAGMA user_version = 99").connection.close()
    with kept(tmp_path, RECORD) as journal:
        async with page(journal) as c:
            found = (await c.get("/control/journal")).json()
    assert len(found["data"]) == 1
    assert "newer Drawbridge" in found["trouble"]


async def test_nothing_of_it_is_shown_without_the_token_or_on_another_listener(tmp_path: Path) -> None:
    paths = [("GET", "journal"), ("GET", "journal/1"), ("DELETE", "journal"), ("GET", "usage"), ("GET", "usage.csv")]
    with kept(tmp_path, RECORD) as journal:
        async with page(journal) as c:
            c.headers["x-drawbridge-token"] = "wrong"
            for method, path in [*paths, ("GET", "usage/windows")]:
                assert (await c.request(method, f"/control/{path}")).status_code == 403
            c.headers["origin"] = "https://example.org"
            assert (await c.get("/control/journal")).status_code == 403
            assert "/control" not in (await c.get("/openapi.json", headers={"origin": "http://127.0.0.1:8082"})).text
        async with page(journal) as c:
            assert len((await c.get("/control/journal")).json()["data"]) == 1
