"""The large parts of a server, imported when one starts.

uvicorn and FastAPI take a second to import. The first Claude Code boots meanwhile; `drawbridge status` needs neither.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING

from server.config import Config
from server.machine.files.paths import Folders
from server.machine.files.secret_file import stable_secret
from server.machine.network.sockets import ListenerName
from server.web.interfaces import App, ControlPort, Engine

if TYPE_CHECKING:
    from server.runtime.journal import RequestLog
    from server.runtime.listeners import ListenerSet
    from server.web.journaling import Entry

_SEAL = "seal.key"


def create_application(folders: Folders, config: Config, engine: Engine, control: ControlPort) -> App:
    """The application. What it seals for clients opens again after a restart."""
    # Imported in a thread before.
    from server.app import create_app
    from server.dialects.common.sealed import Seal

    return create_app(config, engine, control, seal=Seal(stable_secret(folders.data / _SEAL)))


def open_engine(config: Config, folders: Folders) -> AbstractAsyncContextManager[Engine]:
    """Everything behind HTTP."""
    from server.runtime import engine

    return engine.open_engine(config, folders)


def import_web() -> None:
    """Imports everything of HTTP. Called in a thread, so that the loop keeps reading from the first Claude Code."""
    import server.app
    import server.runtime.journal
    import server.runtime.listeners
    import server.web.access.middleware  # noqa: F401 # for its effect


def open_request_log(
    folders: Folders, config: Callable[[], Config], engine: Engine, on_trouble: Callable[[], None]
) -> AbstractContextManager["RequestLog"]:
    """The journal of this run; `on_trouble` is called in another thread."""
    from server.runtime import journal

    return journal.open_request_log(folders, config, engine, on_trouble)


def listener_set_over(
    app: App,
    config: Callable[[], Config],
    on_refused_origin: Callable[[str], None],
    on_end: "Callable[[Entry, int | None], None]",
) -> "ListenerSet":
    """The listeners over `app`, each with the access policy of its name under the settings in force."""
    from server.runtime.listeners import ListenerSet
    from server.web.access.middleware import AccessMiddleware, policy_for

    def app_for(name: ListenerName) -> App:
        return AccessMiddleware(
            app, lambda: policy_for(config(), name), on_refused_origin=on_refused_origin, on_end=on_end, door=name
        )

    return ListenerSet(app_for)
