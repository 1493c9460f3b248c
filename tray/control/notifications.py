"""Notifies the user of problems and events, each once, on the desktop and in the terminal if there is one."""

import logging
from collections.abc import Callable
from datetime import datetime

from server.errors import DrawbridgeError
from server.machine.network.sockets import Listeners
from server.status import Status
from tray.commands import Command
from tray.control.interfaces import Platform
from tray.control.plan_news import PlanNews
from tray.menu.approvals import QuestionNews
from tray.menu.computer import ComputerNews
from tray.menu.problems import NoTray, Occurrence, PortMoved, body_text, notice_for
from tray.menu.tunnel import TunnelNews
from tray.model import Notice, Problem

logger = logging.getLogger(__name__)


class Notifications:
    """Remembers what was shown. `post` gets the command of a notification that the user clicks."""

    def __init__(self, platform: Platform, post: Callable[[Command], None]) -> None:
        self._platform = platform
        self._post = post
        self._problem = ""
        self._plan_news = PlanNews()
        self._tunnel_news = TunnelNews()
        self._question_news = QuestionNews()
        self._computer_news = ComputerNews()
        self._address = ""

    def show(self, what: Occurrence | Notice) -> None:
        """Shows one notification."""
        self._platform.desktop.notify(what if isinstance(what, Notice) else notice_for(what), self._post)

    def error(self, error: DrawbridgeError) -> None:
        """Shows a command's failure."""
        self.show(Notice(error.title, str(error)))

    def forget_problem(self) -> None:
        """Shows the next problem even if it is the same: the user has tried to solve it."""
        self._problem = ""

    def problem(self, problem: Problem | None, *, is_limit: bool) -> None:
        """Shows a new problem, in the log and the terminal too. A usage limit is left to `news`."""
        title = problem.title if problem is not None else ""
        is_new, self._problem = title != self._problem, title
        if problem is None or not is_new or is_limit:
            return
        self.show(notice_for(problem))
        text = f"{problem.title.rstrip('.')}: {body_text(problem.title, problem.message, problem.hint)}"
        logger.warning("%s", text)
        self._platform.note(text)

    def news(self, status: Status, notice_at: int, now: datetime) -> None:
        """Shows what is new about agents, the plan, the tunnel, the desktop. `notice_at`: the setting, in percent."""
        for news in (
            *self._question_news.of(status),
            *self._plan_news.of(status, notice_at, now),
            *self._tunnel_news.of(status.tunnel),
            *self._computer_news.of(status.computer),
        ):
            self.show(news)

    def listening(self, listeners: Listeners) -> bool:
        """Prints a new address, the first on stdout for scripts; returns whether it was the first."""
        if listeners.base_url == self._address:
            return False
        is_first, self._address = not self._address, listeners.base_url
        (self._platform.say if is_first else self._platform.note)(f"Drawbridge listening on {listeners.base_url}")
        if listeners.moved:
            self.show(PortMoved(listeners.port, listeners.moved, listeners.base_url))
            self._platform.note(listeners.moved)
        return is_first

    def no_tray(self, page: str) -> None:
        """Says that no tray shows the icon. At login only the first time ever: the desktop may never have one."""
        notice = notice_for(NoTray(page))
        if not self._platform.is_background or self._platform.is_first_time("no-tray-shown"):
            self.show(notice)
        self._platform.note(f"{notice.title}: {notice.text} Run 'drawbridge stop' to stop it.")
