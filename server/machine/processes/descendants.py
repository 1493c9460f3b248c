"""Ends what a process started: its descendants, and those that left its tree but still have its environment."""

import os
import signal
import sys
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

Process = psutil.Process
"""A process that cannot be taken for another one with the same number."""

# A program that is just starting another one is found in the next round.
_ROUNDS = 5
_PAUSE_S = 0.05


def descendants_of(pid: int) -> list[psutil.Process]:
    """All processes below `pid`. Take the list before its end: they then belong to another parent."""
    try:
        found: list[psutil.Process] = psutil.Process(pid).children(recursive=True)
    except psutil.Error:
        return []
    return found


def marked_by(root: Path) -> list[psutil.Process]:
    """The processes of this user whose environment names a folder below `root`, except this one."""
    own, mark = os.getpid(), f"{root}{os.sep}"
    found = []
    for process in psutil.process_iter():
        if process.pid == own:
            continue
        # Processes of other users cannot be read.
        with suppress(psutil.Error, OSError):
            if any(value.startswith(mark) for value in process.environ().values()):
                found.append(process)
    return found


def terminate(pid: int) -> None:
    """Asks the process to end; on Windows, where there is no such request, ends it."""
    with suppress(OSError):
        if sys.platform == "win32":
            psutil.Process(pid).kill()
        else:
            os.kill(pid, signal.SIGTERM)


def end_all(processes: Iterable[psutil.Process], root: Path | None) -> int:
    """Kills `processes`, and all that `root` marks. Blocks, at most about a second. Returns how many they were."""
    ended = _kill(processes)
    for _ in range(_ROUNDS if root is not None else 0):
        assert root is not None
        found = _kill(marked_by(root))
        if not found:
            break
        ended += found
        time.sleep(_PAUSE_S)
    return ended


def _kill(processes: Iterable[psutil.Process]) -> int:
    ended = 0
    for process in processes:
        # psutil compares the start time, so that another process that got the number is not killed.
        with suppress(psutil.Error):
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                process.kill()
                ended += 1
    return ended
