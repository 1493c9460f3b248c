"""Keeps the server alive: starts it, stops it, starts it again when it ended by itself, and knows when to give up.

All methods belong to one thread; what the server says of itself comes there as `StatusReport`, through `post`.
"""

import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from server.config import Config
from server.errors import DrawbridgeError, StartError
from server.machine.sockets import Listeners
from server.status import AccountStatus, SignInAccount, State, Status

logger = logging.getLogger(__name__)

# It may end by itself so often in this time; each restart waits a little longer than the one before.
WINDOW_S = 600.0
DELAYS_S = (1.0, 2.0, 4.0)
START_TIMEOUT_S = 120.0
# What a server may need to end beyond the grace of its answers: requests tidy up, then processes end.
ENDING_S = 25.0
_JOIN_S = 5.0


class Server(Protocol):
    """One run of the server, as `server.runtime.runner.Runner` is."""

    @property
    def listeners(self) -> Listeners:
        """What was bound."""
        ...

    @property
    def error(self) -> BaseException | None:
        """What ended it."""
        ...

    def begin(self) -> None:
        """Binds, and opens the rest in a thread of its own. Raises `StartError`."""
        ...

    def stop(self, grace_s: float) -> None:
        """Asks it to end, and returns at once."""
        ...

    def wait(self, timeout_s: float | None = None) -> bool:
        """Waits for its end, and raises what ended it."""
        ...

    def apply(self, config: Config) -> None:
        """New settings, live. Raises `StartError` or `SettingsInvalid`; then nothing has changed."""
        ...

    def follow_network(self) -> None:
        """Other addresses of this computer, where others may reach it."""
        ...

    def sign_in(self, account: SignInAccount, on_url: Callable[[str], None]) -> AccountStatus:
        """Signs in to Claude in the browser; takes minutes."""
        ...


MakeServer = Callable[[Config, Callable[[Status], None]], Server]


@dataclass(frozen=True, slots=True)
class StatusReport:
    """What the server of that run says of itself."""

    run: int
    status: Status


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the server does not run. `crashes`: it ended by itself so often; 0: it could not be started at all."""

    error: BaseException
    crashes: int = 0


class Supervisor:
    """The one server of the app. `status`: what is known of it; `failure`: why it is down although it should not be."""

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
        self._again_at: float | None = None
        self.status = Status()
        self.failure: Failure | None = None

    @property
    def server(self) -> Server | None:
        """The server of this moment; None when there is none."""
        return self._server

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs and nothing is about to."""
        return self._server is None and self._again_at is None and self._next is None

    @property
    def next_at(self) -> float | None:
        """When `tick` has something to do, by the clock; None: nothing is due."""
        times = [when for when in (self._deadline, self._again_at) if when is not None]
        return min(times, default=None)

    def start(self, config: Config) -> None:
        """Starts the server, or lets the one that is just ending be followed by a new one. A new budget begins."""
        self._crashes.clear()
        self._again_at = None
        if self._server is None:
            self._begin(config)
        elif self._is_stopping:
            self._next = config

    def stop(self, grace_s: float) -> None:
        """Asks it to end; `status` tells when it has. A shorter grace replaces a longer one."""
        self._next = self._again_at = None
        if self._server is None:
            self.failure = None
            self.status = replace(self.status, state=State.STOPPED, trouble=None)
            return
        self._is_stopping = True
        self._deadline = self._clock() + grace_s + ENDING_S
        self._server.stop(grace_s)

    def restart(self, config: Config, grace_s: float) -> None:
        """Stops it and starts it with `config`; one that is down is started."""
        if self._server is not None:
            self.stop(grace_s)
        self.start(config)

    def apply(self, config: Config) -> None:
        """Settings for the running server and for every later one. Raises what `Server.apply` does."""
        if self._server is not None and not self._is_stopping:
            self._server.apply(config)
        if self._next is not None:
            self._next = config
        self._config = config

    def heard(self, said: StatusReport) -> None:
        """Takes in what the server says; one of an earlier run is no longer of interest."""
        if said.run != self._run or self._server is None:
            return
        self.status = _remembering(self.status, said.status)
        if said.status.state is State.RUNNING and not self._has_run:
            self._has_run, self._deadline = True, None
        elif said.status.state in {State.STOPPED, State.FAILED}:
            self._ended(self._server)

    def tick(self) -> None:
        """Does what is due."""
        now = self._clock()
        if self._again_at is not None and now >= self._again_at:
            self._again_at = None
            self._begin(self._config)
        elif self._deadline is not None and now >= self._deadline and self._server is not None:
            self._overdue(self._server)

    def _begin(self, config: Config) -> None:
        self._run += 1
        self._config, self._next = config, None
        self._has_run = self._is_stopping = False
        self.failure = None
        self._deadline = self._clock() + START_TIMEOUT_S
        run = self._run
        server = self._server = self._make(config, lambda status: self._post(StatusReport(run, status)))
        self.status = _remembering(self.status, _starting(config))
        try:
            server.begin()
        except Exception as error:
            if not isinstance(error, DrawbridgeError):
                logger.exception("the server cannot be started")
            self._server = None
            self._fail(Failure(error))

    def _ended(self, server: Server) -> None:
        with suppress(Exception):
            # Its thread is at its last line: after this nothing of it is left.
            server.wait(_JOIN_S)
        self._server, self._deadline = None, None
        error = server.error
        if self._next is not None:
            self._begin(self._next)
        elif self.failure is not None:
            self._fail(self.failure)
        elif error is None or self._is_stopping:
            self.status = replace(self.status, state=State.STOPPED, trouble=None)
        elif isinstance(error, DrawbridgeError) and not self._has_run:
            # It said itself why it cannot start: the same would happen again.
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
        logger.warning("the server ended by itself, start %d of %d follows", count, len(DELAYS_S))
        self._again_at = now + DELAYS_S[count - 1]
        self.status = _remembering(self.status, _starting(self._config))

    def _overdue(self, server: Server) -> None:
        if not self._is_stopping:
            self.stop(0)
            words = f"It was not ready within {START_TIMEOUT_S:.0f} s."
            self.failure = Failure(StartError(words, hint="The log says how far it came."))
            return
        logger.error("the server does not end; it is left behind: %r", server)
        self._server, self._deadline = None, None
        hint = "Quit Drawbridge and start it again."
        self._fail(Failure(StartError("The server does not end.", hint=hint, title="The server does not end")))

    def _fail(self, failure: Failure) -> None:
        self._deadline = None
        self.failure = failure
        self.status = replace(self.status, state=State.FAILED, trouble=str(failure.error), addresses=(), base_url=None)


def _starting(config: Config) -> Status:
    return Status(state=State.STARTING, model=config.model, demo=config.demo)


def _remembering(before: Status, now: Status) -> Status:
    """`now`; what only a running server can tell, and hardly changes, stays known from before."""
    if before.demo != now.demo:
        return now
    return replace(
        now,
        cli=now.cli if now.cli.path else before.cli,
        account=now.account if now.account.signed_in is not None else before.account,
        models=now.models or before.models,
    )
