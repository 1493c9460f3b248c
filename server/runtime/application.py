"""The large parts of a server, imported when one starts.

uvicorn and FastAPI take a second to import. The first Claude Code boots meanwhile; `drawbridge status` needs neither.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from server.config import Config
from server.machine.files.paths import Folders
from server.machine.files.secret_file import stable_secret
from server.machine.network.sockets import ListenerName
from server.web.interfaces import App, ControlPort, Engine, SettingsPort

if TYPE_CHECKING:
    from server.contents.keeper import Keeper
    from server.runtime.listening.listeners import ListenerSet
    from server.runtime.services.journal import RequestLog
    from server.runtime.services.tunnel import ServerTunnel
    from server.web.control.parts import Parts
    from server.web.journaling import Entry

_SEAL = "seal.key"


def create_application(folders: Folders, config: Config, engine: Engine, control: ControlPort, parts: "Parts") -> App:
    """The application over `engine` and `parts`. What it seals for clients opens again after a restart."""
    # Imported in a thread before.
    from server.app import create_app
    from server.dialects.common.sealed import Seal

    return create_app(config, engine, control, seal=Seal(stable_secret(folders.data / _SEAL)), parts=parts)


def salt_in(folders: Folders) -> bytes:
    """The salt of the owners' names, the same after a restart."""
    return hashlib.blake2b(b"owner", key=stable_secret(folders.data / _SEAL)).digest()


def open_engine(config: Config, folders: Folders) -> AbstractAsyncContextManager[Engine]:
    """Everything behind HTTP."""
    from server.runtime import engine

    return engine.open_engine(config, folders)


def import_web(config: Config) -> None:
    """Imports everything of HTTP. Called in a thread, so that the loop keeps reading from the first Claude Code."""
    import server.app
    import server.runtime.listening.listeners
    import server.runtime.services.journal
    import server.runtime.services.tunnel
    import server.web.access.middleware  # noqa: F401 # for its effect

    if config.metrics:
        from server.metrics.metrics import instruments_type

        instruments_type()


def open_request_log(
    folders: Folders, config: Callable[[], Config], engine: Engine, on_trouble: Callable[[], None]
) -> AbstractContextManager["RequestLog"]:
    """The journal of this run; `on_trouble` is called in another thread."""
    from server.runtime.services import journal

    return journal.open_request_log(folders, config, engine, on_trouble)


@contextmanager
def open_parts(
    folders: Folders,
    request_log: "RequestLog",
    diagnose: Callable[[], str] | None,
    settings: SettingsPort | None,
) -> Iterator["Parts"]:
    """What the routes under /control work on. `diagnose` makes the text of the diagnostics."""
    from server.keys.key_book import KeyBook
    from server.web.control.parts import Parts
    from server.web.events.log_lines import log_lines

    hub = request_log.hub
    with log_lines(lambda line: hub.publish("log", line)) as log:
        yield Parts(
            journal=request_log.journal,
            contents=request_log.contents,
            arrivals=request_log.arrivals,
            hub=hub,
            log=log,
            log_folder=folders.logs,
            diagnose=diagnose,
            settings=settings,
            metrics=request_log.metrics,
            keys=KeyBook(folders.config),
            sessions=request_log.sessions,
            projects=request_log.projects,
        )


def listener_set_over(
    app: App,
    config: Callable[[], Config],
    on_refused_origin: Callable[[str], None],
    on_end: "Callable[[Entry, int | None], None]",
    parts: "Parts",
    *,
    token: str,
    salt: bytes,
    on_https: Callable[[], None],
    keep: "Callable[[str, str, str], Keeper | None]",
) -> "ListenerSet":
    """The listeners over `app`, each with the access policy of its name under the settings in force.

    `token` is the instance's, `salt` that of the owners' names. `on_https` is called when a client tries to connect
    with https, `keep` for each request whose contents may be kept.
    """
    from server.runtime.listening.listeners import ListenerSet
    from server.web.access.keys import no_key
    from server.web.access.middleware import AccessMiddleware, AccessPolicy, policy_for
    from server.web.page_token import token_for_key

    find_key = parts.keys.find if parts.keys is not None else no_key

    def ended(entry: "Entry", status: int | None) -> None:
        parts.spent(entry)
        on_end(entry, status)

    def app_for(name: ListenerName) -> App:
        def policy() -> AccessPolicy:
            now = config()
            page_token_now = token_for_key(token, now.api_key)
            return replace(policy_for(now, name, find_key), page_token=page_token_now, salt=salt)

        return AccessMiddleware(
            app, policy, on_refused_origin=on_refused_origin, on_end=ended, listener=name, keep=keep
        )

    return ListenerSet(app_for, on_https)


def tunnel_of(folders: Folders, config: Callable[[], Config]) -> "ServerTunnel":
    """The tunnel of this run, closed."""
    from server.runtime.services.tunnel import ServerTunnel

    return ServerTunnel(folders, config)


@asynccontextmanager
async def open_tunnel(
    tunnel: "ServerTunnel",
    app: App,
    parts: "Parts",
    request_log: "RequestLog",
    on_change: Callable[[], None],
    grace_s: Callable[[], float],
) -> AsyncIterator[None]:
    """Has `tunnel` lead to `app` during the block, and opens the one of the settings."""
    from server.web.access.keys import no_key
    from server.web.access.middleware import AccessMiddleware, AccessPolicy
    from server.web.access.tunnel_gate import WrongKeys

    strangers = WrongKeys()

    def ended(entry: "Entry", status: int | None) -> None:
        parts.spent(entry)
        if entry.key is None and (status or 0) >= 400 and strangers.add():
            # However many they send, strangers do not push the user's requests out of the journal.
            request_log.leave_out(entry)
        else:
            request_log.add(entry, status)

    def over(policy: Callable[[], AccessPolicy]) -> App:
        return AccessMiddleware(app, policy, on_end=ended, listener="tunnel", keep=request_log.contents.keeper)

    try:
        find_key = parts.keys.find if parts.keys is not None else no_key
        await tunnel.serve(over, find_key, on_change, request_log.arrivals.add_outside)
        yield
    finally:
        await tunnel.end(grace_s())
