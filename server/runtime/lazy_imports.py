"""The parts of the server as the runner puts them together, each imported only when it is needed.

uvicorn and fastapi take a second to import; the first Claude Code boots meanwhile, and `drawbridge status` needs none.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING

from server.config import Config
from server.machine.paths import Folders
from server.machine.sockets import DoorName
from server.runtime.interfaces import App, Engine
from server.web.interfaces import ControlPort, Services

if TYPE_CHECKING:
    from server.runtime.listeners import Gate


def open_services(config: Config, folders: Folders) -> AbstractAsyncContextManager[Engine]:
    """All that answers."""
    from server.runtime.engine import open_services

    return open_services(config, folders)


def import_the_web() -> None:
    """In a thread of its own: the loop goes on reading what the first Claude Code says."""
    import server.app
    import server.runtime.listeners
    import server.web.access.middleware  # noqa: F401 # for its effect


def create_app(config: Config, services: Services, *, control: ControlPort) -> App:
    """The application, without doors."""
    from server.app import create_app

    return create_app(config, services, control=control)


def new_gate(app: App, config: Callable[[], Config]) -> "Gate":
    """The doors before `app`, each with the policy of its name under the settings in force."""
    from server.runtime.listeners import Gate
    from server.web.access.middleware import AccessMiddleware, policy_for

    def door(name: DoorName) -> App:
        return AccessMiddleware(app, lambda: policy_for(config(), name))

    return Gate(door)
