"""`drawbridge contents`: keeps the contents of requests for a while, and shows or forgets what is kept."""

import json
from collections.abc import Mapping
from datetime import datetime

import click

from server.commands.options import settings_options, settle
from server.commands.output import columns, note, say
from server.commands.running.status_and_stop import running_instance
from server.errors import DrawbridgeError
from server.machine.instance import request_contents
from server.status import ContentsStatus
from server.status_phrases import contents_line

_WISHES = ("on", "off", "status", "show", "forget")


@click.command("contents")
@click.argument("what", type=click.Choice(_WISHES), default="status")
@click.argument("request_id", required=False)
@click.option("--minutes", type=click.FloatRange(0.1, 1440), help="With on: for how long. Default: until off.")
@settings_options("data_dir")
def contents(*, what: str, request_id: str | None, minutes: float | None, **flags: object) -> int:
    """Keep the contents of requests and answers: on, off, status or forget; show REQUEST_ID prints one as JSON.

    They are kept in the memory of the server; on the disk only if the setting contents_days is above 0.
    """
    if (what == "show") != (request_id is not None):
        raise click.UsageError("Only show takes the id of a request, and it needs one.")
    instance = running_instance(settle(flags, unprefixed=False).folders)
    match what:
        case "on":
            note(_state(request_contents(instance, "POST", body={"on": True, "minutes": minutes})))
        case "off":
            note(_state(request_contents(instance, "POST", body={"on": False})))
        case "forget":
            request_contents(instance, "DELETE")
            note("Everything that was kept is forgotten.")
        case "show":
            return _show(request_contents(instance, "GET", request_id or ""))
        case _:
            answer = request_contents(instance, "GET")
            note(_state(answer))
            _list(answer.get("data"))
    return 0


def _show(answer: Mapping[str, object]) -> int:
    if answer.get("state") != "kept":
        raise DrawbridgeError(str(answer.get("reason")), title="There are no contents of this request")
    say(json.dumps(answer, indent=2, ensure_ascii=False))
    return 0


def _state(answer: Mapping[str, object]) -> str:
    until, days = answer.get("until"), answer.get("days")
    known = ContentsStatus(answer.get("on") is True, until if isinstance(until, int | float) else None)
    line = contents_line(known, datetime.now().astimezone())
    place = f"in memory, and on the disk for {days} days" if days else "in memory only"
    return f"{line}, {place}." if line else "Contents of requests are not kept."


def _list(rows: object) -> None:
    known = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    if known:
        lines = [
            (datetime.fromtimestamp(row["at"]).astimezone().strftime("%H:%M:%S"), *(str(row[name]) for name in _SHOWN))
            for row in known
        ]
        say(columns((("TIME", "APP", "PATH", "STATUS", "ID"), *lines)))


_SHOWN = ("app", "path", "status", "id")
