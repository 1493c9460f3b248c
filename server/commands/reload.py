"""`drawbridge serve --reload`: runs the server as a child process and restarts it when its source changes."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from server.commands.options import Settled, as_variables
from server.commands.output import note
from server.config import OPTIONS
from server.errors import StartError

# The server's grace for running answers, plus some for its processes.
STOP_TIMEOUT_S = 15.0

Spawn = Callable[[], "subprocess.Popen[bytes]"]


def serve_reloading(settled: Settled) -> int:
    """Serves until Ctrl-C. Raises `StartError` if watchfiles is not installed."""
    try:
        # Lazy: installed only for development.
        from watchfiles import watch
    except ImportError as error:
        raise StartError(
            "--reload needs the package 'watchfiles', which is not installed.",
            hint="Run 'uv run drawbridge serve --reload' in a clone, or leave --reload out.",
        ) from error
    environment = child_environment(settled, os.environ)

    def spawn() -> "subprocess.Popen[bytes]":
        return subprocess.Popen([sys.executable, "-m", "server"], env=environment)

    folders = source_folders()
    note(f"Restarting on changes in {', '.join(map(str, folders))}.")
    # Watching ends at Ctrl-C, which also reaches the child; SIGTERM has the same effect.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    changes = watch(*folders, watch_filter=lambda _, path: path.endswith(".py"), raise_interrupt=False)
    return restart_at(changes, spawn)


def restart_at(changes: Iterable[object], spawn: Spawn) -> int:
    """Runs one child at a time and restarts it at each change; ends it when `changes` end."""
    child = spawn()
    try:
        for _ in changes:
            note("The source has changed: restarting.")
            _end(child)
            child = spawn()
    finally:
        _end(child)
    return 0


def child_environment(settled: Settled, environ: Mapping[str, str]) -> dict[str, str]:
    """Returns the settings of this run as variables; other users could read a key among the child's arguments."""
    names = {variable for option in OPTIONS for variable in option.variables}
    others = {name: value for name, value in environ.items() if name not in names}
    return {**others, **as_variables(settled.config), "DRAWBRIDGE_RELOAD": "false"}


def source_folders() -> list[Path]:
    """Returns the folders with our source."""
    server = Path(__file__).parents[1]
    return [folder for folder in (server, server.with_name("tray")) if folder.is_dir()]


def _end(child: "subprocess.Popen[bytes]") -> None:
    if child.poll() is None:
        child.terminate()
    try:
        child.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
