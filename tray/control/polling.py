"""Checks every few seconds what sends no events: the settings file, start at login, updates, sleep, the tray."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from server.errors import DrawbridgeError
from server.status import State
from tray.control.background import Background
from tray.control.interfaces import Platform, Screen
from tray.control.keys.key_wait import KeyWait
from tray.control.settings.settings import Settings
from tray.control.supervisor import Supervisor
from tray.desktop.sleep_detection import SleepDetector, Woke

POLL_S = 5.0
# A panel that starts together with the app shows the icon after a moment.
TRAY_WAIT_S = 3.0
# At login the panel may come much later than the app.
LOGIN_TRAY_WAIT_S = 60.0
# The start waits this long for the icon.
ICON_TIMEOUT_S = 0.5
_ICON_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class SettingsFileChanged:
    """Another program has written the settings file."""


@dataclass(frozen=True, slots=True)
class AutostartState:
    """Whether the next login starts Drawbridge; None: not available here."""

    starts: bool | None


@dataclass(frozen=True, slots=True)
class TrayMissing:
    """No tray shows the icon."""


@dataclass(frozen=True, slots=True)
class EndRequested:
    """A command asks the app to end."""


@dataclass(frozen=True, slots=True)
class Recheck:
    """Time to check whether a problem has passed."""


PollEvent = SettingsFileChanged | AutostartState | TrayMissing | EndRequested | Recheck | Woke


class Polling:
    """The periodic checks. Used on the controller's thread; what they find goes to `post`."""

    def __init__(
        self,
        platform: Platform,
        settings: Settings,
        supervisor: Supervisor,
        key_wait: KeyWait,
        background: Background,
        post: Callable[[PollEvent], None],
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._platform = platform
        self._settings = settings
        self._supervisor = supervisor
        self._key_wait = key_wait
        self._background = background
        self._post = post
        self._clock = clock
        self._sleep = SleepDetector(clock=clock, wall=wall)
        self._poll_at = 0.0
        self._tray_at: float | None = None
        self._timeout_s = 0.0

    def start(self) -> None:
        """Starts the timers, and makes an existing entry for start at login start this very program."""
        self._poll_at = self._clock() + POLL_S
        self._tray_at = self._clock() + (LOGIN_TRAY_WAIT_S if self._platform.is_background else TRAY_WAIT_S)

        def refreshed_state() -> bool | None:
            self._platform.autostart.refresh()
            return self._platform.autostart.state()

        self._background.run(refreshed_state, self._on_autostart)

    def timeout_s(self) -> float:
        """How long the controller may wait for an event before the next `tick`."""
        times = (self._supervisor.next_at, self._key_wait.next_at, self._tray_at, self._poll_at)
        self._timeout_s = max(0.0, min(at for at in times if at is not None) - self._clock())
        return self._timeout_s

    def tick(self, screen: Screen) -> None:
        """Runs the checks that are due."""
        if self._sleep.has_slept(self._timeout_s):
            self._post(Woke())
        self._supervisor.tick()
        self._key_wait.tick()
        now = self._clock()
        if self._tray_at is not None and now >= self._tray_at:
            self._check_tray(screen, now)
        if now >= self._poll_at:
            self._poll_at = now + POLL_S
            self._poll()

    def _poll(self) -> None:
        if self._platform.is_end_requested():
            self._post(EndRequested())
        if self._settings.has_changed:
            self._post(SettingsFileChanged())
        self._background.run(self._platform.autostart.state, self._on_autostart)
        self._platform.updates().check_if_due(self._background.run, wanted=self._settings.config.check_updates)
        if (server := self._supervisor.server) is not None:
            server.follow_network()
        self._post(Recheck())

    def _check_tray(self, screen: Screen, now: float) -> None:
        """An app that neither shows an icon nor serves would be lost, so this decides as soon as both are known."""
        has_host, failure = screen.has_host, self._supervisor.failure
        is_starting = self._key_wait.is_waiting or self._supervisor.status.state is State.STARTING
        if has_host is None or (not has_host and (is_starting or (failure is not None and failure.may_pass))):
            self._tray_at = now + POLL_S
            return
        self._tray_at = None
        if not has_host:
            self._post(TrayMissing())

    def _on_autostart(self, starts: bool | DrawbridgeError | None) -> None:  # noqa: FBT001 # a result
        self._post(AutostartState(None if isinstance(starts, DrawbridgeError) else starts))


def wait_for_icon(screen: Screen) -> None:
    """Waits a moment: importing the server's libraries would delay the icon."""
    end = time.monotonic() + ICON_TIMEOUT_S
    while screen.has_host is None and time.monotonic() < end:
        time.sleep(_ICON_POLL_S)
