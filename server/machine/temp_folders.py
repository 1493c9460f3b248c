"""Private temporary folders that vanish with their process, and the sweep of those that a crash left behind."""

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
    """A folder that only this user can read, for the temporary folders of one server; locked while the server lives."""

    def __init__(self, root: Path, lock: filelock.BaseFileLock) -> None:
        self.root = root
        self._lock = lock

    def folder(self) -> Path:
        """A new, empty, private folder. Remove it with `remove`."""
        return Path(tempfile.mkdtemp(prefix="w", dir=self.root))

    def close(self) -> None:
        """Removes everything."""
        self._lock.release()
        remove(self.root)


@contextmanager
def open_scratch(parent: Path | None = None) -> Iterator[Scratch]:
    """A scratch root below `parent` (default: the system's temporary folder), swept of dead servers' roots."""
    parent = parent or Path(tempfile.gettempdir())
    sweep(parent)
    # mkdtemp makes it 0700 under a name that nobody can guess or own before us.
    root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = filelock.FileLock(root / _LOCK)
    lock.acquire(timeout=1)
    scratch = Scratch(root, lock)
    try:
        yield scratch
    finally:
        scratch.close()


def sweep(parent: Path) -> int:
    """Removes the scratch roots below `parent` whose server is gone; the number removed.

    The system frees a dead process's lock, so a lock that can be taken means that nobody lives there.
    A root without its lock file is being made at this moment, or is not ours: it stays.
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
    """Whether this user made it: in a shared folder for temporary files anybody may use our prefix."""
    return not hasattr(os, "getuid") or folder.lstat().st_uid == os.getuid()


def remove(folder: Path) -> None:
    """Removes `folder` and what is in it; what cannot be removed now is left to the next sweep."""
    shutil.rmtree(folder, ignore_errors=True)
