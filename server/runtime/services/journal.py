"""The journal of this run: which file it has, and what becomes of a request that has ended."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict

from server.config import Config
from server.contents.contents import Contents
from server.contents.disk import contents_file
from server.journal.journal import Journal, journal_file
from server.machine.files.paths import Folders
from server.metrics.metrics import Metrics
from server.projects.store import ProjectStore
from server.runtime.services.projects import open_projects
from server.runtime.services.sessions import open_sessions
from server.sessions.store import SessionStore
from server.web.arrivals.recent import RecentArrivals
from server.web.events.hub import EventHub
from server.web.interfaces import Engine
from server.web.journaling import Entry

logger = logging.getLogger(__name__)


class RequestLog:
    """Keeps the requests of `engine` in `journal`, if the user wants it with their `contents`.

    `sessions` are the conversations that clients name, `projects` the folders that they may name. The last
    requests of all apps are in `arrivals`; `hub` gets everything as events; `metrics` counts them.
    """

    def __init__(
        self,
        journal: Journal,
        contents: Contents,
        engine: Engine,
        metrics: Metrics,
        sessions: SessionStore,
        projects: ProjectStore,
    ) -> None:
        self.journal = journal
        self.contents = contents
        self.arrivals = RecentArrivals()
        self.hub = EventHub()
        self.arrivals.on_add = lambda arrival: self.hub.publish("seen", {"at": arrival.at, "app": arrival.app})
        self.metrics = metrics
        self.sessions = sessions
        self.projects = projects
        self._engine = engine

    @property
    def trouble(self) -> str | None:
        """Why requests are not kept, although they should be."""
        return self.journal.trouble

    def add(self, entry: Entry, status: int | None) -> None:
        """Keeps a request that has ended with this status. Never raises: its client has its answer already."""
        self._keep_contents(entry, status)
        try:
            self.arrivals.add(entry, status, at=time.time())
            engine = self._engine.status()
            record = entry.ended(status, at=time.time(), payer=engine.account.payer)
            if record is not None:
                self.journal.add(record)
                self.journal.note_plan(engine.usage)
                names = {name for model in engine.models for name in (model.id, model.resolved)}
                self.metrics.add(record, {*names, self._engine.embedder.model or ""})
                self.hub.publish("request", {"phase": "finished", "number": entry.number, "record": asdict(record)})
        except Exception:
            logger.exception("a request could not be added to the journal")

    def leave_out(self, entry: Entry) -> None:
        """Keeps nothing of a request that has ended."""
        if entry.keeper is not None:
            self.contents.drop(entry.keeper, entry.record.id)

    def _keep_contents(self, entry: Entry, status: int | None) -> None:
        if entry.keeper is not None:
            record = entry.final(status, at=time.time(), payer=self._engine.status().account.payer)
            self.contents.end(entry.keeper, record)


@contextmanager
def open_request_log(
    folders: Folders, config: Callable[[], Config], engine: Engine, on_trouble: Callable[[], None]
) -> Iterator[RequestLog]:
    """Opens the journal in `folders`; the demo has one of its own. `on_trouble` is called in any thread."""
    journal = Journal(
        journal_file(folders.data, is_demo=config().demo), lambda: config().journal_days, on_trouble=on_trouble
    )
    contents = Contents(
        contents_file(folders.data, is_demo=config().demo), lambda: config().contents_days, on_change=on_trouble
    )
    journal.open()
    contents.open()
    try:
        metrics = Metrics(lambda: config().metrics, status=engine.status, dropped=lambda: journal.database.dropped)
        with (
            open_sessions(folders, config, on_trouble) as sessions,
            open_projects(folders, config) as projects,
        ):
            yield RequestLog(journal, contents, engine, metrics, sessions, projects)
    finally:
        contents.close()
        journal.close()
