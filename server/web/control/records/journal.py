"""The journal for the dashboard: the list of requests, one of them with its phases, and its deletion."""

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import asdict
from typing import TypeVar

from fastapi import APIRouter, Request, Response

from server.errors import DrawbridgeError, InvalidRequest, NotFound
from server.journal.advice import advice_for
from server.journal.journal import Journal, reading_journal
from server.journal.phases import phases
from server.journal.record import Record
from server.journal.search import OUTCOMES, Filters, choices, find, newest, one
from server.web.control.admission import Admission
from server.web.replies import JsonReply

Found = TypeVar("Found")

_MOST, _USUAL = 200, 100
_LONGEST = 200
# SQLite's largest number.
_GREATEST = 2**63 - 1
# How many readings run at a time. They share the loop's threads with what starts processes.
_READERS = 2


class JournalReader:
    """Reads `journal` in threads. Without one, or if its file cannot be read, there is nothing in it."""

    def __init__(self, journal: Journal | None) -> None:
        self.journal = journal
        self._turns = asyncio.Semaphore(_READERS)
        self._failed: str | None = None

    async def read(self, query: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
        """What `query` returns, or `otherwise` if there is no file to read, which `state` then explains."""
        journal = self.journal
        if journal is None:
            return otherwise

        def run() -> Found:
            with reading_journal(journal.file) as connection:
                return query(connection)

        async with self._turns:
            try:
                found = await asyncio.to_thread(run)
            except FileNotFoundError:
                return otherwise
            except (sqlite3.Error, OSError) as error:
                self._failed = str(error)
                return otherwise
        self._failed = None
        return found

    def state(self) -> dict[str, object]:
        """Whether requests are kept, for how many days, and why they cannot be kept or read."""
        if self.journal is None:
            return {"days": 0, "trouble": None}
        return {"days": self.journal.days, "trouble": self.journal.trouble or self._failed}


def journal_router(admission: Admission, reader: JournalReader) -> APIRouter:
    """The routes over the list of requests."""
    router = APIRouter()

    @router.get("/journal")
    async def requests(request: Request) -> Response:
        admission.page(request)
        filters = _filters(request)
        limit = min(whole_number(request, "limit", least=1) or _USUAL, _MOST)
        before, after = whole_number(request, "before"), whole_number(request, "after") or 0

        def query(connection: sqlite3.Connection) -> dict[str, object]:
            page = find(connection, filters, limit=limit, before=before, after=after)
            rows = [record_json(number, record) for number, record in page.rows]
            return {"data": rows, "next": page.next, "newest": newest(connection), "choices": choices(connection)}

        nothing: dict[str, object] = {"data": [], "next": None, "newest": 0, "choices": {}}
        return JsonReply({**await reader.read(query, nothing), **reader.state()})

    @router.get("/journal/{number}")
    async def request_by_number(request: Request, number: str) -> Response:
        admission.page(request)
        known = int(number) if number.isdecimal() and number.isascii() and len(number) < len(str(_GREATEST)) else 0
        record = await reader.read(lambda connection: one(connection, known), None)
        if record is None:
            raise NotFound("This request is not in the list.", hint="It may have been deleted, or be too old.")
        return JsonReply({**record_json(known, record), **_detail(record)})

    @router.delete("/journal")
    async def clear(request: Request) -> Response:
        admission.page(request)
        if reader.journal is not None:
            try:
                await asyncio.to_thread(reader.journal.clear)
            except (sqlite3.Error, OSError) as error:
                raise DrawbridgeError(
                    f"The list of requests could not be deleted: {error}.",
                    hint="Check the data folder's permissions, then try again.",
                ) from error
        return JsonReply({"deleted": True})

    return router


def record_json(number: int, record: Record) -> dict[str, object]:
    """A request of the list as JSON."""
    return {"number": number, **asdict(record)}


def whole_number(request: Request, name: str, *, least: int = 0) -> int | None:
    """The query parameter `name` as a number; None if it is absent. Raises `InvalidRequest`."""
    text = request.query_params.get(name)
    if text is None:
        return None
    is_number = text.isascii() and text.isdecimal() and len(text) < len(str(_GREATEST))
    if not is_number or int(text) < least:
        raise InvalidRequest(f"{name} must be a whole number from {least} on.", param=name)
    return int(text)


def _detail(record: Record) -> dict[str, object]:
    return {"phases": [asdict(phase) for phase in phases(record)], "advice": asdict(advice_for(record))}


def _filters(request: Request) -> Filters:
    given = {name: value for name, value in request.query_params.items() if value}
    status = given.get("status", "")
    if status and status not in OUTCOMES and not (status.isascii() and status.isdecimal() and len(status) == 3):
        raise InvalidRequest(f"status must be one of {', '.join(OUTCOMES)}, or an HTTP status.", param="status")
    if too_long := next(
        (name for name in ("app", "model", "way", "key", "text") if len(given.get(name, "")) > _LONGEST), None
    ):
        raise InvalidRequest(f"{too_long} is longer than {_LONGEST} characters.", param=too_long)
    return Filters(
        app=given.get("app"),
        outcome=status if status in OUTCOMES else None,
        status=int(status) if status.isdecimal() else None,
        model=given.get("model"),
        way=given.get("way"),
        key=given.get("key"),
        text=given.get("text", "").strip(),
    )
