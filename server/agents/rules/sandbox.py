"""Finds out whether commands can run in a sandbox here, by running one, and what it must hide."""

import logging
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from shutil import which as find_program

from server.agents.rules.launch import Sandbox

logger = logging.getLogger(__name__)

_TIMEOUT_S = 10.0
# What programs need. Every other folder of the root is hidden, and so is what belongs to the user or to accounts.
_SYSTEM = frozenset(
    {
        *("bin", "boot", "dev", "etc", "gnu", "lib", "lib32", "lib64", "libx32", "lost+found", "nix", "opt", "proc"),
        *("run", "sbin", "snap", "sys", "usr", "var"),
    }
)
_SECRETS = (
    *("/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/sudoers.d", "/etc/ssh", "/etc/ssl/private"),
    *("/run/user", "/run/secrets", "/run/docker.sock", "/var/tmp", "/var/log", "/var/backups", "/var/mail"),  # noqa: S108 # hidden, not used
)


def find_sandbox(
    own: Iterable[Path],
    *,
    platform: str = sys.platform,
    which: Callable[[str], str | None] = find_program,
) -> Sandbox | None:
    """The sandbox, if one was proven to hold; else None. `own`: folders of Drawbridge's, hidden too. Blocks.

    Linux only: Claude Code uses bubblewrap and socat there.
    """
    bwrap, socat = which("bwrap"), which("socat")
    if platform != "linux" or bwrap is None or socat is None:
        return None
    if not (_runs([socat, "-V"]) and _holds(bwrap)):
        logger.warning("bubblewrap or socat is installed but does not work: agents ask before each command")
        return None
    return Sandbox(hidden_paths(Path("/"), (Path.home(), Path(tempfile.gettempdir()), *own)))


def hidden_paths(root: Path, own: Iterable[Path]) -> tuple[str, ...]:
    """What a command may not read: all folders of the system's root but those of programs, accounts' files, `own`."""
    folders = [folder for folder in root.iterdir() if folder.name not in _SYSTEM and not folder.is_symlink()]
    others = [Path(secret) for secret in _SECRETS]
    found = [str(path) for path in (*folders, *others, *own) if path.exists()]
    return tuple(sorted(set(found)))


def _holds(bwrap: str) -> bool:
    """Whether a program starts in it and cannot write."""
    with tempfile.TemporaryDirectory(prefix="drawbridge-probe-") as folder:
        mark = Path(folder) / "written"
        walls = ("--ro-bind", "/", "/", "--dev", "/dev", "--unshare-pid", "--unshare-net", "--proc", "/proc")
        script = 'touch "$1" 2>/dev/null; exit 0'
        ran = _runs([bwrap, "--die-with-parent", *walls, "--", "/bin/sh", "-c", script, "sh", str(mark)])
        return ran and not mark.exists()


def _runs(command: list[str]) -> bool:
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
