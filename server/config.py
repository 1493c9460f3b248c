"""All settings in one table, `OPTIONS`, and their sources: flag, environment variable, settings file, default."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from server.errors import SettingsInvalid

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
SECRETS = ("api_key", "embeddings_key")

Reach = Literal["local", "lan"]
Payer = Literal["automatic", "plan", "api key"]
PreferredCli = Literal["carried", "newest"]
Isolation = Literal["warm", "process"]
Memory = Literal["normal", "small"]
Thoughts = Literal["hidden", "field", "tags"]
IconColour = Literal["auto", "light", "dark"]
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
    journal_days: int = 30  # how long the list of requests is kept, which has none of their words; 0: none is
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


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError
    return value.strip()


def _web_address(value: object) -> str:
    address = _text(value)
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname or not (parts.port is None or parts.port):
        raise ValueError
    return address


def _folder(value: object) -> Path:
    return Path(_text(value)).expanduser()


def _whole(low: int, high: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            raise ValueError
        number = int(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return parse


def _number(low: float, high: float) -> Callable[[object], float]:
    def parse(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = float(value)
        if not low <= number <= high:
            raise ValueError
        return number

    return parse


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    values = {
        "1": True,
        "true": True,
        "yes": True,
        "on": True,
        "0": False,
        "false": False,
        "no": False,
        "off": False,
        "": False,
    }
    if not isinstance(value, str) or value.strip().lower() not in values:
        raise ValueError
    return values[value.strip().lower()]


def _names(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise ValueError
    return tuple(item.strip() for item in value if item.strip())


def _one_of(*choices: str) -> Callable[[object], str]:
    """Parses one of `choices`, in any case; "api-key" works too, so that a flag needs no quotes."""

    def parse(value: object) -> str:
        word = _text(value).lower().replace("-", " ").replace("_", " ")
        if word not in choices:
            raise ValueError
        return word

    return parse


OPTIONS: tuple[Option, ...] = (
    Option("host", _text, "an address of this computer, as in 127.0.0.1"),
    Option("port", _whole(1, 65535), "a number from 1 to 65535", alias="PORT"),
    Option("pool_size", _whole(1, 64), "a number from 1 to 64", alias="POOL_SIZE"),
    Option("model", _text, "a model's id or alias, as in sonnet"),
    Option("timeout_s", _number(0.1, 86400), "seconds, from 0.1 to 86400", alias="CLAUDE_TIMEOUT"),
    Option("queue_timeout_s", _number(0.1, 86400), "seconds, from 0.1 to 86400"),
    Option("max_waiting", _whole(0, 100_000), "a number from 0 to 100000"),
    Option("api_key", _text, "a text"),
    Option("require_key", _switch, "true or false"),
    Option("reach", _one_of("local", "lan"), "local or lan"),
    Option("ollama_port", _whole(0, 65535), "a number from 0 to 65535"),
    Option("payer", _one_of("automatic", "plan", "api key"), "automatic, plan or api key"),
    Option("cli_path", _folder, "the path of a claude program", alias="CLAUDE_CLI_PATH"),
    Option("prefer_cli", _one_of("carried", "newest"), "carried or newest"),
    Option("log_dir", _folder, "the path of a folder", alias="LOG_DIR"),
    Option("data_dir", _folder, "the path of a folder"),
    Option("demo", _switch, "true or false"),
    Option("reload", _switch, "true or false"),
    Option("head_timeout_s", _number(0.05, 3600), "seconds, from 0.05 to 3600"),
    Option("heartbeat_s", _number(0.05, 3600), "seconds, from 0.05 to 3600"),
    Option("body_limit_mb", _number(0.001, 4096), "megabytes, from 0.001 to 4096"),
    Option("allowed_hosts", _names, "a list of host names"),
    Option("allowed_origins", _names, "a list of origins, as in https://example.org"),
    Option("strict_models", _switch, "true or false"),
    Option("fallback_model", _text, "a model's id or alias, as in sonnet"),
    Option("retries", _whole(0, 5), "a number from 0 to 5"),
    Option("without_breaker", _switch, "true or false"),
    Option("housekeeping_model", _text, "a model's id or alias, as in haiku"),
    Option("forward_sampling", _switch, "true or false"),
    Option("reasoning", _one_of("hidden", "field", "tags"), "hidden, field or tags"),
    Option("idle_shrink_s", _number(0.05, 604_800), "seconds, from 0.05 to 604800"),
    Option("embeddings_url", _web_address, "a base URL, as in https://api.example.org/v1"),
    Option("embeddings_model", _text, "a model's name, as in text-embedding-3-small"),
    Option("embeddings_key", _text, "a text"),
    Option("isolation", _one_of("warm", "process"), "warm or process"),
    Option("memory", _one_of("normal", "small"), "normal or small"),
    Option("warm_spares", _switch, "true or false"),
    Option("journal_days", _whole(0, 3650), "a number of days from 0 to 3650"),
    Option("check_updates", _switch, "true or false"),
    Option("icon", _one_of("auto", "light", "dark"), "auto, light or dark"),
    Option("log_level", _one_of("debug", "info", "warning", "error"), "debug, info, warning or error"),
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
        except ValueError as error:
            shown = "" if option.name in SECRETS else f" not {given!r}"
            raise SettingsInvalid(
                f"{place} takes {option.expects},{shown or ' not an empty one'}.", hint="Correct it, then start again."
            ) from error
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
