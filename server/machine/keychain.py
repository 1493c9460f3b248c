"""Stores keys in the system's keyring, whose calls have a deadline, or in a private file."""

import logging
import os
import secrets
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol, TypeVar

from server.config import Config
from server.errors import DrawbridgeError, KeyringAsking, KeyringError, KeyringLocked, KeyringMissing, KeyUnreadable
from server.machine.files.atomic_files import PRIVATE, replace_file

logger = logging.getLogger(__name__)

SERVICE = "Drawbridge"
DEADLINE_S = 5.0
_PROBE = "probe"

KeyName = Literal["access key", "embeddings key", "ngrok token", "cloudflared token"]
ACCESS_KEY: KeyName = "access key"
EMBEDDINGS_KEY: KeyName = "embeddings key"
"""The key of another server, for embeddings."""

TUNNEL_TOKENS: tuple[KeyName, ...] = ("ngrok token", "cloudflared token")
"""The tokens of tunnel providers."""

KeyPlaceName = Literal["keyring", "file"]
KeyringState = Literal["keyring", "none", "locked"]
_VARIABLES: Mapping[KeyName, str] = MappingProxyType(
    {
        ACCESS_KEY: "DRAWBRIDGE_API_KEY",
        EMBEDDINGS_KEY: "DRAWBRIDGE_EMBEDDINGS_KEY",
        "ngrok token": "NGROK_AUTHTOKEN",
        "cloudflared token": "TUNNEL_TOKEN",
    }
)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key, and where it is stored."""

    key: str = field(repr=False)
    place: KeyPlaceName


class Backend(Protocol):
    """The calls used of a keyring. Any call may block, and may raise anything."""

    def get_password(self, service: str, username: str) -> str | None:
        """Returns the entry, if any."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Creates or replaces the entry."""

    def delete_password(self, service: str, username: str) -> None:
        """Removes the entry."""


class Keychain:
    """One key of this user, `name`. `folder` is the settings' folder, where the file would be.

    The key is in one place only: a file takes precedence over the keyring, and is removed when the keyring stores the
    key. No method takes longer than about two deadlines, and each may be called from any thread.
    """

    def __init__(
        self,
        folder: Path,
        name: KeyName = ACCESS_KEY,
        *,
        deadline_s: float = DEADLINE_S,
        backend: "Callable[[], Backend] | None" = None,
        is_unlocked: "Callable[[], bool | None] | None" = None,
    ) -> None:
        self._name = name
        self.file = folder / name.replace(" ", "-")
        self._backend = backend or system_keyring
        self._is_unlocked = is_unlocked or is_keyring_unlocked
        self._thread = _KeyringThread(deadline_s)

    def __repr__(self) -> str:
        """Names the folder."""
        return f"<Keychain {str(self.file.parent)!r}>"

    def find(self) -> StoredKey | None:
        """Returns the stored key, if any. Raises `KeyringLocked` or `KeyringMissing` if that is not known."""
        if (kept := self._read_file()) is not None:
            return StoredKey(kept, "file")
        found = self._thread.run(lambda: self._backend().get_password(SERVICE, self._name))
        return StoredKey(found, "keyring") if found else None

    def store(self, key: str, *, allow_file: bool) -> KeyPlaceName:
        """Replaces the stored key; returns where the new one is.

        Raises `KeyringLocked`; `KeyringMissing` if there is no keyring and no consent for a file (an existing file
        counts as consent); `DrawbridgeError` if the file cannot be written. Then the old key is still stored.
        """
        state = self.probe()
        if state == "locked":
            raise KeyringLocked
        if state == "keyring":
            self._thread.run(lambda: self._backend().set_password(SERVICE, self._name, key))
            with suppress(FileNotFoundError):
                self.file.unlink()
            return "keyring"
        if not (allow_file or self.file.exists()):
            raise KeyringMissing
        self._write_file(key)
        return "file"

    def remove(self) -> None:
        """Removes the key. Raises `KeyringLocked` or `KeyringMissing` if it may still be stored."""
        try:
            self.file.unlink()
        except FileNotFoundError:
            self._thread.run(self._delete)

    def probe(self) -> KeyringState:
        """Checks the keyring with a round trip of a test entry."""
        try:
            self._thread.run(self._round_trip)
        except KeyringLocked:
            return "locked"
        except KeyringMissing as error:
            logger.info("no keyring: %s", error.message)
            return "none"
        return "keyring"

    def is_unlocked(self) -> bool | None:
        """Whether the keyring is open, without asking the user for its password; None if that is not known."""
        try:
            return self._thread.run(self._is_unlocked)
        except KeyringError:
            return None

    def name(self) -> str:
        """Returns the name of the system's keyring, as in "SecretService.Keyring". Raises as `find` does."""
        return self._thread.run(lambda: _name(self._backend()))

    def _round_trip(self) -> None:
        backend, value = self._backend(), secrets.token_urlsafe(8)
        backend.set_password(SERVICE, _PROBE, value)
        found = backend.get_password(SERVICE, _PROBE)
        backend.delete_password(SERVICE, _PROBE)
        if found != value:
            raise KeyringMissing(f"The keyring {_name(backend)} does not keep what is stored in it.")

    def _delete(self) -> None:
        backend = self._backend()
        if backend.get_password(SERVICE, self._name) is not None:
            backend.delete_password(SERVICE, self._name)

    def _read_file(self) -> str | None:
        try:
            key = self.file.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise DrawbridgeError(
                f"The file {str(self.file)!r} with the {self._name} cannot be read.",
                hint="Make the file readable for you, or store a new key.",
                title=f"The {self._name} cannot be read",
            ) from error
        if os.name == "posix" and self.file.stat().st_mode & 0o077:
            logger.warning("the file of the %s was readable for other users; it is private again", self._name)
            self.file.chmod(PRIVATE)
        return key or None

    def _write_file(self, key: str) -> None:
        try:
            replace_file(self.file, f"{key}\n".encode(), mode=PRIVATE)
        except OSError as error:
            raise DrawbridgeError(
                f"The file {str(self.file)!r} cannot be written: {error.strerror or error}.",
                hint=f"Check the folder's permissions, or set the key as {_VARIABLES[self._name]}.",
                title=f"The {self._name} is not stored",
            ) from error


def stored_key(folder: Path, name: KeyName) -> str | None:
    """The key as it is stored; None if there is none. Raises `KeyUnreadable` or `KeyringError`."""
    stored = Keychain(folder, name).find()
    return stored.key if stored else None


def new_key() -> str:
    """Returns a new access key: 32 random bytes, as text that needs no quoting."""
    return f"db-{secrets.token_urlsafe(32)}"


def needs_stored_key(config: Config) -> bool:
    """Whether the server needs the stored key: it is required of apps on this computer, or others can connect."""
    return config.api_key is None and (config.require_key or config.reach == "lan" or not config.is_loopback)


def resolve_key(config: Config, keychain: Keychain, *, known: str | None = None) -> str | None:
    """Returns the access key that clients must send: the given one, else the stored one if a key is required.

    A key is also required if others can reach the server. `known` is the stored key if it was read before; then the
    keyring, which may be locked by now, is not used. Raises `KeyUnreadable`: the server must not start.
    """
    if config.api_key is not None:
        return config.api_key
    if not needs_stored_key(config):
        return None
    if known is not None:
        return known
    try:
        stored = keychain.find()
    except DrawbridgeError as error:
        if isinstance(error, KeyringMissing) and not config.require_key:
            # The settings do not require a stored key; the listener that others can reach reports that it needs one.
            return None
        raise KeyUnreadable(
            f"An access key is required, and it cannot be read. {error.message}",
            hint=f"{_what_to_do(error)} Or give the key as DRAWBRIDGE_API_KEY, or set require_key to false.",
        ) from error
    if stored is None and config.require_key:
        raise KeyUnreadable(
            "The settings require an access key, and none is stored.",
            hint="Create one in the menu, set DRAWBRIDGE_API_KEY, or set require_key to false.",
        )
    return stored.key if stored else None


def _what_to_do(error: DrawbridgeError) -> str:
    if isinstance(error, KeyringAsking):
        return error.hint
    if isinstance(error, KeyringLocked):
        return "Unlock the keyring and start again."
    return "Start Drawbridge where the keyring is available." if isinstance(error, KeyringMissing) else error.hint


def system_keyring() -> Backend:
    """Returns the keyring of this system. Raises `KeyringMissing`, also for one that only writes plain files."""
    # Lazy: 0.1 s, and on Linux a D-Bus call.
    import keyring
    from keyring.backends import fail, null

    backend = keyring.get_keyring()
    if isinstance(backend, fail.Keyring | null.Keyring) or backend.priority < 1:
        raise KeyringMissing("This system has no usable keyring.")
    return backend


def is_keyring_unlocked() -> bool | None:
    """Whether the keyring of this system is open, without asking for its password; None if that is not known."""
    if sys.platform != "linux":
        return None
    # Lazy: D-Bus, for Linux only.
    import secretstorage

    try:
        with closing(secretstorage.dbus_init()) as connection:
            return not secretstorage.Collection(connection).is_locked()
    except secretstorage.SecretStorageException:
        return None


def _name(backend: Backend) -> str:
    return f"{type(backend).__module__}.{type(backend).__name__}".removeprefix("keyring.backends.")


class _KeyringThread:
    """Runs blocking calls on a thread, which is abandoned at the deadline.

    At most one thread is abandoned: while it still waits for the user's password, later calls wait for it, so that
    there are never two password dialogs.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._abandoned: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, work: Callable[[], T]) -> T:
        """Returns the result of `work`. Raises `KeyringLocked` at the deadline, and its errors as `KeyringError`."""
        with self._lock:
            if self._abandoned is not None:
                self._join(self._abandoned)
            result: Future[T] = Future()
            thread = threading.Thread(target=_complete, args=(result, work), name="drawbridge-keyring", daemon=True)
            thread.start()
            self._join(thread)
        if (error := result.exception()) is not None:
            raise _as_ours(error) from error
        return result.result()

    def _join(self, thread: threading.Thread) -> None:
        thread.join(self._deadline_s)
        self._abandoned = thread if thread.is_alive() else None
        if self._abandoned is not None:
            raise KeyringAsking(
                f"The keyring did not answer within {self._deadline_s:g} s; it may be waiting for a password."
            )


def _complete(result: "Future[T]", work: Callable[[], T]) -> None:
    try:
        result.set_result(work())
    except BaseException as error:  # noqa: BLE001 # the caller gets it: unfinished, it would ask for a result for ever
        result.set_exception(error)


def _as_ours(error: BaseException) -> KeyringError:
    # Imported late because it is slow; the call that failed has loaded it already.
    import keyring.errors

    if isinstance(error, KeyringError):
        return error
    if isinstance(error, keyring.errors.KeyringLocked):
        return KeyringLocked("The keyring is locked.")
    # Only the first line: the rest may be long, and is in the log.
    reason = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return KeyringMissing(f"The keyring cannot be used ({type(error).__name__}{': ' if reason else ''}{reason}).")
