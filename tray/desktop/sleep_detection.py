"""Detects that the computer was asleep: from its clocks, and on Linux at once from a signal of the system."""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)

# Smaller jumps come from setting the clock.
JUMP_S = 30.0
_SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"
_LOGIN = "org.freedesktop.login1"


@dataclass(frozen=True, slots=True)
class Woke:
    """The computer has woken from sleep."""


class SleepDetector:
    """Detects from two clocks whether the computer has slept since the last call.

    Linux and macOS stop the monotonic clock during sleep. Windows stops neither, but there the call comes late.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._wall = wall
        self._last = (clock(), wall())

    def has_slept(self, waited_s: float) -> bool:
        """Whether the computer slept since the last call; `waited_s`: how long the caller meant to wait at most."""
        (clock, wall), now = self._last, (self._clock(), self._wall())
        self._last = now
        passed, wall_passed = now[0] - clock, now[1] - wall
        return wall_passed - passed > JUMP_S or passed - waited_s > JUMP_S


class SleepWatch(Protocol):
    """A subscription to wake-ups."""

    def close(self) -> None:
        """Ends the subscription. Returns within a bounded time."""


def watch_sleep(
    on_wake: Callable[[], object], *, platform: str = sys.platform, environ: Mapping[str, str] = os.environ
) -> SleepWatch | None:
    """Calls `on_wake`, on another thread, when the system reports a wake-up. None if the system does not report it."""
    if platform != "linux":
        return None
    # Lazy: other systems have no D-Bus.
    from tray.desktop.dbus import Body, Bus, BusUnavailable

    def on_signal(member: str, body: Body) -> None:
        # The argument is True before the sleep and False after it.
        if member == "PrepareForSleep" and body == (False,):
            on_wake()

    address = environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _SYSTEM_BUS
    try:
        bus = Bus(on_signal=on_signal, environ={"DBUS_SESSION_BUS_ADDRESS": address})
    except BusUnavailable as error:
        logger.info("the system does not report wake-ups; they are detected from the clocks only: %s", error)
        return None
    bus.subscribe(
        sender=_LOGIN, interface=f"{_LOGIN}.Manager", member="PrepareForSleep", path="/org/freedesktop/login1"
    )
    return bus
