"""What the routes under /control and /metrics work on."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from server.contents.contents import Contents
from server.journal.journal import Journal
from server.keys.key_book import KeyBook
from server.metrics.metrics import Metrics
from server.projects.store import ProjectStore
from server.sessions.store import SessionStore
from server.tunnel.manager import TunnelManager
from server.web.access.policy import Access
from server.web.arrivals.recent import RecentArrivals
from server.web.events.hub import EventHub
from server.web.events.log_lines import LogLines
from server.web.interfaces import SettingsPort
from server.web.journaling import Entry


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of a running server besides its engine. A part is None where the server has none, as in some tests."""

    journal: Journal | None = None
    contents: Contents | None = None
    arrivals: RecentArrivals | None = None
    hub: EventHub | None = None
    log: LogLines | None = None
    log_folder: Path | None = None
    diagnose: Callable[[], str] | None = None
    settings: SettingsPort | None = None
    sessions: SessionStore | None = None
    projects: ProjectStore | None = None
    metrics: Metrics | None = None
    keys: KeyBook | None = None
    tunnel: TunnelManager | None = None

    def admit(self, access: Access) -> None:
        """Counts a request for a model, if an app's own key sent it. Raises `KeyLimited`."""
        if self.keys is not None and access.key is not None:
            self.keys.admit(access.key)

    def spent(self, entry: Entry) -> None:
        """Counts the tokens of a request that has ended, if an app's own key sent it."""
        if self.keys is not None and entry.key is not None:
            self.keys.spent(entry.key, entry.usage.prompt + entry.usage.output)
