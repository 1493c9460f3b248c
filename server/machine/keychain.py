"""Keeps the access key: in the system's keyring, or where there is none and its owner agreed, in a private file.

A locked keyring may ask its owner for a password and wait for hours, so nothing here waits longer than a deadline.
"""

import logging
import os
import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, Literal, Protocol, TypeVar

from server.config import Config
from server.errors import DrawbridgeError, KeyringError, KeyringLocked, KeyringMissing, KeyUnreadable
from server.machine.atomic_files import PRIVATE, replace_file

logger = logging.getLogger(__name__)

SERVICE = "Drawbridge"
KEY_FILE = "access-key"
DEADLINE_S = 5.0
_KEY, _PROBE = "access key", "probe"

KeyPlaceName = Literal["keyring", "file"]
KeyringState = Literal["keyring", "none", "locked"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """The access key, and where it is kept."""

    key: str = field(repr=False)
    place: KeyPlaceName


class Backend(Protocol):
    """What is used of a keyring. Any call may block, and may raise anything."""

    def get_password(self, service: str, username: str) -> str | None:
        """The entry; None where there is none."""
        ...

    def set_password(self, service: str, username: str, password: str) -> None:
        """Makes or replaces the entry."""
        ...

    def delete_password(self, service: str, username: str) -> None:
        """Removes the entry."""
        ...


class Keychain:
    """The one access key of this user. `folder` is that of the settings: the file lies there, if there is one.

    The key is in one place only: a file beats the keyring, and goes when the keyring takes the key. Each method returns
    or raises within about two deadlines, from whatever thread.
    """

    def __init__(
        self, folder: Path, *, deadline_s: float = DEADLINE_S, backend: "Callable[[], Backend] | None" = None
    ) -> None:
        self.file = folder / KEY_FILE
        self._backend = backend or system_keyring
        self._worker = _Worker(deadline_s)

    def __repr__(self) -> str:
        """Where a file would be."""
        return f"<Keychain {str(self.file.parent)!r}>"

    def find(self) -> StoredKey | None:
        """The key; None when none has been stored. Raises `KeyringLocked` or `KeyringMissing` when nobody can tell."""
        if (kept := self._read_file()) is not None:
            return StoredKey(kept, "file")
        found = self._worker.run(lambda: self._backend().get_password(SERVICE, _KEY))
        return StoredKey(found, "keyring") if found else None

    def store(self, key: str, *, allow_file: bool) -> KeyPlaceName:
        """Keeps `key` instead of the one before; where it is now.

        Raises `KeyringLocked`; `KeyringMissing` where there is no keyring and no leave for a file (a file that is there
        is leave given); `DrawbridgeError` when the file cannot be written. Then the key before is still there.
        """
        state = self.probe()
        if state == "locked":
            raise KeyringLocked
        if state == "keyring":
            self._worker.run(lambda: self._backend().set_password(SERVICE, _KEY, key))
            with suppress(FileNotFoundError):
                self.file.unlink()
            return "keyring"
        if not (allow_file or self.file.exists()):
            raise KeyringMissing
        self._write_file(key)
        return "file"

    def remove(self) -> None:
        """Forgets the key, wherever it is. Raises `KeyringLocked` or `KeyringMissing` when it may still be there."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            self._worker.run(self._delete)

    def probe(self) -> KeyringState:
        """Whether there is a keyring that works, shown by a round trip of a made-up entry."""
        try:
            self._worker.run(self._round_trip)
        except KeyringLocked:
            return "locked"
        except KeyringMissing as error:
            logger.info("no keyring: %s", error.message)
            return "none"
        return "keyring"

    def name(self) -> str:
        """What the system's keyring calls itself, as in "SecretService.Keyring". Raises as `find` does."""
        return self._worker.run(lambda: _name(self._backend()))

    def _round_trip(self) -> None:
        backend, value = self._backend(), secrets.token_urlsafe(8)
        backend.set_password(SERVICE, _PROBE, value)
        found = backend.get_password(SERVICE, _PROBE)
        backend.delete_password(SERVICE, _PROBE)
        if found != value:
            raise KeyringMissing(f"The keyring {_name(backend)} forgets at once what it is given.")

    def _delete(self) -> None:
        backend = self._backend()
        if backend.get_password(SERVICE, _KEY) is not None:
            backend.delete_password(SERVICE, _KEY)

    def _read_file(self) -> str | None:
        try:
            key = self.file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DrawbridgeError(
                f"The file {str(self.file)!r} with the access key cannot be read.",
                hint="Give yourself the right to read it, or make a new key.",
                title="The access key cannot be read",
            ) from error
        if os.name == "posix" and self.file.stat().st_mode & 0o077:
            logger.warning("the file of the access key could be read by others; it is private again")
            self.file.chmod(PRIVATE)
        return key or None

    def _write_file(self, key: str) -> None:
        try:
            replace_file(self.file, f"{key}\n".encode(), mode=PRIVATE)
        except OSError as error:
            raise DrawbridgeError(
                f"The file {str(self.file)!r} cannot be written: {error.strerror or error}.",
                hint="See that you may write into that folder, or set the key as DRAWBRIDGE_API_KEY.",
                title="The access key is not stored",
            ) from error


def new_key() -> str:
    """A new access key: 32 random bytes, as text that needs no quoting anywhere."""
    return f"db-{secrets.token_urlsafe(32)}"


def resolve_key(config: Config, keychain: Keychain, *, known: str | None = None) -> str | None:
    """The access key to ask for: a given one, else the stored one where the settings require it; None: ask for none.

    It is required also where others can reach the server. `known` is the stored one where it has been read already: the
    keyring, which may have been locked since, is not asked then. Raises `KeyUnreadable`: the server must not start.
    """
    if config.api_key is not None:
        return config.api_key
    if not (config.require_key or config.reach == "lan" or not config.is_loopback):
        return None
    if known is not None:
        return known
    try:
        stored = keychain.find()
    except DrawbridgeError as error:
        if isinstance(error, KeyringMissing) and not config.require_key:
            # Nobody has said that there is one; who opens the door to others says that it needs one.
            return None
        raise KeyUnreadable(
            f"An access key is required, and it cannot be read. {error.message}",
            hint=f"{_what_to_do(error)} Or give the key as DRAWBRIDGE_API_KEY, or set require_key to false.",
        ) from error
    if stored is None and config.require_key:
        raise KeyUnreadable(
            "The settings require an access key, and none is stored.",
            hint="Make one in the menu, give one as DRAWBRIDGE_API_KEY, or set require_key to false.",
        )
    return stored.key if stored else None


def _what_to_do(error: DrawbridgeError) -> str:
    if isinstance(error, KeyringLocked):
        return "Unlock the keyring and start again."
    return "Start it where the keyring can be reached." if isinstance(error, KeyringMissing) else error.hint


def system_keyring() -> Backend:
    """The keyring of this system. Raises `KeyringMissing`, also for one that only writes plain files."""
    # Lazy: 0.1 s, and on Linux a question to the desktop's bus.
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring) or backend.priority < 1:
        raise KeyringMissing("This system has no keyring that can be used.")
    return backend


def _name(backend: Backend) -> str:
    return f"{type(backend).__module__}.{type(backend).__name__}".removeprefix("keyring.backends.")


class _Worker:
    """Runs what may block on a thread of its own, which is left behind at the deadline.

    One at most is left behind: while it still waits for its owner's password, everybody waits for it, so that there are
    never two such questions on the screen.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._left: threading.Thread | None = None
        self._turn = threading.Lock()

    def run(self, work: Callable[[], T]) -> T:
        """What `work` gives. Raises `KeyringLocked` at the deadline, and a `KeyringError` for what it raises."""
        with self._turn:
            if self._left is not None:
                self._join(self._left)
            job = _Job(work)
            thread = threading.Thread(target=job.do, name="drawbridge-keyring", daemon=True)
            thread.start()
            self._join(thread)
        if job.error is not None:
            raise _as_ours(job.error) from job.error
        return job.results[0]

    def _join(self, thread: threading.Thread) -> None:
        thread.join(self._deadline_s)
        self._left = thread if thread.is_alive() else None
        if self._left is not None:
            raise KeyringLocked(f"The keyring did not answer within {self._deadline_s:g} s: it may ask for a password.")


class _Job(Generic[T]):
    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self.results: list[T] = []
        self.error: Exception | None = None

    def do(self) -> None:
        try:
            self.results.append(self._work())
        except Exception as error:  # noqa: BLE001 - the edge of this thread: keyrings raise what they like
            self.error = error


def _as_ours(error: Exception) -> KeyringError:
    # Lazy: here it has been imported already.
    import keyring.errors

    if isinstance(error, KeyringError):
        return error
    if isinstance(error, keyring.errors.KeyringLocked):
        return KeyringLocked("The keyring is locked.")
    # The first line only: what follows may be a desktop's long story, and is in the log.
    reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return KeyringMissing(f"The keyring cannot be used ({type(error).__name__}{': ' if reason else ''}{reason}).")
