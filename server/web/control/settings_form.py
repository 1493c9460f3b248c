"""The settings as a form: their groups, titles and kinds of input. Their meanings are in `server.setting_help`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType

from server.config import FIXED_AT_START, OPTIONS, SECRETS, Config, Option
from server.model_aliases import as_table
from server.setting_help import HELP
from server.setting_parsers import Number, OneOf, Whole

_OTHER = "Other"
# Each group with its settings, and their titles; a setting of no group is shown under "Other".
_GROUPS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "Answers": {
            "model": "Default model",
            "pool_size": "Answers at once",
            "timeout_s": "Timeout of Claude",
            "fallback_model": "Fallback model",
            "housekeeping_model": "Model for background requests",
            "reasoning": "Claude's thinking",
            "aliases": "Your own names for models",
            "strict_models": "Refuse unknown model names",
            "forward_sampling": "Pass on temperature and top_p",
        },
        "Connections": {
            "port": "Port",
            "ollama_port": "Port for apps that only know Ollama",
            "reach": "Who can connect",
            "require_key": "Require the access key",
            "api_key": "Access key from the settings",
            "allowed_origins": "Web pages that may use the server",
            "allowed_hosts": "More host names of this server",
            "host": "Address to listen on",
            "proxy": "Proxy for Claude Code",
            "body_limit_mb": "Largest request",
        },
        "Account": {
            "payer": "Who pays",
            "on_extra_usage": "When the plan is used up",
            "usage_notice": "Notify at plan usage of",
        },
        "Tunnel": {
            "tunnel": "Open at the start",
            "tunnel_host": "Public host name",
            "tunnel_port": "Port of its listener",
            "tunnel_idle_hours": "Close when unused for",
        },
        "Agents": {
            "agent_mode": "Agent mode",
            "agents": "Agents at once",
            "agent_progress": "Show what an agent does",
            "agent_turns": "Most requests to Claude for an answer",
            "agent_minutes": "Longest time for an answer",
            "agent_cost_usd": "Highest cost of an answer",
            "computer_use": "Computer use",
            "computer_minutes": "Longest time of computer use",
            "projects_root": "Folder for projects",
            "projects_by_api": "Let apps add projects",
        },
        "Privacy": {
            "journal_days": "Keep the list of requests",
            "contents_days": "Keep contents on the disk too",
            "sessions": "Keep conversations that apps name",
            "session_hours": "Keep each conversation for",
            "log_level": "Detail of the log",
            "metrics": "Metrics",
        },
        "App": {
            "icon": "Colour of the tray icon",
            "check_updates": "Check for updates",
            "demo": "Demo",
            "data_dir": "Folder for data",
            "log_dir": "Folder for the log",
        },
        "Embeddings": {
            "embeddings_url": "Endpoint",
            "embeddings_model": "Model",
            "embeddings_key": "Key of the endpoint",
        },
        "Claude Code": {
            "cli_path": "Program",
            "prefer_cli": "Which program",
            "isolation": "Processes",
            "memory": "Memory",
            "warm_spares": "Warm unused processes up",
            "idle_shrink_s": "End idle processes after",
        },
        "Waiting and retries": {
            "queue_timeout_s": "Longest wait for a process",
            "max_waiting": "Waiting requests",
            "retries": "Retries",
            "without_breaker": "Send every request even while Claude keeps failing",
            "head_timeout_s": "Longest wait for the first output",
            "heartbeat_s": "Heartbeat of a stream",
        },
    }
)
# For development; it does not belong on the page.
HIDDEN = frozenset({"reload"})
_CHOICES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "reach": {"local": "This computer only", "lan": "Also my network and containers (they need the key)"},
        "payer": {"automatic": "As Claude Code chooses", "plan": "The Claude plan", "api key": "The API key"},
        "on_extra_usage": {"go on": "Continue with paid extra usage", "stop": "Stop until the plan's limit resets"},
        "tunnel": {
            "off": "No tunnel",
            "tailscale": "Tailscale Funnel",
            "cloudflared": "Cloudflare quick tunnel",
            "cloudflared named": "Cloudflare tunnel with my domain",
            "ngrok": "ngrok",
            "ssh": "ssh relay (localhost.run), which can read the traffic",
            "own": "An address of my own",
        },
        "prefer_cli": {"carried": "The one that ships with Drawbridge", "newest": "The newest on this computer"},
        "reasoning": {"hidden": "Hidden", "field": "As reasoning_content", "tags": "As <think> in the text"},
        "isolation": {"warm": "Reused after a reset", "process": "A fresh one for each conversation"},
        "memory": {"normal": "Normal", "small": "Small: one process"},
        "agent_progress": {"reasoning": "As reasoning_content", "content": "In the text", "off": "Not at all"},
        "sessions": {"off": "Nowhere", "memory": "In memory", "disk": "In memory and on the disk"},
        "icon": {"auto": "Automatic", "light": "Light, for a dark panel", "dark": "Dark, for a light panel"},
    }
)
_UNITS = {
    "seconds": "seconds",
    "megabytes": "MB",
    "minutes": "minutes",
    "hours": "hours",
    "US dollars": "USD",
    "a number of days": "days",
    "a number of percent": "%",
}
_LONGEST = 4096
_MOST_NAMES = 1000


@dataclass(frozen=True, slots=True)
class FormValues:
    """What the form shows: the settings in force, those that are wanted, and which are pinned by what."""

    in_force: Config
    wanted: Config
    pinned_by: Callable[[str], str]
    restarting: frozenset[str] = frozenset()


class ValueRefused(ValueError):
    """A value that the setting does not take."""


def shown_options() -> Iterator[tuple[str, str, Option]]:
    """The group, the title and the option of each setting on the page, in order."""
    options = {option.name: option for option in OPTIONS}
    grouped = {name for titles in _GROUPS.values() for name in titles}
    for group, titles in _GROUPS.items():
        yield from ((group, title, options[name]) for name, title in titles.items() if name in options)
    for option in OPTIONS:
        if option.name not in grouped | HIDDEN:
            title = option.key.replace("_", " ")
            yield _OTHER, title[:1].upper() + title[1:], option


def settings_json(values: FormValues) -> list[dict[str, object]]:
    """Every setting of the form, without the values of secrets."""
    return [_setting(group, title, option, values) for group, title, option in shown_options()]


def parse_change(option: Option, value: object) -> object:
    """The value as the settings file has it; None for the default. Raises `ValueRefused`."""
    if value is None:
        return None
    if not _is_plain(value):
        raise ValueRefused
    try:
        parsed = option.parse(value)
        return as_table(parsed) if option.name == "aliases" and isinstance(parsed, tuple) else _plain(parsed)
    except ValueError as error:
        raise ValueRefused from error


def _is_plain(value: object) -> bool:
    """Whether the value is short and printable, so that the file can hold it and a person read it."""
    if isinstance(value, str):
        return len(value) <= _LONGEST and value.isprintable()
    if isinstance(value, list):
        return len(value) <= _MOST_NAMES and all(isinstance(item, str) and _is_plain(item) for item in value)
    return isinstance(value, bool | int | float)


def _setting(group: str, title: str, option: Option, values: FormValues) -> dict[str, object]:
    default = {known.name: known.default for known in fields(Config)}[option.name]
    value, now = getattr(values.wanted, option.name), getattr(values.in_force, option.name)
    is_secret = option.name in SECRETS
    return {
        "name": option.key,
        "group": group,
        "title": title,
        "meaning": HELP.get(option.name, ""),
        "expects": option.expects,
        **_kind(option, default),
        "default": _plain(default),
        "value": None if is_secret else _plain(value),
        "is_set": values.wanted.source(option.name) != "default",
        "source": values.wanted.source(option.name),
        "pinned": values.pinned_by(option.name),
        "applies": _applies(option.name, values),
        "is_pending": not is_secret and option.name in FIXED_AT_START and value != now,
    }


def _applies(name: str, values: FormValues) -> str:
    if name in values.restarting:
        return "restart"
    return "next start" if name in FIXED_AT_START else "live"


def _kind(option: Option, default: object) -> dict[str, object]:
    """The kind of input, with its range or choices."""
    unit = next((unit for start, unit in _UNITS.items() if option.expects.startswith(start)), "")
    if option.name in SECRETS:
        return {"kind": "secret"}
    match option.parse:
        case Whole(low, high):
            return {"kind": "number", "low": low, "high": high, "step": 1, "unit": unit}
        case Number(low, high):
            return {"kind": "number", "low": low, "high": high, "step": "any", "unit": unit}
        case OneOf(choices):
            titles = _CHOICES.get(option.name, {})
            return {
                "kind": "choice",
                "choices": [[choice, titles.get(choice, choice.capitalize())] for choice in choices],
            }
    if isinstance(default, bool):
        return {"kind": "switch"}
    return {"kind": "list" if isinstance(default, tuple) else "text"}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path) else value
