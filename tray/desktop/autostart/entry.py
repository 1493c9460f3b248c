"""The protocol of a login entry, its error, and its repair on every system."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from server.errors import DrawbridgeError

logger = logging.getLogger(__name__)

NAME = "Drawbridge"
# macOS' program that opens an app's bundle.
OPEN = "/usr/bin/open"
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

    def repair(self) -> bool:
        """Rewrites the entry if it is on and its program is missing; returns whether it did. Never raises."""


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


def repair_entry(entry: Autostart, program: Callable[[], str]) -> bool:
    """Rewrites `entry` if it is on and its program is missing; returns whether it did. Never raises."""
    try:
        if not entry.state():
            return False
        # An existing program is kept: it may be another copy of Drawbridge or a user's own command.
        old = program()
        if Path(old).exists() or shutil.which(old):
            return False
        entry.set(True)
    except (DrawbridgeError, OSError, ValueError, LookupError) as error:
        logger.warning("cannot repair start at login: %s", error)
        return False
    logger.info("start at login ran %r, which is missing; it runs this program now", old)
    return True
