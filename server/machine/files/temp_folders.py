"""Private temporary folders that are removed with their server, also after a crash: the next server sweeps them."""

import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import filelock

_PREFIX = "drawbridge-"
_LOCK = "in-use"
_EMPTY = "empty-folder-of-the-api-relay-not-the-users"


class Scratch:
    """A private folder for the temporary folders of one server; locked while the server lives."""

    def __init__(self, root: Path, shared: Sequence[Path], stack: ExitStack) -> None:
        self.root = root
        self._shared = shared
        self._stack = stack
        self._empty: Path | None = None
        # Workers prepare their folders in threads.
        self._mutex = threading.Lock()

    def folder(self) -> Path:
        """Creates a new private folder. Remove it with `remove`."""
        return Path(tempfile.mkdtemp(prefix="w", dir=self.root))

    def empty_folder(self) -> Path:
        """Returns a folder that stays empty, the same for all workers: its path is sent to the model.

        Where the system has a folder that all users share, the path does not contain the user's name.
        """
        with self._mutex:
            # Systems remove old files from shared folders; another user may then create one of the same name.
            if self._empty is None or not self._empty.is_dir() or not _is_ours(self._empty.parent):
                self._empty = self._new_empty()
            return self._empty

    def _new_empty(self) -> Path:
        for parent in self._shared:
            with suppress(OSError, filelock.Timeout):
                return _made_empty(self._stack.enter_context(_open_root(parent)))
        return _made_empty(self.root)


@contextmanager
def open_scratch(parent: Path | None = None, *, shared: Sequence[Path] | None = None) -> Iterator[Scratch]:
    """Opens a scratch root below `parent` (default: the system's temporary folder) and sweeps those of dead servers.

    `shared`: where the empty folder may be; by default the folders that all users of this system share.
    """
    with ExitStack() as stack:
        root = stack.enter_context(_open_root(parent or Path(tempfile.gettempdir())))
        yield Scratch(root, shared_folders() if shared is None else shared, stack)


def shared_folders() -> list[Path]:
    """The folders in which every user may create one, and whose paths name no user."""
    # `mkdtemp` makes what is created there private, under a name that cannot be guessed.
    folders = ["/tmp", "/var/tmp"]  # noqa: S108
    if sys.platform == "win32":
        # In older releases of Python, other users could write to a folder that `mkdtemp` makes there.
        is_private = sys.version_info >= (3, 12, 4) or (3, 11, 10) <= sys.version_info < (3, 12)
        folders = [os.environ.get("PROGRAMDATA", "")] if is_private else []
    return [Path(folder) for folder in folders if folder]


@contextmanager
def _open_root(parent: Path) -> Iterator[Path]:
    """A new private folder below `parent`, locked until it is removed; those of dead servers are removed first."""
    sweep(parent)
    # mkdtemp creates it with mode 0700 and an unguessable name, so no other user can own it first.
    root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    # It may be released by another thread.
    lock = filelock.FileLock(root / _LOCK, thread_local=False)
    lock.acquire(timeout=1)
    try:
        yield root
    finally:
        lock.release()
        remove(root)


def _made_empty(root: Path) -> Path:
    """Creates the empty folder below `root`; where the system can do it, nothing can be created in it."""
    folder = root / _EMPTY
    folder.mkdir(mode=0o500)
    return folder


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
