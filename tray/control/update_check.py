"""Whether there is a newer version: asked once a day, only if its user wants that, and never of a system's package."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from server.errors import DrawbridgeError
from server.machine.atomic_files import replace_file
from tray.control.releases_feed import feed_for, is_newer, is_release, newest_tag, page_for, version_of

logger = logging.getLogger(__name__)

MEMO = "updates.json"
DAY_S = 86_400.0
# A laptop that has just been opened is not on the network yet.
AGAIN_S = 3600.0

Answer = str | DrawbridgeError | None


class Aside(Protocol):
    """Does work on another thread and brings its result, or its error as one of ours, back to this one."""

    def __call__(self, work: Callable[[], str | None], then: Callable[[Answer], None]) -> None:
        """Returns at once."""
        ...


class Updates:
    """Looks for a newer version than `own` and remembers in the file `memo` what it heard, over restarts.

    `repository` is the project's address. `managed_by` names what brings new versions to this computer, as in "apt";
    then nothing is ever asked. Used on one thread.
    """

    def __init__(
        self,
        memo: Path,
        *,
        own: str,
        repository: str | None,
        managed_by: str = "",
        ask: Callable[[str], str | None] = newest_tag,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._memo = memo
        self._own = own
        self._repository = repository
        self._ask = ask
        self._wall = wall
        self._feed = None if managed_by else feed_for(repository)
        self._tag = ""
        # Unix time; None: not read from the memo yet.
        self._next_at: float | None = None
        self._is_asking = False

    @property
    def is_possible(self) -> bool:
        """Whether there is somebody to ask, and nobody else who brings new versions."""
        return self._feed is not None

    @property
    def page(self) -> str:
        """The page of the newer release."""
        return page_for(self._repository, self._tag)

    def news(self, *, wanted: bool) -> str:
        """The newer version, as in "1.2"; empty where none is known, or nobody wants to know."""
        is_news = wanted and self.is_possible and is_newer(self._tag, self._own)
        return version_of(self._tag) if is_news else ""

    def look(self, aside: Aside, *, wanted: bool) -> None:
        """Asks if it is time to: called often, and nearly always does nothing. Never raises."""
        feed = self._feed
        if feed is None or not wanted or self._is_asking:
            return
        if self._next_at is None:
            self._recall()
        now = self._wall()
        # A clock that was put back, or a memo that says nonsense, must not keep us silent.
        if self._next_at is None or not now < self._next_at <= now + DAY_S:
            self._is_asking = True
            aside(lambda: self._ask(feed), self._heard)

    def _heard(self, answer: Answer) -> None:
        self._is_asking = False
        if isinstance(answer, DrawbridgeError):
            logger.info("no news of versions: %s", answer.message)
            self._next_at = self._wall() + AGAIN_S
            return
        self._tag = answer or ""
        self._next_at = self._wall() + DAY_S
        logger.info("asked for versions: the newest is %s, this is %s", self._tag or "none", self._own)
        try:
            replace_file(self._memo, json.dumps({"tag": self._tag, "next_at": self._next_at}).encode())
        except OSError as error:
            logger.info("the news of versions cannot be kept: %s", error)

    def _recall(self) -> None:
        try:
            kept = json.loads(self._memo.read_bytes())
            tag, next_at = str(kept["tag"]), float(kept["next_at"])
        except (OSError, ValueError, TypeError, KeyError):
            return
        if not tag or is_release(tag):
            self._tag, self._next_at = tag, next_at
