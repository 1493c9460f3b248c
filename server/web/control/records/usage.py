"""The journal's sums for the dashboard: by app, model, key, day or hour, as CSV, and the use of the plan over time."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict

from fastapi import APIRouter, Request, Response

from server.errors import InvalidRequest
from server.journal.csv_export import as_csv
from server.journal.record import Sum, Total
from server.journal.tables import totals
from server.journal.usage import BY, PlanUse, first_day, plan_series, sums, total
from server.web.control.admission import Admission
from server.web.control.records.journal import JournalReader, whole_number
from server.web.replies import JsonReply

_MOST_DAYS, _USUAL_DAYS = 366, 7
_MOST_HOURS_OF = 7
_DAY_S = 86_400.0
_MOST_NAMES = 200


def usage_router(admission: Admission, reader: JournalReader, *, clock: Callable[[], float] = time.time) -> APIRouter:
    """The routes over the sums of the journal."""
    router = APIRouter()

    @router.get("/usage")
    async def usage(request: Request) -> Response:
        admission.page(request)
        days, by = _days(request), request.query_params.get("by", "app")
        if by not in BY:
            raise InvalidRequest(f"by must be one of {', '.join(BY)}.", param="by")
        if by == "hour" and days > _MOST_HOURS_OF:
            raise InvalidRequest(f"by=hour takes at most {_MOST_HOURS_OF} days.", param="days")
        since, until = first_day(days, clock()), first_day(1, clock())

        def query(connection: sqlite3.Connection) -> Sequence[Sum]:
            return sums(connection, since=since, until=until, by=by)

        nothing: Sequence[Sum] = ()
        found = await reader.read(query, nothing)
        return JsonReply(
            {
                "since": since.isoformat(),
                "until": until.isoformat(),
                "by": by,
                "data": [_json(row) for row in found[:_MOST_NAMES]],
                "more": len(found[_MOST_NAMES:]),
                "total": _json(total(found)),
                **reader.state(),
            }
        )

    @router.get("/usage.csv")
    async def usage_csv(request: Request) -> Response:
        admission.page(request)
        since = first_day(_days(request), clock()).isoformat()
        nothing: list[Total] = []
        found = await reader.read(lambda connection: totals(connection, since=since), nothing)
        headers = {
            "content-disposition": f'attachment; filename="drawbridge-usage-{since}.csv"',
            "cache-control": "no-store",
        }
        return Response(as_csv(found) + "\n", media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/usage/windows")
    async def windows(request: Request) -> Response:
        admission.page(request)
        now = clock()
        since = now - _days(request) * _DAY_S
        nothing: list[PlanUse] = []
        found = await reader.read(lambda connection: plan_series(connection, since=since, until=now), nothing)
        names = dict.fromkeys(point.name for point in found)
        data = [{"name": name, "points": [_point(point) for point in found if point.name == name]} for name in names]
        return JsonReply({"since": since, "until": now, "data": data, **reader.state()})

    return router


def _days(request: Request) -> int:
    days = whole_number(request, "days", least=1) or _USUAL_DAYS
    if days > _MOST_DAYS:
        raise InvalidRequest(f"days must be at most {_MOST_DAYS}.", param="days")
    return days


def _json(row: Sum) -> dict[str, object]:
    """A sum as JSON. `cache_share` is the part of the prompt's tokens that came from the cache."""
    prompt = row.usage.prompt
    share = row.usage.cache_read / prompt if prompt else None
    return {**asdict(row), "prompt": prompt, "cache_share": share}


def _point(point: PlanUse) -> dict[str, object]:
    return {"at": point.at, "used": point.used, "resets_at": point.resets_at}
