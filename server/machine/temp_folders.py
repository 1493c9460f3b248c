"""Private temporary folders that are removed with their server, also after a crash: the next server sweeps them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

_PREFIX = "drawbridge-"
_LOCK = "in-use"


class Scratch:
    """A private folder for the temporary folders of one server; locked while the server lives."""

    def __init__(self, root: Path, lock: filelock.BaseFileLock) -> None:
        self.root = root
        self._lock = lock

    def folder(self) -> Path:
        """Creates a new private folder. Remove it with `remove`."""
        return Path(tempfile.mkdtemp(prefix="w", dir=self.root))

    def close(self) -> None:
        """Removes everything."""
        self._lock.release()
        remove(self.root)


@contextmanager
def open_scratch(parent: Path | None = None) -> Iterator[Scratch]:
    """Opens a scratch root below `parent` (default: the system's temporary folder) and sweeps those of dead servers."""
    parent = parent or Path(tempfile.gettempdir())
    sweep(parent)
    # mkdtemp creates it with mode 0700 and an unguessable name, so no other user can own it first.
    root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = filelock.FileLock(root / _LOCK)
    lock.acquire(timeout=1)
    scratch = Scratch(root, lock)
    try:
        yield scratch
    finally:
        scratch.close()


def sweep(parent: Path) -> int:
    """Removes the scratch roots below `parent` whose server has ended; returns how many.

    The system frees a dead process's lock, so a root whose lock can be taken is unused. A root without a lock file is
    being created right now, or is not ours: it stays.
    """
    removed = 0
    for root in parent.glob(f"{_PREFIX}*"):
        marker = root / _LOCK
        with suppress(OSError, filelock.Timeout):
            if root.is_symlink() or not _is_ours(root) or not marker.is_file():
                continue
            lock = filelock.FileLock(marker)
            with lock.acquire(timeout=0):
                pass
            remove(root)
            removed += 1
    return removed


def _is_ours(folder: Path) -> bool:
    """Whether this user created it: in a shared temporary folder, other users may use our prefix."""
    return not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()


def remove(folder: Path) -> None:
    """Removes `folder` and its content; what cannot be removed now is left to the next sweep."""
    shutil.rmtree(folder, ignore_errors=True)
