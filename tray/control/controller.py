"""The app's event loop: one thread handles every click, timer and status report, and shows a frozen `Snapshot`."""

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
from server.errors import DrawbridgeError, PortTaken, SettingsInvalid, StartError
from server.machine.files.settings_file import Saved
from server.status import State
from tray.commands import (
    ActOnProblem,
    AllowExtraUsage,
    AllowKeyFile,
    AllowOrigin,
    AnswerComputerUse,
    AppKey,
    CancelSignIn,
    ChangeSetting,
    CloseTunnel,
    Command,
    Copy,
    CopyAddress,
    CopyKey,
    KeepContents,
    NewKey,
    Open,
    OpenTunnel,
    Quit,
    RemoveKey,
    RequireKey,
    Restart,
    SetPort,
    SetReach,
    SetStartAtLogin,
    SignIn,
    Start,
    StartComputerUse,
    Stop,
    StopComputerUse,
)
from tray.control.background import Background, Completed
from tray.control.computer_use import ComputerUseFlow
from tray.control.desktop_actions import DesktopActions, page_of
from tray.control.interfaces import Platform, Screen
from tray.control.keys.access_key import AccessKey
from tray.control.keys.key_wait import KeyWait
from tray.control.notifications import Notifications
from tray.control.polling import (
    AutostartState,
    EndRequested,
    PollEvent,
    Polling,
    Recheck,
    SettingsFileChanged,
    TrayMissing,
    wait_for_icon,
)
from tray.control.server_requests import ServerRequests
from tray.control.settings.page_settings import ChangeFromPage
from tray.control.settings.settings import Settings
from tray.control.settings.settings_changes import SettingsChanges
from tray.control.sign_in import SignInFlow
from tray.control.snapshot import (
    command_for,
    current_problem,
    problem_from_error,
    server_is_moved,
    snapshot_for,
    without_expired_usage,
)
from tray.control.supervisor import MakeServer, StatusReport, Supervisor
from tray.control.updates.update_check import UpdateCheck
from tray.control.waking import probe_after_sleep
from tray.desktop.sleep_detection import Woke
from tray.menu.menu import tooltip_for
from tray.menu.plan import plan_problem
from tray.menu.problems import OPEN_LOG, Ending, Quitting, notice_for
from tray.model import Notice, Problem, Snapshot

logger = logging.getLogger(__name__)

Event = Command | PollEvent | StatusReport | Completed | ChangeFromPage


class Controller:
    """The app's state and its thread. `post` may be called from any thread; `start` begins, `wait` joins."""

    def __init__(
        self,
        settings: Settings,
        access_key: AccessKey,
        platform: Platform,
        *,
        make_server: MakeServer,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._access_key = access_key
        self._platform = platform
        self._wall = wall
        self._events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._background = Background(self.post)
        self._supervisor = Supervisor(make_server, self.post, clock=clock)
        self._notifications = Notifications(platform, self.post)
        self._actions = DesktopActions(platform, self._notifications, access_key, self._background)
        self._changes = SettingsChanges(
            settings, access_key, self._supervisor, self._notifications, self._background, self._actions.try_to_copy
        )
        self._sign_in = SignInFlow(self._supervisor, self._background, self._notifications)
        self._computer_use = ComputerUseFlow(
            platform.open_desktop_control, settings, self._supervisor, self._background, self._notifications
        )
        self._requests = ServerRequests(
            settings, self._supervisor, self._background, self._actions, self._notifications
        )
        self._key_wait = KeyWait(access_key, self._background, clock=clock)
        self._polling = Polling(
            platform, settings, self._supervisor, self._key_wait, self._background, self.post, clock=clock, wall=wall
        )
        self._thread: threading.Thread | None = None
        self._problem: Problem | None = None
        # Whether a problem in the settings keeps the server down: then a change of the file starts it.
        self._is_blocked = False
        self._published: str | None = None
        self._starts_at_login: bool | None = False
        self._is_quitting = False
        # All three are slow to load, so they are read once the icon is shown.
        self._version = ""
        self._project_page: str | None = None
        self._updates: UpdateCheck | None = None
        self.snapshot = self._new_snapshot()
        self.exit_code = 0

    def start(self, screen: Screen, opening: Saved | SettingsInvalid) -> None:
        """Starts the thread, which starts the server once the icon is shown on `screen`.

        `opening`: what reading the settings returned or raised. With invalid settings the server stays down, since they
        might leave it unprotected.
        """
        self._thread = threading.Thread(
            target=self._run, args=(screen, opening), name="drawbridge-controller", daemon=True
        )
        self._thread.start()

    def post(self, event: Event) -> None:
        """Queues an event; safe in any thread and in signal handlers."""
        self._events.put(event)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for the thread to end after a `Quit`; returns whether it has."""
        assert self._thread is not None
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self, screen: Screen, opening: Saved | SettingsInvalid) -> None:
        wait_for_icon(screen)
        self._version, self._updates = self._platform.version(), self._platform.updates()
        self._project_page = self._platform.project_page()
        self._guard(partial(self._open, opening))
        self._polling.start()
        while not (self._is_quitting and self._supervisor.is_idle):
            self._guard(partial(self._show, screen))
            event = self._next_event()
            if event is not None:
                self._guard(partial(self._handle, event))
            self._guard(partial(self._polling.tick, screen))
        self._guard(partial(self._platform.publish, None))
        screen.stop()

    def _open(self, opening: Saved | SettingsInvalid) -> None:
        if isinstance(opening, SettingsInvalid):
            self._is_blocked = True
            raise opening
        self._changes.report(opening)
        self._start()
        if self._settings.had_key and not self._key_wait.is_waiting:
            self._background.run(self._access_key.find_place, lambda _: None)

    def _next_event(self) -> Event | None:
        try:
            return self._events.get(timeout=self._polling.timeout_s())
        except queue.Empty:
            return None

    def _guard(self, work: Callable[[], None]) -> None:
        """Calls `work` and reports its errors, so that the event loop continues."""
        try:
            work()
        except StartError as error:
            # The server does not run as the user wants, so the menu shows the problem until it is solved.
            self._problem = problem_from_error(error, self._settings, self._now())
        except DrawbridgeError as error:
            logger.info("%s: %s", error.title, error.message)
            self._notifications.error(error)
        except Exception as error:
            logger.exception("unexpected error in the controller")
            text = f"{type(error).__name__}: {error}"
            self._notifications.show(Notice("Something went wrong", text, Open("log folder"), OPEN_LOG))

    def _handle(self, event: Event) -> None:
        match event:
            case StatusReport():
                self._supervisor.on_report(event)
            case Completed():
                event.on_done()
            case Woke():
                probe_after_sleep(self._supervisor, self._background, self._platform, self._settings)
            case SettingsFileChanged():
                self._reload()
            case AutostartState():
                self._starts_at_login = event.starts
            case TrayMissing():
                self._do_without_tray()
            case Recheck():
                self._recheck()
            case ChangeFromPage():
                self._changes.change_from_page(event)
            case EndRequested():
                if not self._is_quitting:
                    self._quit()
            case _:
                self._execute(event)

    def _execute(self, command: Command) -> None:  # noqa: C901 # one case for each command
        match command:
            case Start():
                self._start()
            case Stop():
                self._stop()
            case Restart():
                self._restart()
            case ChangeSetting() | AllowOrigin() | RequireKey() | NewKey() | RemoveKey() | SetReach():
                self._changes.execute(command)
            case SetPort():
                self._set_port(command.port)
            case CopyKey():
                self._actions.copy_key(self._settings.config)
            case AllowKeyFile():
                self._execute(self._changes.allow_key_file())
            case SignIn():
                self._sign_in.begin(command)
            case AppKey():
                self._actions.change_app_key(command, self._settings.config)
            case AllowExtraUsage() | KeepContents() | OpenTunnel() | CloseTunnel():
                self._requests.execute(command)
            case StartComputerUse() | StopComputerUse() | AnswerComputerUse():
                self._computer_use.execute(command)
            case CancelSignIn():
                self._sign_in.cancel()
            case SetStartAtLogin():
                self._platform.autostart.set(command.on)
                self._starts_at_login = self._platform.autostart.state()
            case Copy():
                self._actions.copy(command, self.snapshot, self._settings.config)
            case CopyAddress():
                self._actions.copy_text(command.base_url, "The base URL")
            case Open():
                self._actions.open(command, self.snapshot, self._settings.file)
            case ActOnProblem():
                if (fix := command_for(self.snapshot.problem, command.title)) is not None:
                    self._execute(fix)
            case Quit():
                self._quit()
            case _:
                assert_never(command)

    # Start and stop.

    def _start(self) -> None:
        self._problem, self._is_blocked = None, True
        self._notifications.forget_problem()
        self._key_wait.cancel()
        config = self._changes.prepare_start()
        self._is_blocked = False
        if self._access_key.lacks(config):
            self._key_wait.begin(config, lambda key: self._supervisor.start(self._changes.finish_start(key)))
        else:
            self._supervisor.start(config)

    def _stop(self) -> None:
        self._key_wait.cancel()
        self._supervisor.stop(GRACE_S)

    def _restart(self) -> None:
        if self._supervisor.server is None:
            self._start()
        else:
            self._problem = None
            self._supervisor.restart(self._settings.config, GRACE_S)

    def _set_port(self, port: int | None) -> None:
        failure = self._supervisor.failure
        was_taken = failure is not None and isinstance(failure.error, PortTaken)
        self._problem = None
        self._changes.set_port(port)
        if was_taken:
            self._start()

    def _reload(self) -> None:
        self._problem = None
        self._changes.reload()
        is_down = self._is_blocked or self._key_wait.is_waiting or self._supervisor.failure is not None
        if self._supervisor.is_idle and is_down:
            self._start()

    def _quit(self) -> None:
        """The first time with a grace period for running answers; the second time at once."""
        answers = self._supervisor.status.pool.answering
        if answers and not self._is_quitting:
            self._notifications.show(Quitting(answers))
            self._platform.note(f"Stopping: running answers have up to {GRACE_S:.0f} s. Ctrl-C again cancels them.")
        self._key_wait.cancel()
        self._supervisor.stop(0.0 if self._is_quitting else GRACE_S)
        self._is_quitting = True

    def _do_without_tray(self) -> None:
        page = page_of(self.snapshot)
        if self._supervisor.status.state is State.RUNNING:
            self._notifications.no_tray(page)
            if not self._platform.is_background:
                self._platform.desktop.open_page(self._actions.page_with_ticket(self.snapshot))
            return
        problem = self.snapshot.problem
        ending = Ending(problem.message if problem is not None else "")
        self._notifications.show(ending)
        self._platform.note(f"Drawbridge quits. {notice_for(ending).text}")
        self.exit_code = 1
        self._quit()

    def _recheck(self) -> None:
        """Clears a problem that has passed: a port that was taken is free now."""
        if self._changes.mend_port():
            self._problem = None

    # What is shown.

    def _show(self, screen: Screen) -> None:
        self._announce()
        snapshot = self._new_snapshot()
        is_limit = plan_problem(snapshot.status, self._now()) is not None
        if snapshot.problem is not None or snapshot.status.state is not State.STARTING:
            # A retry that fails again is not a new problem.
            self._notifications.problem(snapshot.problem, is_limit=is_limit and self._problem is None)
        self._notifications.news(snapshot.status, self._settings.config.usage_notice, self._now())
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            screen.show(snapshot)
            if self._published is None:
                # A second start of the app shows this, since it finds no server.
                self._platform.describe(tooltip_for(snapshot).removeprefix("Drawbridge: "))

    def _announce(self) -> None:
        """Publishes a new address of the server to the commands, and prints it."""
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
        status = without_expired_usage(self._supervisor.status, now)
        problem = self._problem or current_problem(status, self._supervisor.failure, self._settings, now)
        if self._key_wait.is_waiting and self._supervisor.server is None:
            status = replace(status, state=State.STARTING)
            error = self._key_wait.error
            problem = self._problem or (problem_from_error(error, self._settings, now) if error is not None else None)
        server = self._supervisor.server if status.state is State.RUNNING else None
        updates, wanted = self._updates, self._settings.config.check_updates
        return replace(
            snapshot_for(status, self._settings, self._access_key, self._platform.app_keys, now),
            problem=problem,
            version=self._version,
            starts_at_login=self._starts_at_login,
            signing_in=self._sign_in.account,
            has_exported_key=self._platform.has_exported_key,
            checks_updates=wanted if updates is not None and not updates.obstacle else None,
            no_update_check=updates.obstacle if updates is not None else "",
            has_project_page=bool(self._project_page),
            new_version=updates.newer_version(wanted=wanted) if updates is not None else "",
            is_quitting=self._is_quitting,
            is_moved=server is not None and server_is_moved(server),
        )

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._wall(), UTC).astimezone()
