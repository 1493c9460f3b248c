"""Ties child processes to our life: however Drawbridge ends, the Claude Code processes that it started end too.

Three ways, one for each system: Linux sends a signal of the kernel's (setpriv), Windows closes a job, macOS and
a Linux without setpriv have a small watcher. `guard_for` chooses once; nobody else asks which system this is.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Protocol

from server.config import OPTIONS
from server.machine.guard_watcher import WatcherGuard
from server.machine.guard_windows import JobGuard, kernel32
from server.machine.spawn import SpawnOptions, own_session


class Guard(Protocol):
    """The tie: wrap the arguments, spawn with the options, then adopt the process.

    On Linux the tie is to the *thread* that spawns: spawn from one that lives as long as the children should.
    """

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """The arguments to run instead of `argv`; the process id stays that of `argv` itself."""
        ...

    def spawn_options(self) -> SpawnOptions:
        """How to spawn: without a window, and out of reach of the terminal's Ctrl-C, which is meant for us."""
        ...

    def adopt(self, pid: int) -> None:
        """Takes in a process just spawned. Never raises: a process that cannot be tied still works."""
        ...

    def close(self) -> None:
        """Lets go of the system's means; adopted processes that still live may end with it."""
        ...


# If we die before setpriv has asked for the signal, no signal comes; but then the parent is another one by now.
_STILL_OURS = 'test "$PPID" = "$0" && exec "$@"'


class SignalGuard:
    """Linux: `setpriv` has the kernel kill the child when the thread that spawned it ends, by whatever cause."""

    def __init__(self, setpriv: str) -> None:
        self._setpriv = setpriv

    def __repr__(self) -> str:
        return f"<SignalGuard {self._setpriv}>"

    def wrap(self, argv: Sequence[str]) -> list[str]:
        """Setpriv and the shell replace themselves by `argv`, so the process id stays. Costs 4 ms."""
        return [self._setpriv, "--pdeathsig", "KILL", "/bin/sh", "-c", _STILL_OURS, str(os.getpid()), *argv]

    def spawn_options(self) -> SpawnOptions:
        """A session of its own."""
        return own_session()

    def adopt(self, pid: int) -> None:
        """Nothing is left to do."""

    def close(self) -> None:
        """Nothing is held."""


def guard_for(
    platform: str = sys.platform, *, which: Callable[[str], str | None] = shutil.which, alone: bool = False
) -> Guard:
    """The guard for this system. `alone`: what the processes start, as a browser, is not tied to us."""
    if platform == "win32":
        return JobGuard(kernel32(), alone=alone)
    setpriv = which("setpriv") if platform == "linux" else None
    if setpriv is not None and _knows_pdeathsig(setpriv):
        return SignalGuard(setpriv)
    return WatcherGuard()


@cache
def _knows_pdeathsig(setpriv: str) -> bool:
    """Whether this setpriv can do it (util-linux before 2.33 and busybox cannot). Asked once: it takes 5 ms."""
    try:
        asked = subprocess.run(
            [setpriv, "--pdeathsig", "KILL", setpriv, "--version"], capture_output=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


# What a frozen app adds to its own environment, so that its libraries are found; a child would load ours by them.
_LIBRARY_PATHS = ("LD_LIBRARY_PATH", "LIBPATH", "DYLD_LIBRARY_PATH", "DYLD_FRAMEWORK_PATH")
_FROZEN = ("_MEIPASS2", "_PYI_")
# What a Claude Code that started us says of itself: its children would join its session.
_OUTER_SESSION = (
    "CLAUDECODE",
    "CLAUDE_AGENT_SDK_",
    "CLAUDE_CODE_BRIDGE_",
    "CLAUDE_CODE_CHILD_",
    "CLAUDE_CODE_ENTRYPOINT",
    "CLAUDE_CODE_LAUNCHED_BY_",
    "CLAUDE_CODE_MESSAGING_",
    "CLAUDE_CODE_SESSION_",
    "CLAUDE_CODE_SSE_PORT",
    "CLAUDE_ENV_FILE",
    "CLAUDE_PID",
    "CLAUDE_PROJECT_DIR",
)
_OURS = ("DRAWBRIDGE_",)
_DROPPED = (*_FROZEN, *_OUTER_SESSION, *_OURS, "PYTHON", "XDG_RUNTIME_DIR")


def clean_environment(environ: Mapping[str, str], *, frozen: bool | None = None) -> dict[str, str]:
    """`environ` for a child process: without what is ours, a frozen app's, or an outer Claude Code session's.

    What chooses an account or a provider, proxies, CA bundles and the system's own stay. `frozen` None: as we run now.
    """
    if frozen is None:
        frozen = bool(getattr(sys, "frozen", False))
    aliases = {option.alias for option in OPTIONS}
    child = {
        name: value
        for name, value in environ.items()
        if not name.upper().startswith(_DROPPED) and name.upper() not in aliases
    }
    if frozen:
        for name in _LIBRARY_PATHS:
            original = child.pop(f"{name}_ORIG", None)
            child.pop(name, None)
            if original:
                child[name] = original
        child = {name: value for name, value in child.items() if not name.startswith("DYLD_") or name in _LIBRARY_PATHS}
    return child


def desktop_environment(environ: Mapping[str, str], *, frozen: bool | None = None) -> dict[str, str]:
    """`clean_environment` for a program of the desktop, as a browser: it needs the folder of the user's session."""
    session = {name: value for name, value in environ.items() if name == "XDG_RUNTIME_DIR"}
    return clean_environment(environ, frozen=frozen) | session
