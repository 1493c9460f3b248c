"""Decides: every click, timer and word from the server is a value on one queue, handled by one thread.

That thread alone knows the state of the app; what it decides is shown as one frozen Snapshot. Each command has a method
of a few lines here, which makes it a long file.
"""

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import assert_never

from server.config import GRACE_S
from server.errors import DrawbridgeError, PortTaken, SettingsInvalid, ShuttingDown, StartError
from server.machine.settings_file import Saved
from server.status import AccountStatus, State
from server.status_phrases import account_line
from tray.commands import (
    ActOnProblem,
    AllowKeyFile,
    ChangeSetting,
    Command,
    Copy,
    CopyAddress,
    CopyKey,
    NewKey,
    Open,
    Quit,
    RemoveKey,
    RequireKey,
    Restart,
    SetPort,
    SetReach,
    SetStartAtLogin,
    SignIn,
    Start,
    Stop,
)
from tray.control.access_key import Keys
from tray.control.desktop_actions import Completed, Errands, page_of
from tray.control.interfaces import Platform, Screen
from tray.control.notifications import Notifications
from tray.control.settings import Settings
from tray.control.settings_changes import Changes
from tray.control.snapshot import current, current_problem, problem_from_error, snapshot_for, step_for
from tray.control.supervisor import MakeServer, StatusReport, Supervisor
from tray.control.update_check import Updates
from tray.desktop.sleep_detection import SleepDetector, Woke
from tray.menu.problems import Quitting, SignedIn
from tray.model import Notice, Problem, Snapshot

logger = logging.getLogger(__name__)

# How often it looks for what nobody tells it: the settings file, the addresses of this computer, a sleep.
LOOK_S = 5.0
# A panel that starts with us takes a moment to show the icon.
TRAY_WAIT_S = 3.0
# At the start nothing is done before the icon is seen, for so long, looked at so often.
ICON_WAIT_S, ICON_LOOKS = 0.5, 50

Event = Command | StatusReport | Woke | Completed


class Controller:
    """The one who decides. `post` may be called from any thread; `start` begins, `wait` waits for the end."""

    def __init__(
        self,
        preferences: Settings,
        keys: Keys,
        platform: Platform,
        *,
        make_server: MakeServer,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._preferences = preferences
        self._keys = keys
        self._platform = platform
        self._clock = clock
        self._wall = wall
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._supervisor = Supervisor(make_server, self.post, clock=clock)
        self._notifications = Notifications(platform, self.post)
        self._errands = Errands(platform, self._notifications, keys, self.post)
        self._sleep_detector = SleepDetector(clock=clock, wall=wall)
        self._thread = threading.Thread(target=self._run, name="drawbridge-controller", daemon=True)
        self._screen: Screen | None = None
        self._opening: Saved | SettingsInvalid = Saved()
        self._changes = Changes(preferences, keys, self._supervisor, self._notifications, self._errands)
        self._problem: Problem | None = None
        # The server is down for a problem in the settings, and starts when these are others.
        self._is_down_for_it = False
        self._published: str | None = None
        self._starts_at_login: bool | None = False
        self._is_signing_in = self._is_quitting = self._is_over = False
        self._look_at = self._tray_at = 0.0
        self._waited_s = 0.0
        # What takes a while to find out comes after the icon.
        self._version = ""
        self._updates: Updates | None = None
        self.snapshot = self._new_snapshot()
        self.exit_code = 0

    def start(self, screen: Screen, opening: Saved | SettingsInvalid) -> None:
        """Begins to work, with the start of the server as soon as the icon is there; `screen` shows what changes.

        `opening` is what came of reading the settings. With wrong ones nothing is started: a door might stand open.
        """
        self._screen = screen
        self._opening = opening
        self._thread.start()

    def post(self, event: Event) -> None:
        """Puts it at the end of the queue; safe in any thread, and in a handler of signals."""
        self._events.put(event)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the end after a `Quit`; whether it has come."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # The thread.

    def _run(self) -> None:
        self._tray_at = self._clock() + TRAY_WAIT_S
        self._look_at = self._clock() + LOOK_S
        self._wait_for_icon()
        self._version, self._updates = self._platform.version(), self._platform.updates()
        self._do(self._open_up)
        self._errands.aside(self._errands.look_at_login, self._found_login)
        while not self._is_over:
            self._do(self._show)
            event = self._next()
            if event is not None:
                self._do(partial(self._handle, event))
            self._do(self._tick)
        self._do(partial(self._platform.publish, None))
        if self._screen is not None:
            self._screen.stop()

    def _wait_for_icon(self) -> None:
        """The server's libraries would keep this computer busy, and the icon is drawn meanwhile."""
        assert self._screen is not None
        for _ in range(ICON_LOOKS):
            if self._screen.has_host is not None:
                return
            time.sleep(ICON_WAIT_S / ICON_LOOKS)

    def _open_up(self) -> None:
        if isinstance(self._opening, SettingsInvalid):
            self._is_down_for_it = True
            raise self._opening
        self._changes.tell(self._opening)
        self._start()
        if self._preferences.has_known_keys:
            self._errands.aside(self._keys.look, lambda _: None)

    def _next(self) -> Event | None:
        due = min((when for when in (self._supervisor.next_at, self._tray_at, self._look_at) if when), default=0.0)
        self._waited_s = max(0.0, due - self._clock())
        try:
            return self._events.get(timeout=self._waited_s)
        except queue.Empty:
            return None

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except DrawbridgeError as error:
            self._tell_error(error)
        except Exception as error:
            logger.exception("a mistake of ours")
            self._notifications.tell(
                Notice("Something went wrong", f"{type(error).__name__}: {error}", Open("log folder"))
            )

    def _tell_error(self, error: DrawbridgeError) -> None:
        """What keeps the server from running as asked stays in the menu; all else is said once."""
        if isinstance(error, StartError):
            self._problem = problem_from_error(error, self._preferences, self._now())
        else:
            logger.info("%s: %s", error.title, error.message)
            self._errands.tell_error(error)

    def _tick(self) -> None:
        now = self._clock()
        if self._sleep_detector.has_slept(self._waited_s):
            self.post(Woke())
        self._supervisor.tick()
        if self._tray_at and now >= self._tray_at:
            self._look_for_tray()
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            if self._platform.is_end_requested() and not self._is_quitting:
                self.post(Quit())
            if self._preferences.has_changed:
                self._do(self._reload)
            self._errands.aside(self._platform.autostart.state, self._found_login)
            if self._updates is not None:
                self._updates.look(self._errands.aside, wanted=self._changes.config.check_updates)
            if (server := self._supervisor.server) is not None:
                server.follow_network()
        if self._is_quitting and self._supervisor.is_idle:
            self._is_over = True

    def _handle(self, event: Event) -> None:
        match event:
            case StatusReport():
                self._supervisor.heard(event)
            case Woke():
                self._wake()
            case Completed():
                event.then()
            case _:
                self._obey(event)

    def _obey(self, command: Command) -> None:  # noqa: C901 # one line for each command
        match command:
            case Start():
                self._start()
            case Stop():
                self._supervisor.stop(GRACE_S)
            case Restart():
                self._restart()
            case SetPort():
                self._set_port(command.port)
            case ChangeSetting():
                self._changes.change(**{command.name: command.value})
            case RequireKey():
                self._changes.require_key(required=command.required)
            case NewKey():
                self._changes.new_key()
            case CopyKey():
                self._errands.copy_key(self._changes.config)
            case RemoveKey():
                self._changes.remove_key()
            case AllowKeyFile():
                self._obey(self._changes.agree())
            case SetReach():
                self._changes.set_reach(is_open=command.open)
            case SignIn():
                self._sign_in(command)
            case SetStartAtLogin():
                self._starts_at_login = self._errands.start_at_login(on=command.on)
            case Copy():
                self._errands.copy(command, self.snapshot, self._changes.config)
            case CopyAddress():
                self._errands.to_clipboard(command.base_url, "The base URL")
            case Open():
                self._errands.open(command, self.snapshot, self._preferences.file)
            case ActOnProblem():
                self._act_on_problem()
            case Quit():
                self._quit()
            case _:
                assert_never(command)

    # Start and stop.

    def _start(self) -> None:
        self._problem, self._is_down_for_it = None, True
        self._supervisor.start(self._changes.begin())
        self._is_down_for_it = False

    def _restart(self) -> None:
        if self._supervisor.server is None:
            self._start()
        else:
            self._problem = None
            self._supervisor.restart(self._changes.config, GRACE_S)

    def _set_port(self, port: int | None) -> None:
        failure = self._supervisor.failure
        is_down_for_it = failure is not None and isinstance(failure.error, PortTaken)
        self._problem = None
        self._changes.set_port(port)
        if is_down_for_it:
            self._start()

    def _reload(self) -> None:
        self._problem = None
        self._changes.reload()
        if self._supervisor.is_idle and (self._is_down_for_it or self._supervisor.failure is not None):
            self._start()

    def _quit(self) -> None:
        """A first one lets running answers end, and says so; a second one does not wait for them."""
        answers = self._supervisor.status.pool.answering
        if answers and not self._is_quitting:
            self._notifications.tell(Quitting(answers))
            self._platform.note(f"Stopping: running answers have up to {GRACE_S:.0f} s. Ctrl-C again cancels them.")
        self._supervisor.stop(0.0 if self._is_quitting else GRACE_S)
        self._is_quitting = True

    def _wake(self) -> None:
        """Probes what was running; only that is started again, and only if it does not answer."""
        server = self._supervisor.server
        if self._supervisor.status.state is not State.RUNNING or server is None:
            return
        logger.info("awake again: asking the server whether it answers")
        server.follow_network()
        self._errands.aside(partial(self._platform.answers, server.listeners.control), partial(self._probed, server))

    def _probed(self, server: object, answers: bool | DrawbridgeError) -> None:  # noqa: FBT001 # a result
        if answers is not True and self._supervisor.server is server:
            logger.warning("the server does not answer after a sleep: restarting it")
            self._supervisor.restart(self._changes.config, 0.0)

    # What else is wrong or going on.

    def _sign_in(self, command: SignIn) -> None:
        server = self._supervisor.server
        if server is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then sign in.")
        if not self._is_signing_in:
            self._is_signing_in = True
            self._errands.aside(lambda: server.sign_in(command.account, lambda _: None), self._signed_in)

    def _signed_in(self, account: AccountStatus | DrawbridgeError) -> None:
        self._is_signing_in = False
        if isinstance(account, DrawbridgeError):
            raise account
        self._notifications.tell(SignedIn(account_line(account)))

    def _act_on_problem(self) -> None:
        if (step := step_for(self.snapshot.problem)) is not None:
            self._obey(step)

    def _found_login(self, starts: bool | DrawbridgeError | None) -> None:  # noqa: FBT001 # a result
        self._starts_at_login = None if isinstance(starts, DrawbridgeError) else starts

    def _look_for_tray(self) -> None:
        """Nobody may be left with a program that neither shows itself nor serves."""
        state = self._supervisor.status.state
        has_host = True if self._screen is None else self._screen.has_host
        if has_host is None or (not has_host and state is State.STARTING):
            self._tray_at = self._clock() + LOOK_S
            return
        self._tray_at = 0.0
        if has_host:
            return
        if state is State.RUNNING:
            self._notifications.no_tray(page_of(self.snapshot))
            self._platform.desktop.open_page(page_of(self.snapshot))
        else:
            self.exit_code = 1
            self.post(Quit())

    # What is shown.

    def _show(self) -> None:
        self._announce()
        snapshot = self._new_snapshot()
        now = self._now()
        is_limit = any(window.is_reached for window in snapshot.status.usage)
        self._notifications.problem(snapshot.problem, is_limit=is_limit and self._problem is None)
        self._notifications.limits(snapshot.status.usage, now)
        if snapshot != self.snapshot and self._screen is not None:
            self.snapshot = snapshot
            self._screen.show(snapshot)

    def _announce(self) -> None:
        """Where the server is now, for the commands and for the terminal."""
        status, server = self._supervisor.status, self._supervisor.server
        is_up = server is not None and status.state in {State.RUNNING, State.STOPPING}
        address = status.base_url if is_up else None
        if address == self._published:
            return
        self._published = address
        self._platform.publish(server.listeners if server is not None and address is not None else None)
        if server is not None and address is not None and self._notifications.listening(server.listeners):
            self._platform.note(f"The log is in {self._platform.logs}.")

    def _new_snapshot(self) -> Snapshot:
        now = self._now()
        status = current(self._supervisor.status, now)
        problem = self._problem or current_problem(status, self._supervisor.failure, self._preferences, now)
        snapshot = snapshot_for(status, self._changes.config, preferences=self._preferences, keys=self._keys, now=now)
        updates, wanted = self._updates, self._changes.config.check_updates
        return replace(
            snapshot,
            problem=problem,
            version=self._version,
            starts_at_login=self._starts_at_login,
            is_signing_in=self._is_signing_in,
            has_exported_key=self._platform.has_exported_key,
            checks_updates=wanted if updates is not None and updates.is_possible else None,
            new_version=updates.news(wanted=wanted) if updates is not None else "",
            is_quitting=self._is_quitting,
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC).astimezone()
