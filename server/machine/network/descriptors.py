"""Raises the soft limit of open files and sockets, which many systems set low for the sake of old programs."""

import contextlib
import sys

# macOS refuses more for a process, whatever its hard limit says.
_WANTED = 10_240
# Windows has no such limit.
_UNLIMITED = 8_192


def raise_descriptor_limit() -> int:
    """Raises the limit as far as the system allows; returns how many descriptors this process may have."""
    if sys.platform == "win32":
        return _UNLIMITED
    # Not on Windows.
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _UNLIMITED if soft == resource.RLIM_INFINITY else soft
