"""Command line options for the settings, generated from their table, and the resolution of all sources."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from server.config import OPTIONS, SECRETS, Config, Option, resolve, with_changes
from server.machine.files.paths import Folders, find_folders
from server.machine.files.settings_file import read_or_set_aside, read_settings
from server.setting_help import HELP
from server.setting_parsers import OneOf

Command = TypeVar("Command", bound=Callable[..., Any])  # click passes the arguments

_SHORT = {"pool_size": ("-w", "--workers")}


@dataclass(frozen=True, slots=True)
class Settled:
    """The settings of this run, their folders, and notices about the settings file.

    `again` resolves them once more, and `after` as if the settings file had these changes, by the names in `Config`.
    """

    config: Config
    folders: Folders
    notices: tuple[str, ...]
    again: Callable[[], "Settled"] = field(compare=False, repr=False)
    after: Callable[[Mapping[str, object]], "Settled"] = field(compare=False, repr=False)


def settings_options(*names: str, **meanings: str) -> Callable[[Command], Command]:
    """Decorates a command with options for the settings `names` (default: all); None means not given.

    `meanings` are further settings by their names, each with what it means for this command.
    """
    wanted = {*names, *meanings}
    chosen = [option for option in OPTIONS if not wanted or option.name in wanted]

    def decorate(command: Command) -> Command:
        for option in reversed(chosen):
            command = _click_option(option, meanings.get(option.name, HELP[option.name]))(command)
        return command

    return decorate


def settle(
    flags: Mapping[str, object],
    *,
    unprefixed: bool,
    set_aside: bool = False,
    changes: Mapping[str, object] = MappingProxyType({}),
) -> Settled:
    """Resolves the settings from flags, variables, the settings file and defaults. Raises `SettingsInvalid`.

    `unprefixed`: names like PORT count too. `set_aside`: a corrupt settings file is renamed instead of being an error.
    """
    path = find_folders().settings_file
    file = read_or_set_aside(path) if set_aside else read_settings(path)
    values = with_changes(file.values, changes)
    config = resolve(flags=flags, environment=os.environ, file=values, unprefixed=unprefixed)
    return Settled(
        config,
        find_folders(config),
        file.notices,
        again=lambda: settle(flags, unprefixed=unprefixed),
        after=lambda changed: settle(flags, unprefixed=unprefixed, changes=changed),
    )


def as_variables(config: Config) -> dict[str, str]:
    """Returns the settings given by flags and variables as variables, for a child process."""
    variables = {}
    for option in OPTIONS:
        if config.source(option.name) in {"flag", "variable"}:
            value = getattr(config, option.name)
            variables[option.variables[0]] = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
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
            text = ",".join(map(str, value)) if isinstance(value, tuple) else value
            arguments += [_flag(option), str(text.absolute() if isinstance(text, Path) else text)]
    return tuple(arguments)


def _flag(option: Option) -> str:
    return f"--{option.key.replace('_', '-')}"


def _click_option(option: Option, meaning: str) -> Callable[[Command], Command]:
    default = {known.name: known.default for known in fields(Config)}[option.name]
    names = (*_SHORT.get(option.name, ()), _flag(option))
    variables = ", ".join(name for name in (option.alias, option.variables[0]) if name)
    text = f"{meaning}  [{variables}"
    text += f"; default: {default}]" if default not in (None, (), False) else "]"
    if isinstance(default, bool):
        return click.option(*names, option.name, is_flag=True, flag_value=True, default=None, help=text)
    # Values are parsed by the table, like those of variables and the file.
    return click.option(*names, option.name, default=None, help=text, metavar=_metavar(option))


def _metavar(option: Option) -> str:
    if isinstance(option.parse, OneOf):
        return f"[{'|'.join(choice.replace(' ', '-') for choice in option.parse.choices)}]"
    starts = {
        "a number": "NUMBER",
        "seconds": "SECONDS",
        "megabytes": "MB",
        "minutes": "MINUTES",
        "hours": "HOURS",
        "US dollars": "USD",
        "the path": "PATH",
        "a list": "NAMES",
    }
    return next((word for start, word in starts.items() if option.expects.startswith(start)), "TEXT")
