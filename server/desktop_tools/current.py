"""Whether Claude may use the desktop now: at most one session at a time, which the tray starts."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from server.config import Config
from server.desktop_tools.actions import Desktop
from server.desktop_tools.session import Ask, ComputerSession, End, ending
from server.errors import InvalidRequest
from server.status import ComputerQuestion, ComputerStatus

logger = logging.getLogger(__name__)


class OpenDesktop(Desktop, Protocol):
    """A desktop that is held until it is closed."""

    def close(self) -> None:
        """Releases the screen, the pointer and the keyboard. May block."""


class ComputerRefused(InvalidRequest):
    """A session cannot start now."""

    title = "Computer use cannot start"


class ComputerUse:
    """Holds the session in which Claude uses the desktop.

    All methods belong to the server's loop. `ask` asks the person about a window. `on_change` is called when a session
    starts or ends, and after each action.
    """

    def __init__(
        self,
        config: Callable[[], Config],
        ask: Ask,
        *,
        on_change: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._config = config
        self._ask = ask
        self._on_change = on_change
        self._clock = clock
        self._wall = wall
        self._latest: ComputerSession | None = None
        self._ends_at: float | None = None
        self._ending: asyncio.Task[None] | None = None
        self._question: ComputerQuestion | None = None

    @property
    def session(self) -> ComputerSession | None:
        """The session that runs; None without one."""
        return None if self._latest is None or self._latest.end else self._latest

    @property
    def status(self) -> ComputerStatus:
        """Whether a session runs, and what was done in it or in the one before."""
        latest = self._latest
        if latest is None:
            return ComputerStatus()
        if latest.end:
            return ComputerStatus(actions=latest.actions, ended=ending(latest.end))
        return ComputerStatus(is_on=True, ends_at=self._ends_at, actions=latest.actions, question=self._question)

    @contextmanager
    def asking(self, question: ComputerQuestion) -> Iterator[None]:
        """Has `question` in the status during the block. One action runs at a time, so there is one question."""
        self._question = question
        self._on_change()
        try:
            yield
        finally:
            self._question = None
            self._on_change()

    def start(self, desktop: OpenDesktop, *, minutes: float | None = None) -> ComputerSession:
        """Starts a session on `desktop`, for as long as the settings say without `minutes`.

        The desktop is closed when the session has ended, but not if this raises `ComputerRefused`.
        """
        if not self._config().computer_use:
            raise ComputerRefused("Computer use is off.", hint="Turn it on in Drawbridge's settings (computer_use).")
        if self._ending is not None:
            raise ComputerRefused("Claude uses the desktop already.", hint="Stop that first.")
        limit_s = 60.0 * (self._config().computer_minutes if minutes is None else minutes)
        session = ComputerSession(
            desktop, self._ask, limit_s=limit_s, clock=_elapsed(self._clock, self._wall), on_action=self._on_change
        )
        self._latest, self._ends_at = session, self._wall() + limit_s
        self._ending = asyncio.create_task(self._close_at_end(session, desktop))
        self._on_change()
        return session

    def stop(self, end: End) -> None:
        """Ends the session, if one runs: its action is cancelled, and calls that wait are refused."""
        if (session := self.session) is not None:
            session.stop(end)
            self._on_change()

    def follow_settings(self) -> None:
        """Ends the session if the setting is off now."""
        if not self._config().computer_use:
            self.stop("setting")

    async def close(self) -> None:
        """Ends the session and waits until its desktop is closed."""
        self.stop("server")
        if self._ending is not None:
            await self._ending

    async def _close_at_end(self, session: ComputerSession, desktop: OpenDesktop) -> None:
        try:
            await session.wait()
        finally:
            try:
                await asyncio.to_thread(desktop.close)
            except Exception as error:  # noqa: BLE001 # each system has its own; without the text, which may tell of the screen
                logger.warning("the desktop cannot be closed: %s", type(error).__name__)
            finally:
                self._ending = None
                self._on_change()


def _elapsed(clock: Callable[[], float], wall: Callable[[], float]) -> Callable[[], float]:
    """The seconds since now, by the clock that has gone further: one of them stops while the computer sleeps."""
    at_clock, at_wall = clock(), wall()
    return lambda: max(clock() - at_clock, wall() - at_wall)
