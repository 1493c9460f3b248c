"""The rows of `drawbridge status`, made from the JSON that the server sends."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar  # Any: the fields of a JSON object

from server.status import (
    AccountStatus,
    ApprovalsStatus,
    ComputerStatus,
    ContentsStatus,
    ExtraUsageStatus,
    OllamaStatus,
    PoolStatus,
    TunnelStatus,
    UsageWindow,
)
from server.status_phrases import (
    account_line,
    contents_line,
    counted,
    extra_usage_line,
    moment,
    ollama_line,
    pool_line,
    tunnel_line,
    usage_line,
)

T = TypeVar(
    "T",
    AccountStatus,
    ApprovalsStatus,
    ComputerStatus,
    ContentsStatus,
    ExtraUsageStatus,
    OllamaStatus,
    PoolStatus,
    TunnelStatus,
    UsageWindow,
)


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
        ("tunnel", _tunnel(answer)),
        ("agents", _approvals(answer)),
        ("desktop", _computer(answer)),
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


def _tunnel(answer: Mapping[str, object]) -> str:
    status = _from_json(TunnelStatus, _inner(answer, "tunnel"))
    line = tunnel_line(status)
    return "" if line == "Off" else " ".join(filter(None, (line, status.base_url)))


def _approvals(answer: Mapping[str, object]) -> str:
    waiting = _from_json(ApprovalsStatus, _inner(answer, "approvals")).waiting
    return f"{counted(waiting, 'question')} for you: run 'drawbridge approvals'" if waiting else ""


def _computer(answer: Mapping[str, object]) -> str:
    status = _from_json(ComputerStatus, _inner(answer, "computer"))
    until = moment(status.ends_at, datetime.now().astimezone()).removeprefix("at ")
    return f"Claude uses it until {until}" if status.is_on else ""


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
