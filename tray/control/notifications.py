"""Tells a person what has happened: each thing once, as a notification, and in the terminal if there is one."""

import logging
from collections.abc import Callable
from datetime import datetime

from server.machine.sockets import Listeners
from server.status import UsageWindow
from tray.commands import Command
from tray.control.interfaces import Platform
from tray.menu.problems import LimitReached, NoTray, Occurrence, PortMoved, notice_for, said_after
from tray.model import Notice, Problem

logger = logging.getLogger(__name__)


class Notifications:
    """Remembers what was told already. `post` gets what a click on a notification means."""

    def __init__(self, platform: Platform, post: Callable[[Command], None]) -> None:
        self._platform = platform
        self._post = post
        self._problem = ""
        self._limits: set[tuple[str, float | None]] = set()
        self._address = ""

    def tell(self, what: Occurrence | Notice) -> None:
        """One notification."""
        self._platform.desktop.notify(what if isinstance(what, Notice) else notice_for(what), self._post)

    def problem(self, problem: Problem | None, *, is_limit: bool) -> None:
        """A new problem. A limit has words of its own, once for each window."""
        title = problem.title if problem is not None else ""
        is_new, self._problem = title != self._problem, title
        if problem is None or not is_new or is_limit:
            return
        self.tell(notice_for(problem))
        words = f"{problem.title.rstrip('.')}: {said_after(problem.title, problem.message, problem.hint)}"
        # A notification may send a person to the log: there it stands as well.
        logger.warning("%s", words)
        self._platform.note(words)

    def limits(self, windows: tuple[UsageWindow, ...], now: datetime) -> None:
        """The windows of the plan that are used up."""
        for window in windows:
            name = (window.name, window.resets_at)
            if window.is_reached and name not in self._limits:
                self._limits.add(name)
                self.tell(LimitReached(window, now))

    def listening(self, listeners: Listeners) -> bool:
        """Where it listens: the first time on stdout, which scripts read, later on stderr. Whether that was news."""
        if listeners.base_url == self._address:
            return False
        is_first, self._address = not self._address, listeners.base_url
        (self._platform.say if is_first else self._platform.note)(f"Drawbridge listening on {listeners.base_url}")
        if listeners.moved:
            self.tell(PortMoved(listeners.port, listeners.moved))
            self._platform.note(listeners.moved)
        return is_first

    def no_tray(self, page: str) -> None:
        """There is no icon to click."""
        notice = notice_for(NoTray(page))
        self.tell(notice)
        self._platform.note(f"{notice.title}: {notice.text} 'drawbridge stop' ends it.")
