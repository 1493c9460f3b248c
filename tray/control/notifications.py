"""Tells a person what has happened: each thing once, as a notification, and in the terminal if there is one."""

import logging
from collections.abc import Callable
from datetime import datetime

from server.machine.sockets import Listeners
from server.status import UsageWindow
from tray.control.interfaces import Surroundings
from tray.menu.problems import Happening, LimitReached, NoTray, PortMoved, notice_for, said_after
from tray.model import Command, Notice, Trouble

logger = logging.getLogger(__name__)


class Bulletin:
    """Remembers what was told already. `post` gets what a click on a notification means."""

    def __init__(self, around: Surroundings, post: Callable[[Command], None]) -> None:
        self._around = around
        self._post = post
        self._trouble = ""
        self._limits: set[tuple[str, float | None]] = set()
        self._address = ""

    def tell(self, what: Happening | Notice) -> None:
        """One notification."""
        self._around.desktop.notify(what if isinstance(what, Notice) else notice_for(what), self._post)

    def trouble(self, trouble: Trouble | None, *, is_limit: bool) -> None:
        """A new trouble. A limit has words of its own, once for each window."""
        title = trouble.title if trouble is not None else ""
        is_new, self._trouble = title != self._trouble, title
        if trouble is None or not is_new or is_limit:
            return
        self.tell(notice_for(trouble))
        words = f"{trouble.title.rstrip('.')}: {said_after(trouble.title, trouble.message, trouble.hint)}"
        # A notification may send a person to the log: there it stands as well.
        logger.warning("%s", words)
        self._around.note(words)

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
        (self._around.say if is_first else self._around.note)(f"Drawbridge listening on {listeners.base_url}")
        if listeners.moved:
            self.tell(PortMoved(listeners.port, listeners.moved))
            self._around.note(listeners.moved)
        return is_first

    def no_tray(self, page: str) -> None:
        """There is no icon to click."""
        notice = notice_for(NoTray(page))
        self.tell(notice)
        self._around.note(f"{notice.title}: {notice.text} 'drawbridge stop' ends it.")
