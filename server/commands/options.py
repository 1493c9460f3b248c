"""The settings as options of a command, made from the one table of settings and joined with their other places."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

import click

from server.config import OPTIONS, Config, Option, resolve
from server.machine.paths import Folders, find_folders
from server.machine.settings_file import read_or_set_aside, read_settings

Command = TypeVar("Command", bound=Callable[..., Any])  # a function of any arguments: click fills them in

# In the order of `drawbridge serve --help`; a test compares the names with the table of settings.
HELP: Mapping[str, str] = {
    "host": "The address to listen on. Any other than this computer's own needs an access key.",
    "port": "The port to listen on.",
    "pool_size": "How many Claude Code processes may live, and so how many answers run at one time.",
    "model": "The model for requests that name none of Claude's.",
    "timeout_s": "The longest silence from Claude within an answer, in seconds.",
    "queue_timeout_s": "How long a request may wait for a free process, in seconds.",
    "max_waiting": "How many requests may wait while all processes are busy; more are refused at once.",
    "api_key": "The access key that clients must send. For tests only: other users of this computer can read the "
    "command lines of running programs. Use the variable instead.",
    "require_key": "Ask clients for the access key that is stored in this computer's keyring.",
    "reach": "local: only this computer; lan: containers and the network too, with the access key.",
    "payer": "Who pays: plan (an exported API key is not used), api key, or automatic.",
    "cli_path": "The claude program to run, if not the one that Drawbridge finds.",
    "prefer_cli": "carried: the claude program that comes with Drawbridge; newest: an installed one, if that is newer.",
    "log_dir": "The folder of the log.",
    "data_dir": "The folder of the app's own files. Servers with different ones may run side by side.",
    "demo": "Answer from a stand-in for Claude's API inside Drawbridge: no account, no cost, no real answers.",
    "reload": "For work on Drawbridge itself: restart the whole server when its source changes.",
    "head_timeout_s": "How long the head of a stream may wait for the first word or failure, in seconds.",
    "heartbeat_s": "After how many seconds of silence a stream gets a sign of life.",
    "body_limit_mb": "The largest request body, in megabytes.",
    "allowed_hosts": "Host names that clients may call this server by, besides this computer's own; with commas.",
    "allowed_origins": "Origins of web pages that may call this server, as in https://example.org; with commas.",
    "strict_models": "Refuse model names that are not Claude's instead of using the default model for them.",
    "fallback_model": "The model to ask where the one asked for is overloaded or at its limit.",
    "retries": "How often a request is sent again, before its first word, while Claude's API fails.",
    "without_breaker": "Send every request, also while Claude refuses the sign-in, is at a limit or fails.",
    "housekeeping_model": "The model for titles, tags and follow-up questions that a client asks for by itself.",
    "forward_sampling": "Send temperature and top_p on to Claude, for models that take them; they then do not think.",
    "reasoning": "What becomes of Claude's thoughts: hidden; field (reasoning_content); tags (<think> in the text).",
    "idle_shrink_s": "After how many idle seconds the pool gives back all processes but one.",
    "isolation": "warm: processes go on to other conversations; process: a fresh one for each.",
    "check_updates": "The app asks once a day whether there is a newer version, and its menu says so.",
    "log_level": "debug, info, warning or error.",
}
_SHORT = {"pool_size": ("-w", "--workers")}


@dataclass(frozen=True, slots=True)
class Settled:
    """The settings of this run, the folders that follow from them, and remarks about the settings file.

    `again` reads them once more, as they are by then; it raises what `settle` raises.
    """

    config: Config
    folders: Folders
    notices: tuple[str, ...]
    again: Callable[[], "Settled"] = field(compare=False, repr=False)


def settings_options(*names: str) -> Callable[[Command], Command]:
    """A decorator: the settings `names` (all without any) become options; not given means None."""
    chosen = [option for option in OPTIONS if not names or option.name in names]

    def decorate(command: Command) -> Command:
        for option in reversed(chosen):
            command = _click_option(option)(command)
        return command

    return decorate


def settle(flags: Mapping[str, object], *, unprefixed: bool, set_aside: bool = False) -> Settled:
    """The settings in force: flags, variables, settings file, defaults. Raises `SettingsInvalid`.

    `unprefixed`: names like PORT count too. `set_aside`: a corrupt settings file is no error, but moved out of the way.
    """
    path = find_folders().settings_file
    file = read_or_set_aside(path) if set_aside else read_settings(path)
    config = resolve(flags=flags, environment=os.environ, file=file.values, unprefixed=unprefixed)
    return Settled(config, find_folders(config), file.notices, again=lambda: settle(flags, unprefixed=unprefixed))


def as_variables(config: Config) -> dict[str, str]:
    """The settings that a flag or a variable gave, as variables: for a child that is to run with the same ones."""
    variables = {}
    for option in OPTIONS:
        if config.source(option.name) in {"flag", "variable"}:
            value = getattr(config, option.name)
            variables[option.variables[0]] = ",".join(value) if isinstance(value, tuple) else str(value)
    return variables


def _click_option(option: Option) -> Callable[[Command], Command]:
    default = {known.name: known.default for known in fields(Config)}[option.name]
    names = (*_SHORT.get(option.name, ()), f"--{option.key.replace('_', '-')}")
    variables = ", ".join(name for name in (option.alias, option.variables[0]) if name)
    words = f"{HELP[option.name]}  [{variables}"
    words += f"; default: {default}]" if default not in (None, (), False) else "]"
    if isinstance(default, bool):
        return click.option(*names, option.name, is_flag=True, flag_value=True, default=None, help=words)
    # Values are read by the table, as those of variables and the file are.
    return click.option(*names, option.name, default=None, help=words, metavar=_metavar(option))


def _metavar(option: Option) -> str:
    starts = {"a number": "NUMBER", "seconds": "SECONDS", "megabytes": "MB", "the path": "PATH", "a list": "NAMES"}
    return next((word for start, word in starts.items() if option.expects.startswith(start)), "TEXT")
