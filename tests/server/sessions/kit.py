"""The stores of sessions and responses over a file of a test, with a clock that the test moves."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from server.config import Config
from server.sessions.store import SessionStore

ON_DISK = Config(sessions="disk")
IN_MEMORY = Config(sessions="memory")
SECRET = "the-words-of-the-user"


class Clock:
    """The time of a store."""

    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class KeptFile:
    """A store with settings that may change."""

    def __init__(self, folder: Path, config: Config) -> None:
        self.config, self.clock = config, Clock()
        self.file = folder / "data" / "sessions.sqlite3"
        self.file.parent.mkdir(exist_ok=True)
        self.troubles = 0
        self.store = SessionStore(lambda: self.config, self.file, on_trouble=self._on_trouble, clock=self.clock)
        self.store.follow_settings()

    def _on_trouble(self) -> None:
        self.troubles += 1

    @property
    def bytes_on_disk(self) -> bytes:
        return b"".join(path.read_bytes() for path in self.file.parent.rglob("*") if path.is_file())


K = TypeVar("K", bound=KeptFile)


@contextmanager
def closing(kept: K) -> Iterator[K]:
    """Closes the store at the end."""
    try:
        yield kept
    finally:
        kept.store.close()
