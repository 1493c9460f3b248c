"""A small Debian in a folder, in which programs run by chroot."""

import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

BOUND_S = 300


class Debian:
    """The system below `root`. Its programs see its files, but the processes and the network of this machine."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def run(self, *command: str) -> str:
        """Runs a command in it as root; returns its output. It must succeed."""
        done = subprocess.run(
            self.argv(command), env=ENVIRONMENT, capture_output=True, text=True, timeout=BOUND_S, check=False
        )
        assert done.returncode == 0, (command, done.stdout, done.stderr)
        return done.stdout

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Starts a program in it; its output goes to /tmp/out.txt there."""
        with (self.root / "tmp" / "out.txt").open("w") as out:
            return subprocess.Popen(
                self.argv(command),
                env={**ENVIRONMENT, **environment},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def argv(self, command: Sequence[str]) -> list[str]:
        """Returns the arguments that start `command` in it; the process id is the command's own."""
        return ["chroot", str(self.root), *command]

    def processes(self) -> list[str]:
        """Returns the command lines of all programs that run in it."""
        found = []
        for process in psutil.process_iter():
            try:
                is_here = str(Path(f"/proc/{process.pid}/root").readlink()) == str(self.root)
                # A process without a command line has just ended.
                if is_here and (arguments := process.cmdline()):
                    found.append(" ".join(arguments))
            except (OSError, psutil.Error):
                continue
        return found


ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": "/root", "LANG": "C.UTF-8"}


@contextmanager
def open_debian(root: Path) -> Iterator[Debian]:
    """Makes one from this machine's own package sources. Raises `CalledProcessError` if that fails."""
    suite = platform.freedesktop_os_release()["VERSION_CODENAME"]
    made = ["mmdebstrap", "--quiet", "--mode=root", "--variant=essential", suite, str(root)]
    subprocess.run(made, capture_output=True, text=True, timeout=BOUND_S, check=True)
    try:
        with mounted(root / "proc", "-t", "proc", "proc"), mounted(root / "dev", "--bind", "/dev"):
            yield Debian(root)
    finally:
        shutil.rmtree(root, ignore_errors=True)


@contextmanager
def mounted(place: Path, *how: str) -> Iterator[None]:
    """Mounts something at `place` while the block runs. Raises `CalledProcessError` where that is not allowed."""
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["mount", *how, str(place)], capture_output=True, text=True, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)
