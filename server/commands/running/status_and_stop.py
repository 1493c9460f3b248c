"""`drawbridge status` and `drawbridge stop`."""

import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar  # Any: the fields of a JSON object

import click

from server.commands.options import settings_options, settle
from server.commands.output import note, say, table
from server.errors import DrawbridgeError
from server.machine.files.paths import Folders
from server.machine.instance import Instance, read_instance, request_end, request_status, request_stop, wait_until_gone
from server.status import AccountStatus, ContentsStatus, ExtraUsageStatus, OllamaStatus, PoolStatus, UsageWindow
from server.status_phrases import account_line, contents_line, extra_usage_line, ollama_line, pool_line, usage_line

# The server's grace for running answers, plus some for its processes.
STOP_TIMEOUT_S = 30.0

T = TypeVar("T", AccountStatus, ContentsStatus, ExtraUsageStatus, OllamaStatus, PoolStatus, UsageWindow)


def running_instance(folders: Folders) -> Instance:
    """Returns the running server. Raises `DrawbridgeError` if none runs."""
    instance = read_instance(folders.data)
    if instance is None:
        raise DrawbridgeError(
            "No server is running.",
            hint="Start one with 'drawbridge' or 'drawbridge serve'.",
            title="Drawbridge is not running",
        )
    return instance


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
@settings_options("data_dir")
def status(*, as_json: bool, **flags: object) -> int:
    """Show the running server's status; exit code 1 if none runs."""
    folders = settle(flags, unprefixed=False).folders
    if as_json and read_instance(folders.data) is None:
        say(json.dumps({"state": "stopped"}))
        return 1
    instance = running_instance(folders)
    answer = {**request_status(instance), "pid": instance.pid}
    say(json.dumps(answer, indent=2) if as_json else table(status_rows(answer)))
    return 0


@click.command()
@settings_options("data_dir")
def stop(**flags: object) -> int:
    """Stop the running server or app and wait until it has ended."""
    folders = settle(flags, unprefixed=False).folders
    deadline = time.monotonic() + STOP_TIMEOUT_S
    # An app whose server is stopped has no listener; the data folder passes the request on.
    if read_instance(folders.data) is not None or not request_end(folders.data):
        instance = running_instance(folders)
        # A busy server may need long to answer, and must still be stopped.
        request_stop(instance, timeout_s=STOP_TIMEOUT_S)
    if not wait_until_gone(folders.data, max(0.0, deadline - time.monotonic())):
        raise DrawbridgeError(
            f"It did not end within {STOP_TIMEOUT_S:.0f} s.",
            hint="Check its log, then end the process.",
            title="Drawbridge does not stop",
        )
    note("Drawbridge has stopped.")
    return 0


def status_rows(answer: Mapping[str, object]) -> list[tuple[str, str]]:
    """Formats the server's status; rows without a value are left out by `table`."""
    account, pool, cli = (_inner(answer, name) for name in ("account", "pool", "cli"))
    state = str(answer.get("state", "unknown")) + (" (demo: no real answers)" if answer.get("demo") else "")
    return [
        ("state", state),
        ("base URL", _text(answer.get("base_url"))),
        ("Ollama port", _ollama(answer)),
        ("other devices", _addresses(answer.get("lan_addresses"))),
        ("access key", "required" if answer.get("key_required") else "not required"),
        ("default model", _text(answer.get("model"))),
        ("account", account_line(_from_json(AccountStatus, account), longest=200) if account else ""),
        ("plan usage", _usage(answer.get("usage"))),
        ("extra usage", extra_usage_of(answer).removeprefix("Paid extra usage: ")),
        ("contents", _contents(answer)),
        ("Claude Code", " ".join(filter(None, (_text(cli.get("version")), _text(cli.get("path")))))),
        ("processes", pool_line(_from_json(PoolStatus, pool)) if pool else ""),
        ("answers so far", ", ".join(f"{way}: {count}" for way, count in _inner(pool, "ways").items())),
        ("problem", _text(answer.get("trouble"))),
        ("up for", _duration(answer.get("uptime_s"))),
        ("process", _text(answer.get("pid"))),
        ("version", _text(answer.get("version"))),
    ]


def _inner(answer: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _ollama(answer: Mapping[str, object]) -> str:
    ollama = _inner(answer, "ollama")
    return ollama_line(_from_json(OllamaStatus, ollama)) if ollama else ""


def _addresses(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else ""


def _usage(value: object) -> str:
    now = datetime.now().astimezone()
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    return "; ".join(usage_line(_from_json(UsageWindow, row), now) for row in rows)


def _contents(answer: Mapping[str, object]) -> str:
    contents = _inner(answer, "contents")
    return contents_line(_from_json(ContentsStatus, contents), datetime.now().astimezone()) if contents else ""


def extra_usage_of(answer: Mapping[str, object]) -> str:
    """The line about paid extra usage in the server's status; "" if nothing is known of it."""
    extra = _inner(answer, "extra_usage")
    return extra_usage_line(_from_json(ExtraUsageStatus, extra), datetime.now().astimezone()) if extra else ""


def _from_json(kind: type[T], row: Mapping[str, Any]) -> T:
    """Builds a dataclass from what the server sent; a server of another version may have more fields."""
    return kind(**{name: value for name, value in row.items() if name in kind.__dataclass_fields__})


def _duration(seconds: object) -> str:
    if not isinstance(seconds, int | float):
        return ""
    minutes, hours = int(seconds) // 60 % 60, int(seconds) // 3600
    return f"{hours} h {minutes} min" if hours else f"{minutes} min" if minutes else f"{int(seconds)} s"
