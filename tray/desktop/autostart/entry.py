"""The protocol of a login entry, its error, and its refresh on every system."""

import logging
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from server.errors import DrawbridgeError

logger = logging.getLogger(__name__)

NAME = "Drawbridge"
# macOS' program that opens an app's bundle.
OPEN = "/usr/bin/open"
_OWN_NAME = re.compile(r"drawbridgew?(\.exe|\.app)?|drawbridge.*\.appimage")
IN_THE_FILE = "Put that setting into the settings file, and start Drawbridge without its option."


class AutostartRefused(DrawbridgeError):
    """The login entry cannot be changed."""

    title = "Start at login was not changed"


class Autostart(Protocol):
    """The login entry of this user. Opt-in: nothing is written before `set(True)`."""

    def state(self) -> bool | None:
        """Whether the next login starts Drawbridge, by the system's own settings too; None if unknown."""

    def set(self, on: bool) -> None:  # noqa: FBT001 # a switch's setter
        """Switches the entry for the next login. Raises `AutostartRefused` if nothing could be changed."""

    def refresh(self) -> bool:
        """Makes an entry that is on start this program with its options; returns whether it changed. Never raises.

        A command that is not Drawbridge's own is kept as long as its program exists. A demo, or a run with other data
        than the entry's, changes nothing.
        """


@contextmanager
def refuse_os_errors(place: str) -> Iterator[None]:
    """Turns OSError into `AutostartRefused`."""
    try:
        yield
    except OSError as error:
        raise AutostartRefused(
            f"The system does not allow changing {place}: {error.strerror or error}.",
            hint="Check its permissions.",
        ) from error


def refresh_entry(
    entry: Autostart, old: Callable[[], list[str]], new: Sequence[str], write: Callable[[], None]
) -> bool:
    """Calls `write` if `entry` is on and should start `new` instead of `old`; returns whether it did. Never raises."""
    try:
        if not entry.state():
            return False
        before = old()
        program, arguments = program_and_arguments(before)
        is_missing = not (Path(program).exists() or shutil.which(program))
        # A demo, or a run with other data, must not take the place of the usual one either.
        is_replaceable = is_missing and _instance(arguments) == _instance(new)
        if before == list(new) or not (is_replaceable or is_same_app(before, new)):
            return False
        write()
    except (DrawbridgeError, OSError, ValueError, LookupError) as error:
        logger.warning("cannot refresh start at login: %s", error)
        return False
    logger.info("start at login ran %s; it runs %s now", before, list(new))
    return True


def is_same_app(old: Sequence[str], new: Sequence[str]) -> bool:
    """Whether `old` starts Drawbridge's app, directly and with the data of `new`.

    False for a command of the user's own, such as a script, and for a run beside the usual one, such as a demo.
    """
    program, arguments = program_and_arguments(old)
    name = re.split(r"[/\\]", program)[-1].lower()
    is_module = re.fullmatch(r"python[w0-9.]*", name.removesuffix(".exe")) and arguments[:2] == ["-m", "tray"]
    # `drawbridge serve` is another program than the app.
    is_app = _OWN_NAME.fullmatch(name) and (not arguments or arguments[0].startswith("--"))
    return bool(is_module or is_app) and _instance(arguments) == _instance(new)


def program_and_arguments(command: Sequence[str]) -> tuple[str, list[str]]:
    """The path of the program that `command` starts, on macOS that of the bundle, and its arguments."""
    if command[0] != OPEN:
        return command[0], list(command[1:])
    own = command.index("--args") if "--args" in command else len(command)
    return command[own - 1], list(command[own + 1 :])


def _instance(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether it is a demo, and the folder of its data if that is not the usual one."""
    # An option's value may be joined to it: --data-dir=/x.
    parts = [part for argument in arguments for part in argument.split("=", 1)]
    return "--demo" in arguments, [value for option, value in pairwise(parts) if option == "--data-dir"]
