"""`drawbridge requests`, `drawbridge usage` and `drawbridge forget-requests`: what the journal has kept."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar  # Any: a command of click

import click

from server.commands.options import settings_options, settle
from server.commands.output import columns, note, say
from server.commands.running.status_and_stop import running_instance
from server.errors import DrawbridgeError
from server.journal.csv_export import as_csv as as_csv_text
from server.journal.journal import delete_all, journal_file, reading_journal
from server.journal.record import Record, Sum
from server.journal.tables import requests, totals
from server.journal.usage import sums
from server.machine.instance import request_running, request_stop_of

Command = TypeVar("Command", bound=Callable[..., Any])

_MOST = 10_000
By = Literal["app", "day", "key", "model"]
_TITLES: Mapping[By, str] = MappingProxyType({"app": "APP", "day": "DAY", "key": "KEY", "model": "MODEL"})


def _journal_options(command: Command) -> Command:
    return settings_options("data_dir", demo="Use the list of requests of the demo.")(command)


@click.command("requests")
@click.option("-n", "number", type=click.IntRange(1, _MOST), default=20, show_default=True, help="How many.")
@click.option("--app", help="Only those of this app, as it is shown.")
@click.option("--model", help="Only those that this model answered.")
@click.option("--key", help="Only those with this app's own access key, by its name.")
@click.option("--failed", is_flag=True, help="Only those that ended with an error.")
@click.option("--running", is_flag=True, help="Only those that are being answered now, with their ids.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs.")
@_journal_options
def requests_command(
    *,
    number: int,
    app: str | None,
    model: str | None,
    key: str | None,
    failed: bool,
    running: bool,
    as_json: bool,
    **flags: object,
) -> int:
    """List the latest requests: which app asked, which model answered, how long it took, and why it failed."""
    if running:
        return _list_running(flags, as_json=as_json)
    given = {"app": app, "model": model, "key": key, "outcome": "failed" if failed else None}
    filters = {name: value for name, value in given.items() if value is not None}
    with _journal(flags) as journal:
        found = [record for _, record in requests(journal, limit=number, filters=filters)]
    if as_json:
        for record in reversed(found):
            say(json.dumps(asdict(record)))
    elif found:
        say(columns((_TITLE_ROW, *map(_row, reversed(found)))))
    else:
        note("No such request is kept.")
    return 0


@click.command("stop-request")
@click.argument("request_id", metavar="ID")
@settings_options("data_dir")
def stop_request(request_id: str, **flags: object) -> int:
    """Stop the running request ID, as 'drawbridge requests --running' shows it. Its client gets an error."""
    if not request_stop_of(running_instance(settle(flags, unprefixed=False).folders), request_id):
        raise DrawbridgeError(
            f"No running request has the id '{request_id}'.",
            hint="It may have just ended; 'drawbridge requests --running' lists those that run.",
            title="There is nothing to stop",
        )
    note("The request was stopped.")
    return 0


def _list_running(flags: dict[str, object], *, as_json: bool) -> int:
    found = request_running(running_instance(settle(flags, unprefixed=False).folders))
    if as_json:
        for one in found:
            say(json.dumps(one))
    elif found:
        rows = [tuple(str(one.get(name) or "") for name in ("id", "app", "model", "way")) for one in found]
        say(columns((("ID", "APP", "MODEL", "WAY"), *rows)))
    else:
        note("No request is being answered.")
    return 0


@click.command("usage")
@click.option(
    "--days", type=click.IntRange(1, _MOST), default=7, show_default=True, help="How many days, including today."
)
@click.option("--by", type=click.Choice(sorted(_TITLES)), help="Sum by this only.  [default: by app, then by model]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one object a line, for programs.")
@click.option("--csv", "as_csv", is_flag=True, help="Print all days as CSV.")
@_journal_options
def usage_command(*, days: int, by: By | None, as_json: bool, as_csv: bool, **flags: object) -> int:
    """Sum the requests of the last days by app and by model, or by day or key: tokens, errors and cost."""
    today = datetime.now().astimezone().date()
    since = today - timedelta(days=days - 1)
    with _journal(flags) as journal:
        found = totals(journal, since=since.isoformat())
        summed = {name: sums(journal, since=since, until=today, by=name) for name in _chosen(by)}
    if as_csv:
        say(as_csv_text(found))
    elif as_json:
        for one in summed[by] if by else found:
            say(json.dumps(asdict(one)))
    elif found:
        say("\n\n".join(_sums(rows, name) for name, rows in summed.items()))
    else:
        note("There were no requests in this time.")
    return 0


@click.command("forget-requests")
@_journal_options
def forget_requests(**flags: object) -> int:
    """Delete the list of requests and the totals of all days."""
    file = _file(flags)
    with _translated(file), suppress(FileNotFoundError):
        delete_all(file)
    note("The list of requests is empty.")
    return 0


def _chosen(by: By | None) -> tuple[By, ...]:
    return ("app", "model") if by is None else (by,)


def _file(flags: dict[str, object]) -> Path:
    settled = settle(flags, unprefixed=False)
    return journal_file(settled.folders.data, is_demo=settled.config.demo)


@contextmanager
def _journal(flags: dict[str, object]) -> Iterator[sqlite3.Connection]:
    file = _file(flags)
    with _translated(file), reading_journal(file) as connection:
        yield connection


@contextmanager
def _translated(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DrawbridgeError(
            "No request has been kept yet.",
            hint="Requests are listed here from the first start on, unless the setting 'journal_days' is 0.",
            title="The list of requests is empty",
        ) from error
    except sqlite3.Error as error:
        raise DrawbridgeError(
            f"{str(file)!r} cannot be used: {error}.",
            hint="Try again; the next start of Drawbridge sets a damaged file aside.",
            title="The list of requests cannot be used",
        ) from error


_TITLE_ROW = ("TIME", "APP", "MODEL", "WAY", "IN", "CACHED", "OUT", "FIRST", "WHOLE", "RESULT")


def _row(record: Record) -> tuple[str, ...]:
    time = datetime.fromtimestamp(record.ended_at).astimezone().strftime("%m-%d %H:%M:%S")
    usage = record.usage
    is_counted = record.outcome == "answered" or usage.output > 0
    tokens = (usage.prompt, usage.cache_read, usage.output) if is_counted else ("", "", "")
    result = f"{record.status or 'error'}: {record.trouble}" if record.outcome == "failed" else record.outcome
    model = record.model or record.asked
    first, whole = _seconds(record.first_ms), _seconds(record.total_ms)
    return (time, record.app, model, record.way, *map(str, tokens), first, whole, result)


def _sums(found: Sequence[Sum], by: By) -> str:
    title = (_TITLES[by], "REQUESTS", "FAILED", "IN", "CACHED", "OUT", "COST", "NOT BILLED")
    rows = [
        (
            one.name or ("no key of its own" if by == "key" else "no answer"),
            str(one.requests),
            str(one.failed),
            f"{one.usage.prompt:,}",
            f"{one.usage.cache_read:,}",
            f"{one.usage.output:,}",
            _dollars(one.billed_usd),
            _dollars(one.would_be_usd),
        )
        for one in found
    ]
    return columns((title, *rows))


def _dollars(amount: float) -> str:
    return f"${amount:.4f}" if amount else ""


def _seconds(ms: float | None) -> str:
    return "" if ms is None else f"{ms / 1000:.2f} s"
