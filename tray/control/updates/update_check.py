"""Checks for a newer version once a day, if the user has switched that on."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

from server.errors import DrawbridgeError
from server.machine.files.atomic_files import replace_file
from tray.control.updates.releases_feed import feed_for, is_newer, is_release, newest_tag, page_for, version_of

logger = logging.getLogger(__name__)

CACHE_FILE = "updates.json"
DAY_S = 86_400.0
# A laptop that was just opened is not on the network yet.
RETRY_S = 3600.0

FeedResult = str | DrawbridgeError | None
RunInBackground = Callable[[Callable[[], str | None], Callable[[FeedResult], None]], None]
"""Runs work on another thread and the callback on this one; see `Background.run`."""


class UpdateCheck:
    """Looks for versions newer than `own`; caches the answer in a file, so that a restart does not ask again.

    `repository`: the project's address. `managed_by`: the package manager that updates Drawbridge, as in "apt"; then it
    never asks. Used on one thread.
    """

    def __init__(
        self,
        cache: Path,
        *,
        own: str,
        repository: str | None,
        managed_by: str = "",
        fetch: Callable[[str], str | None] = newest_tag,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._cache = cache
        self._own = own
        self._repository = repository
        self._managed_by = managed_by
        self._fetch = fetch
        self._wall = wall
        self._feed = None if managed_by else feed_for(repository)
        self._tag = ""
        # Unix time; None: the cache was not read yet.
        self._next_at: float | None = None
        self._is_asking = self._has_logged_why = False

    @property
    def obstacle(self) -> str:
        """Why there is no update check here, for the menu and the log; empty if there is one."""
        if self._feed is not None:
            return ""
        if self._managed_by:
            return "Updates come from your system's package manager"
        return "No update check: this build has no project page" + (" on GitHub" if self._repository else "")

    @property
    def page(self) -> str:
        """The newer release's page."""
        return page_for(self._repository, self._tag)

    def newer_version(self, *, wanted: bool) -> str:
        """The newer version, as in "1.2"; empty if none is known or the check is off."""
        is_newer_one = wanted and not self.obstacle and is_newer(self._tag, self._own)
        return version_of(self._tag) if is_newer_one else ""

    def check_if_due(self, run: RunInBackground, *, wanted: bool) -> None:
        """Asks the feed if a day has passed. Called often; never raises."""
        feed = self._feed
        if feed is None and wanted and not self._has_logged_why:
            self._has_logged_why = True
            logger.warning("check_updates has no effect. %s", self.obstacle)
        if feed is None or not wanted or self._is_asking:
            return
        if self._next_at is None:
            self._read_cache()
        now = self._wall()
        # A time too far ahead comes from a clock that was set back or a damaged cache.
        if self._next_at is None or not now < self._next_at <= now + DAY_S:
            self._is_asking = True
            run(lambda: self._fetch(feed), self._on_answer)

    def _on_answer(self, answer: FeedResult) -> None:
        self._is_asking = False
        if isinstance(answer, DrawbridgeError):
            logger.info("the update check failed: %s", answer.message)
            self._next_at = self._wall() + RETRY_S
            return
        self._tag = answer or ""
        self._next_at = self._wall() + DAY_S
        logger.info("update check: the newest version is %s, this is %s", self._tag or "none", self._own)
        try:
            replace_file(self._cache, json.dumps({"tag": self._tag, "next_at": self._next_at}).encode())
        except OSError as error:
            logger.info("the result of the update check cannot be written: %s", error)

    def _read_cache(self) -> None:
        try:
            cached = json.loads(self._cache.read_bytes())
            tag, next_at = str(cached["tag"]), float(cached["next_at"])
        except (OSError, ValueError, TypeError, KeyError):
            return
        if not tag or is_release(tag):
            self._tag, self._next_at = tag, next_at
