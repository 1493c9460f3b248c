"""How much memory a process of ours takes."""

import psutil


def memory_of(pid: int | None) -> int:
    """The resident memory of the process in bytes; 0 when there is none, or it cannot be asked."""
    if pid is None:
        return 0
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
