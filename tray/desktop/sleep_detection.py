"""Notices that the computer has slept: by its clocks, and on Linux sooner, by what the system says."""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

# A clock that is set by a few seconds is no sleep.
JUMP_S = 30.0
_SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
_LOGIN = "org.freedesktop.login1"


@dataclass(frozen=True, slots=True)
class Woke:
    """The computer has slept and is awake again."""


class Drowsiness:
    """Tells from two clocks whether the computer has slept since the last look.

    Linux and macOS stop the one clock while they sleep. Windows stops neither, but then a look comes late.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._seen = (clock(), wall())

    def has_slept(self, waited_s: float) -> bool:
        """Whether it was asleep since the last call. `waited_s`: how long we meant to wait at most since then."""
        (clock, wall), now = self._seen, (self._clock(), self._wall())
        self._seen = now
        passed, shown = now[0] - clock, now[1] - wall
        return shown - passed > JUMP_S or passed - waited_s > JUMP_S


class Watch(Protocol):
    """Somebody who listens until it is closed."""

    def close(self) -> None:
        """Stops listening. Bounded."""
        ...


def watch_sleep(
    on_wake: Callable[[], object], *, platform: str = sys.platform, environ: Mapping[str, str] = os.environ
) -> Watch | None:
    """Calls `on_wake`, on a thread of its own, whenever the system says that it has woken; None where it does not say.

    DBUS_SYSTEM_BUS_ADDRESS in `environ` is where Linux' system bus is, if not at its usual place.
    """
    if platform != "linux":
        return None
    # Lazy: other systems have no D-Bus.
    from tray.desktop.dbus import Body, Bus, BusMissing

    def hear(member: str, body: Body) -> None:
        # It says True before the sleep and False after it.
        if member == "PrepareForSleep" and body == (False,):
            on_wake()

    address = environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _SYSTEM_BUS
    try:
        bus = Bus(
            lambda call: call.refuse("org.freedesktop.DBus.Error.UnknownMethod"),
            hear,
            lambda: None,
            environ={"DBUS_SESSION_BUS_ADDRESS": address},
        )
    except BusMissing as error:
        logger.info("nobody tells of sleep, so the clocks must: %s", error)
        return None
    bus.listen(sender=_LOGIN, interface=f"{_LOGIN}.Manager", member="PrepareForSleep", path="/org/freedesktop/login1")
    return bus
