"""Reads the memory use of a process."""

import mmap
from contextlib import suppress
from pathlib import Path

import psutil


def memory_of(pid: int | None) -> int:
    """Returns the resident memory of the process in bytes; 0 if it is gone or not readable."""
    if pid is None:
        return 0
    # Read after each answer. On Linux psutil would read more files, to identify the process.
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * mmap.PAGESIZE
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
