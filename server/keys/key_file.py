"""The private file with the named keys, `keys.json` beside the settings.

It is replaced in one step, and a lock orders changes of several processes. A damaged file is renamed, one of a newer
Drawbridge is left alone; the keys in either are refused.
"""

import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import filelock

from server.errors import DrawbridgeError, InvalidRequest, KeysUnreadable
from server.keys.named_key import NamedKey, checked_name
from server.keys.rights import NEWER_RIGHTS, RIGHTS, rights_from
from server.machine.files.atomic_files import PRIVATE, replace_file

logger = logging.getLogger(__name__)

FILE_NAME = "keys.json"
VERSION = 1
_LOCK_TIMEOUT_S = 5.0

Keys = Mapping[str, NamedKey]
"""The keys by their ids."""
Stamp = tuple[int, int, int, int]
NO_KEYS: Keys = MappingProxyType({})


class KeysDamaged(KeysUnreadable):
    """The file has another form than any Drawbridge writes."""


class KeyFile:
    """The file in the settings' folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE_NAME

    def stamp(self) -> Stamp | None:
        """Identifies a version of the file, without reading it; None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def read(self) -> Keys:
        """Returns the keys; none without a file. Raises `KeysUnreadable`, or `KeysDamaged`."""
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            return NO_KEYS
        except OSError as error:
            raise KeysUnreadable(
                f"The file {str(self.path)!r} cannot be read: {error.strerror or error}.",
                hint="Make the file readable for you, or move it away and create new keys.",
            ) from error
        self._make_private()
        return _parsed(self.path, raw)

    def set_aside(self) -> Path | None:
        """Renames a damaged file, and returns its new path; None if another process has mended it meanwhile."""
        with self._locked():
            try:
                self.read()
            except KeysDamaged:
                number = 1
                while (aside := self.path.with_name(f"{self.path.name}.broken-{number}")).exists():
                    number += 1
                self.path.rename(aside)
                return aside
            return None

    def change(self, what: Callable[[Keys], Keys]) -> Keys:
        """Replaces the keys by `what` of them, and returns the new ones. Raises what `what` and `read` raise."""
        with self._locked():
            keys = what(self.read())
            try:
                replace_file(self.path, _encoded(keys.values()), mode=PRIVATE)
            except OSError as error:
                raise self._unwritable(error) from error
            return MappingProxyType(dict(keys))

    def remove(self) -> None:
        """Deletes all keys."""
        self.path.unlink(missing_ok=True)
        self._lock_path.unlink(missing_ok=True)

    @property
    def _lock_path(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = filelock.FileLock(self._lock_path, mode=PRIVATE)
            lock.acquire(timeout=_LOCK_TIMEOUT_S)
        except filelock.Timeout as error:
            raise KeysUnreadable("Another program is changing the keys.", hint="Try again in a moment.") from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            lock.release()

    def _make_private(self) -> None:
        if os.name == "posix" and self.path.stat().st_mode & 0o077:
            logger.warning("the file of the named keys was readable for other users; it is private again")
            self.path.chmod(PRIVATE)

    def _unwritable(self, error: OSError) -> DrawbridgeError:
        return DrawbridgeError(
            f"The file {str(self.path)!r} cannot be written: {error.strerror or error}.",
            hint="Check the folder's permissions, or free some disk space.",
            title="The keys could not be saved",
        )


def _encoded(keys: Iterable[NamedKey]) -> bytes:
    rows = [
        {
            "id": key.id,
            "name": key.name,
            "salt": key.salt.hex(),
            "hash": key.hash.hex(),
            "created_at": key.created_at,
            "rights": key.rights.as_json(),
        }
        for key in keys
    ]
    return f"{json.dumps({'version': VERSION, 'keys': rows}, indent=1, ensure_ascii=False)}\n".encode()


def _parsed(path: Path, raw: bytes) -> Keys:
    try:
        given = json.loads(raw)
        version = given["version"]
        keys = [_key(row) for row in given["keys"]] if version == VERSION else []
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidRequest) as error:
        raise _damaged(path) from error
    if isinstance(version, int) and version > VERSION:
        raise KeysUnreadable(
            f"The file {path.name!r} was written by a newer Drawbridge.", hint="Update Drawbridge to use its keys."
        )
    found = {key.id: key for key in keys}
    if version != VERSION or len(found) != len(keys):
        raise _damaged(path)
    return MappingProxyType(found)


def _damaged(path: Path) -> KeysDamaged:
    return KeysDamaged(f"The file {str(path)!r} with the keys of apps is damaged.", hint="Create new keys for them.")


def _key(row: Mapping[str, object]) -> NamedKey:
    rights = row["rights"]
    # A file of an older Drawbridge lacks newer rights, which its keys then do not have.
    if not isinstance(rights, dict) or not set(RIGHTS) - NEWER_RIGHTS <= set(rights) <= set(RIGHTS):
        raise ValueError
    created = row["created_at"]
    if isinstance(created, bool) or not isinstance(created, int | float):
        raise ValueError
    salt, digest = bytes.fromhex(str(row["salt"])), bytes.fromhex(str(row["hash"]))
    if not isinstance(row["id"], str) or len(salt) != 16 or len(digest) != 32:
        raise ValueError
    return NamedKey(row["id"], checked_name(row["name"]), salt, digest, float(created), rights_from(rights))
