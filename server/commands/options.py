"""Command line options for the settings, generated from their table, and the resolution of all sources."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

import click

from server.config import OPTIONS, SECRETS, Config, Option, resolve
from server.machine.files.paths import Folders, find_folders
from server.machine.files.settings_file import read_or_set_aside, read_settings

Command = TypeVar("Command", bound=Callable[..., Any])  # click passes the arguments

# In the order of `drawbridge serve --help`; a test compares the names with the table of settings.
HELP: Mapping[str, str] = {
    "host": "The address to listen on. Any other than loopback requires an access key.",
    "port": "The port to listen on.",
    "pool_size": "How many answers at once, each in a Claude Code process of its own.",
    "model": "The default model, for requests that do not name one of Claude's.",
    "timeout_s": "The timeout for output from Claude, in seconds.",
    "queue_timeout_s": "The timeout for requests that wait for a free process, in seconds.",
    "max_waiting": "How many requests may wait while all processes are busy; further ones are refused.",
    "api_key": "The access key that clients must send. For tests only: other users of this computer can see "
    "command lines. Use the variable instead.",
    "require_key": "Require the access key that is stored in this computer's keyring.",
    "reach": "local: only this computer can connect; lan: also containers and the network, with the access key.",
    "ollama_port": "Also answer on this port, for apps that only know Ollama (11434). 0: no other port.",
    "payer": "Who pays: plan, api key, or automatic (an exported API key before the plan).",
    "cli_path": "The claude program to run instead of the one found.",
    "prefer_cli": "carried: the claude program that ships with Drawbridge; newest: an installed one if it is newer.",
    "log_dir": "The folder for logs.",
    "data_dir": "The folder for the app's data. Servers with different ones can run side by side.",
    "demo": "Answer from a built-in stand-in for Claude's API: no account, no cost, no real answers.",
    "reload": "For development: restart the server when its source changes.",
    "head_timeout_s": "How long a stream's status and headers wait for the first output or error, in seconds.",
    "heartbeat_s": "After how many seconds without output a stream gets a heartbeat.",
    "body_limit_mb": "The largest request body, in megabytes.",
    "allowed_hosts": "Host names for this server, besides this computer's own; comma-separated.",
    "allowed_origins": "Origins of web pages that may use the API, as in https://example.org; comma-separated.",
    "strict_models": "Reject unknown model names instead of using the default model.",
    "fallback_model": "The model to use when the requested one is overloaded or at its limit.",
    "retries": "How often to retry a request before its first output, while Claude's API fails.",
    "without_breaker": "Disable the circuit breaker: send every request even while Claude keeps refusing or failing.",
    "housekeeping_model": "The model for a client's background requests: titles, tags, follow-up questions.",
    "forward_sampling": "Send temperature and top_p to Claude, for models that accept them; disables thinking.",
    "reasoning": "How to show Claude's thinking: hidden; field (reasoning_content); tags (<think> in the text).",
    "idle_shrink_s": "After how many idle seconds the pool ends all processes but one.",
    "embeddings_url": "The base URL of another endpoint to compute embeddings, instead of the local model.",
    "embeddings_model": "The model to request from that endpoint, instead of the one that the client names.",
    "embeddings_key": "The key of that endpoint. Other users of this computer can see command lines: store it with "
    "'drawbridge embeddings-key', or use the variable.",
    "isolation": "warm: reuse processes for other conversations after a reset; process: a fresh one for each.",
    "memory": "small: for computers with little memory, one process and slower long answers; or normal.",
    "warm_spares": "Warm unused processes up by questions that a local stand-in answers; only with an API key.",
    "journal_days": "How many days the list of requests is kept; it has none of their words. 0: keep none.",
    "check_updates": "Check once a day for a newer version and show it in the app's menu.",
    "icon": "The colour of the tray icon: light (for a dark panel), dark (for a light panel), or auto.",
    "log_level": "debug, info, warning or error.",
}
_SHORT = {"pool_size": ("-w", "--workers")}


@dataclass(frozen=True, slots=True)
class Settled:
    """The settings of this run, their folders, and notices about the settings file. `again` resolves them once more."""

    config: Config
    folders: Folders
    notices: tuple[str, ...]
    again: Callable[[], "Settled"] = field(compare=False, repr=False)


def settings_options(*names: str) -> Callable[[Command], Command]:
    """Decorates a command with options for the settings `names` (default: all); None means not given."""
    chosen = [option for option in OPTIONS if not names or option.name in names]

    def decorate(command: Command) -> Command:
        for option in reversed(chosen):
            command = _click_option(option)(command)
        return command

    return decorate


def settle(flags: Mapping[str, object], *, unprefixed: bool, set_aside: bool = False) -> Settled:
    """Resolves the settings from flags, variables, the settings file and defaults. Raises `SettingsInvalid`.

    `unprefixed`: names like PORT count too. `set_aside`: a corrupt settings file is renamed instead of being an error.
    """
    path = find_folders().settings_file
    file = read_or_set_aside(path) if set_aside else read_settings(path)
    config = resolve(flags=flags, environment=os.environ, file=file.values, unprefixed=unprefixed)
    return Settled(config, find_folders(config), file.notices, again=lambda: settle(flags, unprefixed=unprefixed))


def as_variables(config: Config) -> dict[str, str]:
    """Returns the settings given by flags and variables as variables, for a child process."""
    variables = {}
    for option in OPTIONS:
        if config.source(option.name) in {"flag", "variable"}:
            value = getattr(config, option.name)
            variables[option.variables[0]] = ",".join(value) if isinstance(value, tuple) else str(value)
    return variables


def as_arguments(config: Config) -> tuple[str, ...]:
    """Returns the settings given by flags as arguments that mean the same in every folder.

    Keys are left out, because other users may read these arguments; the stored access key is required instead.
    """
    arguments: list[str] = []
    for option in OPTIONS:
        value = getattr(config, option.name)
        if config.source(option.name) != "flag" or value is False:
            continue
        if option.name in SECRETS:
            if option.name == "api_key" and not config.require_key:
                arguments.append("--require-key")
        elif value is True:
            arguments.append(_flag(option))
        else:
            text = ",".join(value) if isinstance(value, tuple) else value
            arguments += [_flag(option), str(text.absolute() if isinstance(text, Path) else text)]
    return tuple(arguments)


def _flag(option: Option) -> str:
    return f"--{option.key.replace('_', '-')}"


def _click_option(option: Option) -> Callable[[Command], Command]:
    default = {known.name: known.default for known in fields(Config)}[option.name]
    names = (*_SHORT.get(option.name, ()), _flag(option))
    variables = ", ".join(name for name in (option.alias, option.variables[0]) if name)
    text = f"{HELP[option.name]}  [{variables}"
    text += f"; default: {default}]" if default not in (None, (), False) else "]"
    if isinstance(default, bool):
        return click.option(*names, option.name, is_flag=True, flag_value=True, default=None, help=text)
    # Values are parsed by the table, like those of variables and the file.
    return click.option(*names, option.name, default=None, help=text, metavar=_metavar(option))


def _metavar(option: Option) -> str:
    starts = {"a number": "NUMBER", "seconds": "SECONDS", "megabytes": "MB", "the path": "PATH", "a list": "NAMES"}
    return next((word for start, word in starts.items() if option.expects.startswith(start)), "TEXT")
