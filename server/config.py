"""All settings in one table, `OPTIONS`, and their sources: flag, environment variable, settings file, default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Literal, get_args

from server.errors import SettingsInvalid
from server.model_aliases import Misfit, ModelAlias, parse_aliases
from server.setting_parsers import Number, OneOf, Whole, folder, host_name, names, proxy, switch, text, web_address

Source = Literal["flag", "variable", "settings file", "default"]
# The port at which apps look for Ollama.
OLLAMA_PORT = 11434
# How many seconds running answers get to finish when the server stops.
GRACE_S = 10.0
# Settings that take effect only at the next start.
FIXED_AT_START = ("data_dir", "log_dir", "demo", "reload")
# Settings that decide which sockets listen.
LISTENING = ("host", "port", "reach", "ollama_port")
# Settings whose values are never shown.
SECRETS = ("api_key", "proxy", "embeddings_key")
_HOW_TO_CORRECT = "Correct it. Drawbridge reads the settings at its start, and their file also while it runs."

Reach = Literal["local", "lan"]
Payer = Literal["automatic", "plan", "api key"]
PreferredCli = Literal["carried", "newest"]
Isolation = Literal["warm", "process"]
Memory = Literal["normal", "small"]
Sessions = Literal["off", "memory", "disk"]
Thoughts = Literal["hidden", "field", "tags"]
AgentProgress = Literal["reasoning", "content", "off"]
OnExtraUsage = Literal["go on", "stop"]
IconColour = Literal["auto", "light", "dark"]
Tunnel = Literal["off", "tailscale", "cloudflared", "cloudflared named", "ngrok", "ssh", "own"]
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Config:
    """All settings of a server, validated. Times are in seconds."""

    host: str = "127.0.0.1"
    port: int = 8082
    pool_size: int = 3
    model: str = "sonnet"
    timeout_s: float = 120.0
    queue_timeout_s: float = 300.0
    max_waiting: int = 100
    api_key: str | None = field(default=None, repr=False)  # None: clients need no key
    require_key: bool = False  # require the stored key (server.machine.keychain), unless `api_key` is given
    reach: Reach = "local"  # "lan": a second listener for containers and the network, which requires the key
    ollama_port: int = 0  # a second local listener, for apps that only know Ollama; 0: none
    payer: Payer = "automatic"  # "automatic": an exported API key before the plan, as in Claude Code
    on_extra_usage: OnExtraUsage = "go on"  # "stop": refuse requests that would be billed as extra usage
    usage_notice: int = 80  # percent of a window of the plan at which the app notifies; 0: never
    proxy: str | None = field(default=None, repr=False)  # with its password; None: what the environment says
    cli_path: Path | None = None  # None: search for it
    prefer_cli: PreferredCli = "carried"  # "newest": the user's own, if it is newer
    log_dir: Path | None = None  # None: the system's folder for logs
    data_dir: Path | None = None  # None: the system's folder for app data
    demo: bool = False
    reload: bool = False
    head_timeout_s: float = 10.0
    heartbeat_s: float = 15.0
    body_limit_mb: float = 32.0
    allowed_hosts: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    strict_models: bool = False
    aliases: tuple[ModelAlias, ...] = ()  # the user's own names for models
    fallback_model: str | None = None  # None: only the requested model answers
    retries: int = 2  # while Claude's API fails, and before the first output
    without_breaker: bool = False  # True: no circuit breaker
    housekeeping_model: str | None = None  # None: the requested model
    forward_sampling: bool = False  # send temperature and top_p to Claude, for models that accept them
    reasoning: Thoughts = "field"  # how Claude's thinking is shown
    idle_shrink_s: float = 600.0
    embeddings_url: str | None = None  # None: the local model
    embeddings_model: str | None = None  # None: the name that the client sends
    embeddings_key: str | None = field(default=None, repr=False)  # None: the stored one, if any
    isolation: Isolation = "warm"  # "process": a fresh process per conversation, regardless of the self-check
    memory: Memory = "normal"  # "small": one process, unless `pool_size` is given, and without its JIT compiler
    warm_spares: bool = False  # let unused processes answer throw-away questions of a stand-in ahead of requests
    tunnel: Tunnel = "off"  # the provider of the tunnel that is opened at the start
    tunnel_host: str | None = None  # its public name, for providers that do not choose one
    tunnel_port: int = 0  # the port of its listener; 0: a free one, or 8490 if something else sends the requests to it
    tunnel_idle_hours: float = 8.0  # after so long without a request it is closed; 0: never
    projects_root: Path | None = None  # where folders of projects may be made; None: nowhere
    projects_by_api: bool = False  # apps without a key of their own may add and remove projects, on this computer
    journal_days: int = 30  # how long the list of requests is kept, which has none of their words; 0: none is
    metrics: bool = False  # GET /metrics answers on the local listener, in Prometheus' form
    contents_days: int = 0  # how long contents that the user keeps are kept on the disk too; 0: in memory only
    sessions: Sessions = "disk"  # where conversations with a `session_id` are kept; "off": they have none
    session_hours: float = 1.0  # how long one is kept after its last request
    agent_mode: bool = False  # requests that name a project are answered by Claude Code's own tools in its folder
    agents: int = 2  # how many agents work at once; more requests wait
    agent_progress: AgentProgress = "reasoning"  # how an agent's steps are shown
    agent_turns: int = 100  # requests to Claude for one answer of an agent
    agent_minutes: float = 30.0  # for one answer of an agent
    agent_cost_usd: float = 0.0  # for one answer of an agent; 0: no limit
    computer_use: bool = False  # the user may let Claude use the desktop, for a time, from the tray on this computer
    computer_minutes: float = 10.0  # after so long Claude may no longer use the desktop
    check_updates: bool = False  # the app checks for a newer version once a day
    icon: IconColour = "auto"  # of the tray icon; "auto": by the panel, or visible on both if that is unknown
    log_level: str = "info"
    sources: Mapping[str, Source] = field(default_factory=lambda: MappingProxyType({}), compare=False, repr=False)

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer can reach the listener."""
        return self.host in LOOPBACK_HOSTS or self.host.startswith("127.")

    @property
    def local_key(self) -> str | None:
        """The key that apps on this computer must send; None: none. Other devices must always send `api_key`."""
        is_for_others = self.reach == "lan" and self.is_loopback
        return None if is_for_others and not self.require_key and self.source("api_key") == "default" else self.api_key

    def source(self, name: str) -> Source:
        """Returns where the value of `name` came from."""
        return self.sources.get(name, "default")


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: its field in `Config`, its parser, and its variable for `serve` besides `DRAWBRIDGE_<NAME>`."""

    name: str
    parse: Callable[[object], object]
    expects: str
    alias: str | None = None

    @property
    def key(self) -> str:
        """Its name in the settings file."""
        return self.name.removesuffix("_s")

    @property
    def variables(self) -> tuple[str, ...]:
        """The environment variables that set it, by precedence."""
        own = f"DRAWBRIDGE_{self.key.upper()}"
        return (own, self.alias) if self.alias else (own,)


OPTIONS: tuple[Option, ...] = (
    Option("host", text, "an address of this computer, as in 127.0.0.1"),
    Option("port", Whole(1, 65535), "a number from 1 to 65535", alias="PORT"),
    Option("pool_size", Whole(1, 64), "a number from 1 to 64", alias="POOL_SIZE"),
    Option("model", text, "a model's id or alias, as in sonnet"),
    Option("timeout_s", Number(0.1, 86400), "seconds, from 0.1 to 86400", alias="CLAUDE_TIMEOUT"),
    Option("queue_timeout_s", Number(0.1, 86400), "seconds, from 0.1 to 86400"),
    Option("max_waiting", Whole(0, 100_000), "a number from 0 to 100000"),
    Option("api_key", text, "a text"),
    Option("require_key", switch, "true or false"),
    Option("reach", OneOf(("local", "lan")), "local or lan"),
    Option("ollama_port", Whole(0, 65535), "a number from 0 to 65535"),
    Option("payer", OneOf(("automatic", "plan", "api key")), "automatic, plan or api key"),
    Option("on_extra_usage", OneOf(("go on", "stop")), "go on or stop"),
    Option("usage_notice", Whole(0, 100), "a number of percent from 0 to 100"),
    Option("proxy", proxy, "an http or https address, as in http://user:password@proxy.example.org:3128"),
    Option("cli_path", folder, "the path of a claude program", alias="CLAUDE_CLI_PATH"),
    Option("prefer_cli", OneOf(("carried", "newest")), "carried or newest"),
    Option("log_dir", folder, "the path of a folder", alias="LOG_DIR"),
    Option("data_dir", folder, "the path of a folder"),
    Option("demo", switch, "true or false"),
    Option("reload", switch, "true or false"),
    Option("head_timeout_s", Number(0.05, 3600), "seconds, from 0.05 to 3600"),
    Option("heartbeat_s", Number(0.05, 3600), "seconds, from 0.05 to 3600"),
    Option("body_limit_mb", Number(0.001, 4096), "megabytes, from 0.001 to 4096"),
    Option("allowed_hosts", names, "a list of host names"),
    Option("allowed_origins", names, "a list of origins, as in https://example.org"),
    Option("strict_models", switch, "true or false"),
    Option("aliases", parse_aliases, "names of your own for models, as in fast=haiku,deep=opus-high"),
    Option("fallback_model", text, "a model's id or alias, as in sonnet"),
    Option("retries", Whole(0, 5), "a number from 0 to 5"),
    Option("without_breaker", switch, "true or false"),
    Option("housekeeping_model", text, "a model's id or alias, as in haiku"),
    Option("forward_sampling", switch, "true or false"),
    Option("reasoning", OneOf(("hidden", "field", "tags")), "hidden, field or tags"),
    Option("idle_shrink_s", Number(0.05, 604_800), "seconds, from 0.05 to 604800"),
    Option("embeddings_url", web_address, "a base URL, as in https://api.example.org/v1"),
    Option("embeddings_model", text, "a model's name, as in text-embedding-3-small"),
    Option("embeddings_key", text, "a text"),
    Option("isolation", OneOf(("warm", "process")), "warm or process"),
    Option("memory", OneOf(("normal", "small")), "normal or small"),
    Option("warm_spares", switch, "true or false"),
    Option("tunnel", OneOf(get_args(Tunnel)), f"one of {', '.join(get_args(Tunnel))}"),
    Option("tunnel_host", host_name, "a public host name, as in claude.example.org"),
    Option("tunnel_port", Whole(0, 65535), "a number from 0 to 65535"),
    Option("tunnel_idle_hours", Number(0, 8760), "hours, from 0 to 8760"),
    Option("projects_root", folder, "the path of a folder"),
    Option("projects_by_api", switch, "true or false"),
    Option("journal_days", Whole(0, 3650), "a number of days from 0 to 3650"),
    Option("metrics", switch, "true or false"),
    Option("contents_days", Whole(0, 365), "a number of days from 0 to 365"),
    Option("sessions", OneOf(("off", "memory", "disk")), "off, memory or disk"),
    Option("session_hours", Number(0.001, 87_600), "hours, from 0.001 to 87600"),
    Option("agent_mode", switch, "true or false"),
    Option("agents", Whole(1, 16), "a number from 1 to 16"),
    Option("agent_progress", OneOf(("reasoning", "content", "off")), "reasoning, content or off"),
    Option("agent_turns", Whole(1, 10_000), "a number from 1 to 10000"),
    Option("agent_minutes", Number(0.01, 1440), "minutes, from 0.01 to 1440"),
    Option("agent_cost_usd", Number(0, 10_000), "US dollars, from 0 to 10000"),
    Option("computer_use", switch, "true or false"),
    Option("computer_minutes", Number(0.1, 120), "minutes, from 0.1 to 120"),
    Option("check_updates", switch, "true or false"),
    Option("icon", OneOf(("auto", "light", "dark")), "auto, light or dark"),
    Option("log_level", OneOf(("debug", "info", "warning", "error")), "debug, info, warning or error"),
)


def resolve(
    *,
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    file: Mapping[str, object],
    unprefixed: bool = True,
) -> Config:
    """Resolves the settings: flags before variables, before the settings file, before defaults.

    `flags` holds the given ones by field name. `unprefixed`: names like PORT count too (for `serve`). Raises
    `SettingsInvalid`, naming the setting, its source, and what it accepts.
    """
    values: dict[str, object] = {}
    sources: dict[str, Source] = {}
    for option in OPTIONS:
        found = _find(option, flags, environment, file, unprefixed=unprefixed)
        if found is None:
            continue
        given, source, place = found
        try:
            values[option.name] = option.parse(given)
        except Misfit as error:
            part = place.replace(f"{option.key!r}", repr(f"{option.key}.{error.key}"), 1)
            named = part if part != place else f"{place}, name {error.key!r},"
            raise SettingsInvalid(f"{named} {error.problem}.", hint=_HOW_TO_CORRECT) from error
        except ValueError as error:
            is_empty = not str(given).strip()
            shown = ", not an empty one" if is_empty else "" if option.name in SECRETS else f", not {given!r}"
            raise SettingsInvalid(f"{place} takes {option.expects}{shown}.", hint=_HOW_TO_CORRECT) from error
        sources[option.name] = source
    if values.get("memory") == "small":
        values.setdefault("pool_size", 1)
    assert {option.name for option in OPTIONS} == {f.name for f in fields(Config)} - {"sources"}
    return Config(**values, sources=MappingProxyType(sources))  # type: ignore[arg-type] # each parse gives its field's type


def _find(
    option: Option,
    flags: Mapping[str, object],
    environment: Mapping[str, str],
    file: Mapping[str, object],
    *,
    unprefixed: bool,
) -> tuple[object, Source, str] | None:
    """Returns the value of `option` with the highest precedence, its source, and how a message names that source."""
    if flags.get(option.name) is not None:
        return flags[option.name], "flag", f"--{option.key.replace('_', '-')}"
    for variable in option.variables if unprefixed else option.variables[:1]:
        # An empty variable counts as unset.
        if environment.get(variable):
            return environment[variable], "variable", f"The variable {variable}"
    if option.key in file:
        return file[option.key], "settings file", f"The setting {option.key!r} in the settings file"
    return None


def pinned_by(config: Config, name: str, environment: Mapping[str, str]) -> str:
    """The flag or variable that sets it, as in --port or DRAWBRIDGE_PORT; empty if the user may change it."""
    option = next(option for option in OPTIONS if option.name == name)
    match config.source(name):
        case "flag":
            return f"--{option.key.replace('_', '-')}"
        case "variable":
            return next((variable for variable in option.variables if environment.get(variable)), option.variables[0])
        case _:
            return ""


def with_changes(file: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    """The values of the settings file after `changes` by the names in `Config`; None removes one."""
    keys = {option.name: option.key for option in OPTIONS}
    values = {**file, **{keys[name]: value for name, value in changes.items()}}
    return {key: value for key, value in values.items() if value is not None}
