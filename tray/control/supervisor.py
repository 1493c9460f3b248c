"""Starts, stops and restarts the server, after a crash with back-off and a limit. Runs on the controller's thread."""

import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from server.config import Config
from server.desktop_tools.current import OpenDesktop
from server.desktop_tools.session import End
from server.errors import DrawbridgeError, KeyNeeded, SettingsInvalid, StartError
from server.machine.network.sockets import Listeners
from server.status import AccountStatus, ContentsWish, SignInAccount, State, Status

logger = logging.getLogger(__name__)

# Restarts after crashes within this time: one for each delay.
WINDOW_S = 600.0
DELAYS_S = (1.0, 2.0, 4.0)
START_TIMEOUT_S = 120.0
# How long a server may take to end after the grace period: requests clean up, then processes end.
ENDING_S = 25.0
_JOIN_S = 5.0
# How often a start is repeated after an error that may pass, as a port that is taken.
RETRY_S = 5.0


class Server(Protocol):
    """One run of the server; see `server.runtime.runner.Runner`."""

    @property
    def listeners(self) -> Listeners:
        """The bound sockets."""

    @property
    def error(self) -> BaseException | None:
        """The error that ended it."""

    def begin(self) -> None:
        """Binds the sockets and starts the server's thread. Raises `StartError`."""

    def stop(self, grace_s: float) -> None:
        """Starts to end it, without waiting."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits until it has ended, and raises the error that ended it."""

    def apply(self, config: Config) -> None:
        """Applies new settings while it runs. Raises `StartError` or `SettingsInvalid`; then nothing has changed."""

    def follow_network(self) -> None:
        """Follows changes of this computer's addresses, if other devices may connect."""

    def allow_extra_usage(self, *, is_allowed: bool) -> None:
        """Continues with paid extra usage until the plan resets, or stops again."""

    def keep_contents(self, wish: ContentsWish) -> None:
        """Keeps the contents of requests, stops that, or forgets what is kept."""

    def change_tunnel(self, provider: str) -> None:
        """Begins to open the tunnel by `provider`, or to close it if that is empty."""

    def start_computer_use(self, desktop: OpenDesktop) -> Future[None]:
        """Lets Claude use `desktop`, and closes it at the end. Raises `ShuttingDown`; the future `ComputerRefused`."""

    def stop_computer_use(self, end: End) -> None:
        """Ends Claude's use of the desktop."""

    def decide(self, question_id: str, decision: Literal["once", "conversation", "refuse"]) -> None:
        """Decides a question of an agent. Raises `NotFound` or `QuestionClosed`."""

    def sign_in(self, account: SignInAccount) -> Future[AccountStatus]:
        """Begins to sign in to Claude in the browser; cancelling the future cancels that. Raises `ShuttingDown`."""


MakeServer = Callable[[Config, Callable[[Status], None]], Server]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """An event: the status of the server's run number `run`."""

    run: int
    status: Status


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the server is down. `crashes`: how often it crashed; 0: it could not start. `is_final`: no retry helps."""

    error: BaseException
    crashes: int = 0
    is_final: bool = False

    @property
    def may_pass(self) -> bool:
        """Whether the cause may go away by itself: a taken port, a network or a folder that is not there yet."""
        is_start_error = isinstance(self.error, StartError) and not isinstance(self.error, SettingsInvalid | KeyNeeded)
        return not self.crashes and not self.is_final and (is_start_error or isinstance(self.error, OSError))


class Supervisor:
    """Holds the app's server. `status`: the last known; `failure`: why it is down although it should run."""

    def __init__(
        self, make: MakeServer, post: Callable[[StatusReport], None], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._make = make
        self._post = post
        self._clock = clock
        self._server: Server | None = None
        self._config = Config()
        self._run = 0
        self._next: Config | None = None
        self._crashes: deque[float] = deque()
        self._has_run = False
        self._is_stopping = False
        self._deadline: float | None = None
        self._restart_at: float | None = None
        self._retry_at: float | None = None
        self.status = Status()
        self.failure: Failure | None = None
        self._overdue_failure: Failure | None = None

    @property
    def server(self) -> Server | None:
        """The current server; None if it is down."""
        return self._server

    @property
    def is_idle(self) -> bool:
        """Whether no server runs or is about to start."""
        return self._server is None and self._restart_at is None and self._next is None

    @property
    def next_at(self) -> float | None:
        """When `tick` is due, by the clock; None: not at all."""
        times = [when for when in (self._deadline, self._restart_at, self._retry_at) if when is not None]
        return min(times, default=None)

    def start(self, config: Config) -> None:
        """Starts the server, after the current one if that is stopping. Resets the count of crashes."""
        self._crashes.clear()
        self._restart_at = self._retry_at = None
        if self._server is None:
            self._begin(config)
        elif self._is_stopping:
            self._next = config

    def stop(self, grace_s: float) -> None:
        """Starts to end the server; `status` shows when it has ended. A shorter grace period replaces a longer one."""
        self._next = self._restart_at = self._retry_at = None
        if self._server is None:
            self.failure = None
            self.status = replace(self.status, state=State.STOPPED, trouble=None)
            return
        self._is_stopping = True
        self._deadline = self._clock() + grace_s + ENDING_S
        self._server.stop(grace_s)

    def restart(self, config: Config, grace_s: float) -> None:
        """Stops the server if it runs, then starts it with `config`."""
        if self._server is not None:
            self.stop(grace_s)
        self.start(config)

    def apply(self, config: Config) -> None:
        """Applies settings to the running server and every later one. Raises what `Server.apply` raises."""
        if self._server is not None and not self._is_stopping:
            self._server.apply(config)
        if self._next is not None:
            self._next = config
        self._config = config

    def allow_extra_usage(self, *, is_allowed: bool) -> None:
        """Has the running server go on with paid extra usage, or stop again."""
        if self._server is not None:
            self._server.allow_extra_usage(is_allowed=is_allowed)

    def keep_contents(self, wish: ContentsWish) -> None:
        """Has the running server keep contents, stop that, or forget what is kept."""
        if self._server is not None:
            self._server.keep_contents(wish)

    def change_tunnel(self, provider: str) -> None:
        """Has the running server open the tunnel by `provider`, or close it if that is empty."""
        if self._server is not None:
            self._server.change_tunnel(provider)

    def on_report(self, report: StatusReport) -> None:
        """Takes a status report; ignores those of earlier runs."""
        if report.run != self._run or self._server is None:
            return
        self.status = _merged(self.status, report.status)
        if report.status.state is State.RUNNING and not self._has_run:
            self._has_run, self._deadline = True, None
            self.failure = None
        elif report.status.state in {State.STOPPED, State.FAILED}:
            self._ended(self._server)

    def tick(self) -> None:
        """Starts or gives up on a server when that is due."""
        now = self._clock()
        if self._restart_at is not None and now >= self._restart_at:
            self._restart_at = None
            self._begin(self._config)
        elif self._retry_at is not None and now >= self._retry_at:
            self._retry_at = None
            self._begin(self._config, is_retry=True)
        elif self._deadline is not None and now >= self._deadline and self._server is not None:
            self._overdue(self._server)

    def _begin(self, config: Config, *, is_retry: bool = False) -> None:
        """Starts a server. A retry that fails at once leaves the status and the failure as they are."""
        self._run += 1
        self._config, self._next = config, None
        self._has_run = self._is_stopping = False
        self._overdue_failure = None
        if not is_retry:
            self.failure = None
        self._deadline = self._clock() + START_TIMEOUT_S
        run = self._run
        server = self._server = self._make(config, lambda status: self._post(StatusReport(run, status)))
        if not is_retry:
            self.status = _merged(self.status, _starting(config))
        try:
            server.begin()
        except Exception as error:
            if not isinstance(error, DrawbridgeError) and not is_retry:
                logger.exception("the server cannot be started")
            self._server = None
            self._fail(Failure(error))
        else:
            self.status = _merged(self.status, _starting(config))

    def _ended(self, server: Server) -> None:
        with suppress(Exception):
            # Its thread is about to return.
            server.wait(_JOIN_S)
        self._server, self._deadline = None, None
        error = server.error
        if self._next is not None:
            self._begin(self._next)
        elif self._overdue_failure is not None:
            self._fail(self._overdue_failure)
        elif error is None or self._is_stopping:
            self.status = replace(self.status, state=State.STOPPED, trouble=None)
        elif isinstance(error, DrawbridgeError) and not self._has_run:
            # A typed error at the start is not a crash: another attempt would fail in the same way.
            self._fail(Failure(error))
        else:
            self._crashed(error)

    def _crashed(self, error: BaseException) -> None:
        now = self._clock()
        self._crashes.append(now)
        while self._crashes[0] <= now - WINDOW_S:
            self._crashes.popleft()
        count = len(self._crashes)
        if count > len(DELAYS_S):
            self._fail(Failure(error, crashes=count))
            return
        logger.warning("the server crashed: restart %d of %d follows", count, len(DELAYS_S))
        self._restart_at = now + DELAYS_S[count - 1]
        self.status = _merged(self.status, _starting(self._config))

    def _overdue(self, server: Server) -> None:
        if not self._is_stopping:
            self.stop(0)
            message = f"The server was not ready within {START_TIMEOUT_S:.0f} s."
            error = StartError(message, hint="The log shows what it was doing.")
            self._overdue_failure = Failure(error, is_final=True)
            return
        logger.error("the server does not end and is abandoned: %r", server)
        self._server, self._deadline = None, None
        hint = "Quit Drawbridge and start it again."
        error = StartError("The server does not stop.", hint=hint, title="The server does not stop")
        self._fail(Failure(error, is_final=True))

    def _fail(self, failure: Failure) -> None:
        self._deadline = None
        self._retry_at = self._clock() + RETRY_S if failure.may_pass else None
        self.failure = failure
        self.status = replace(self.status, state=State.FAILED, trouble=str(failure.error), addresses=(), base_url=None)


def _starting(config: Config) -> Status:
    return Status(state=State.STARTING, model=config.model, demo=config.demo)


def _merged(before: Status, now: Status) -> Status:
    """`now`, with what only a running server knows taken from `before`."""
    if before.demo != now.demo:
        return now
    return replace(
        now,
        cli=now.cli if now.cli.path else before.cli,
        account=now.account if now.account.signed_in is not None else before.account,
        models=now.models or before.models,
    )
