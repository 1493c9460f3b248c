"""Reads the memory use of a process."""

import psutil


def memory_of(pid: int | None) -> int:
    """Returns the resident memory of the process in bytes; 0 if it is gone or not readable."""
    if pid is None:
        return 0
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
