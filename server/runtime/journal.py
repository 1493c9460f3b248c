"""The journal of this run: which file it has, and what becomes of a request that has ended."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.config import Config
from server.journal.journal import Journal, journal_file
from server.machine.files.paths import Folders
from server.web.interfaces import Engine
from server.web.journaling import Entry

logger = logging.getLogger(__name__)


class RequestLog:
    """Keeps the requests of `engine` in `journal`."""

    def __init__(self, journal: Journal, engine: Engine) -> None:
        self._journal = journal
        self._engine = engine

    @property
    def trouble(self) -> str | None:
        """Why requests are not kept, although they should be."""
        return self._journal.trouble

    def add(self, entry: Entry, status: int | None) -> None:
        """Keeps a request that has ended with this status. Never raises: its client has its answer already."""
        try:
            record = entry.ended(status, at=time.time(), payer=self._engine.status().account.payer)
            if record is not None:
                self._journal.add(record)
        except Exception:
            logger.exception("a request could not be added to the journal")


@contextmanager
def open_request_log(
    folders: Folders, config: Callable[[], Config], engine: Engine, on_trouble: Callable[[], None]
) -> Iterator[RequestLog]:
    """Opens the journal in `folders`; the demo has one of its own. `on_trouble` is called in another thread."""
    journal = Journal(
        journal_file(folders.data, is_demo=config().demo), lambda: config().journal_days, on_trouble=on_trouble
    )
    journal.open()
    try:
        yield RequestLog(journal, engine)
    finally:
        journal.close()
