"""The sessions of this run: which file they have, and the task that deletes expired ones."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from server.config import Config
from server.machine.files.paths import Folders
from server.sessions.store import SessionStore


@contextmanager
def open_sessions(
    folders: Folders, config: Callable[[], Config], on_trouble: Callable[[], None]
) -> Iterator[SessionStore]:
    """Opens the sessions in `folders`; the demo has its own. `on_trouble` is called in another thread."""
    name = "sessions-demo.sqlite3" if config().demo else "sessions.sqlite3"
    store = SessionStore(config, folders.data / name, on_trouble=on_trouble)
    store.follow_settings()
    tidying = asyncio.get_running_loop().create_task(store.keep_tidy())
    try:
        yield store
    finally:
        tidying.cancel()
        store.close()
