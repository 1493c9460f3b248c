"""Ends the Claude Code processes that Drawbridge started when Drawbridge ends, even if it is killed.

Linux: the kernel sends a signal (setpriv). Windows: a job object closes. macOS and Linux without setpriv: a small
watcher process. `guard_for` chooses; nothing else depends on the system.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Protocol

from server.machine.processes.guard_watcher import WatcherGuard
from server.machine.processes.guard_windows import JobGuard, kernel32
from server.machine.processes.spawn import SpawnOptions, own_session


class Guard(Protocol):
    """Wrap the arguments, spawn with the options, then adopt the process.

    On Linux a child ends with the *thread* that spawned it, so that thread must live as long as the children should.
    """

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Returns the arguments to run instead of `argv`; the process id stays that of `argv` itself."""

    def spawn_options(self) -> SpawnOptions:
        """Returns how to spawn: without a window, and not in the process group that the terminal's Ctrl-C signals."""

    def adopt(self, pid: int) -> None:
        """Guards a process just spawned. Never raises: a process that cannot be guarded still works."""

    def close(self) -> None:
        """Releases the guard's resources; adopted processes that still live may end with it."""


# If we die before setpriv has requested the signal, none is sent. The shell then sees another parent and exits.
_STILL_OURS = 'test "$PPID" = "$0" && exec "$@"'


class SignalGuard:
    """Linux: with `setpriv` the kernel kills the child when the thread that spawned it ends, for whatever reason."""

    def __init__(self, setpriv: str) -> None:
        self.setpriv = setpriv

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.setpriv}>"

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Setpriv and the shell exec `argv`, so the process id stays. Costs 4 ms."""
        return [self.setpriv, "--pdeathsig", "KILL", "/bin/sh", "-c", _STILL_OURS, str(os.getpid()), *argv]

    def spawn_options(self) -> SpawnOptions:
        """A session of its own."""
        return own_session()

    def adopt(self, pid: int) -> None:
        """Does nothing."""

    def close(self) -> None:
        """Does nothing."""


class SignalAndWatcherGuard(SignalGuard):
    """Linux: the signal, and the watcher besides, for programs of the user's.

    The kernel forgets the signal when a program with rights of its own is executed, such as the start of every snap.
    """

    def __init__(self, setpriv: str) -> None:
        super().__init__(setpriv)
        self._watcher = WatcherGuard()

    def adopt(self, pid: int) -> None:
        """Sends the pid to the watcher."""
        self._watcher.adopt(pid)

    def close(self) -> None:
        """Ends the watcher, which kills what still runs."""
        self._watcher.close()


def guard_for_programs() -> Guard:
    """Returns the guard for programs of the user's, which may have rights of their own."""
    guard = guard_for()
    return SignalAndWatcherGuard(guard.setpriv) if isinstance(guard, SignalGuard) else guard


def guard_for(
    platform: str = sys.platform, *, which: Callable[[str], str | None] = shutil.which, alone: bool = False
) -> Guard:
    """Returns the guard for this system. `alone`: programs that the processes start, such as a browser, outlive us."""
    if platform == "win32":
        return JobGuard(kernel32(), alone=alone)
    setpriv = which("setpriv") if platform == "linux" else None
    if setpriv is not None and _has_pdeathsig(setpriv):
        return SignalGuard(setpriv)
    return WatcherGuard()


@cache
def _has_pdeathsig(setpriv: str) -> bool:
    """Whether this setpriv has the option (not util-linux before 2.33 and busybox). Cached: running it takes 5 ms."""
    try:
        result = subprocess.run(
            [setpriv, "--pdeathsig", "KILL", setpriv, "--version"], capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return result.returncode == 0
