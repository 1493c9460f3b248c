"""An entry that starts a program at login: what changing it may refuse, and how it is repaired on every system."""

import logging
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from server.errors import DrawbridgeError

logger = logging.getLogger(__name__)

NAME = "Drawbridge"


class AutostartRefused(DrawbridgeError):
    """Start at login cannot be changed."""

    title = "Start at login is not changed"


class Autostart(Protocol):
    """Whether this user's login starts us. Opt-in: nothing is written before `set(True)`."""

    def state(self) -> bool | None:
        """What the system will do at the next login, whoever decided it; None where that cannot be known."""
        ...

    def set(self, on: bool) -> None:  # noqa: FBT001 # a switch's setter
        """From the next login on. Raises `AutostartRefused`; then nothing has changed."""
        ...

    def repair(self) -> bool:
        """Writes the entry anew if it is on and its program is no longer there; whether that was so. Never raises."""
        ...


@contextmanager
def refusing(place: str) -> Iterator[None]:
    """Turns what the system refuses into `AutostartRefused`."""
    try:
        yield
    except OSError as error:
        raise AutostartRefused(
            f"The system does not let {place} be changed: {error.strerror or error}.",
            hint="See that you may write there.",
        ) from error


def repaired(entry: Autostart, program: Callable[[], str]) -> bool:
    """Writes `entry` anew if it is on and the program it names is gone; whether that was so. Never raises."""
    try:
        if not entry.state():
            return False
        # Only what is gone: another copy of Drawbridge, or a person's own command, is left as it is.
        named = program()
        if Path(named).exists() or shutil.which(named):
            return False
        entry.set(True)
    except (DrawbridgeError, OSError, ValueError, LookupError) as error:
        logger.warning("start at login cannot be repaired: %s", error)
        return False
    logger.info("start at login named %r, which is gone; it names this program now", named)
    return True
