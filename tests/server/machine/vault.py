"""A real keyring for tests: gnome-keyring on a bus of its own, and programs that see no other one."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = {
    "dbus-daemon": "dbus",
    "gnome-keyring-daemon": "gnome-keyring",
    "Xvfb": "xvfb",
    "xclip": "xclip",
    "xterm": "xterm",
    "openbox": "openbox",
    "desktop-file-validate": "desktop-file-utils",
    "dex": "dex",
    "gio": "libglib2.0-bin",
}


def needs(*programs: str) -> None:
    """Skips a test, visibly, where a program of the system is missing."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed: apt-get install {PACKAGES[program]}")


@dataclass(frozen=True)
class Session:
    """A user's session: an environment, and what runs in it."""

    home: Path
    environment: dict[str, str] = field(repr=False)

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Runs a Python program of ours to its end."""
        return subprocess.run(
            [sys.executable, *arguments], env=self.environment, input=text, capture_output=True, text=True, timeout=60
        )


@contextmanager
def session(home: Path, *, password: str | None = None, display: str | None = None) -> Iterator[Session]:
    """A session with a bus, and with a gnome-keyring that was given `password` at its start (None: none is started).

    The first password of a home is that of its keyring; a wrong one later leaves it locked.
    """
    needs("dbus-daemon", "gnome-keyring-daemon")
    run = home / "run"
    run.mkdir(parents=True, exist_ok=True, mode=0o700)
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "XDG_RUNTIME_DIR": str(run),
        **({"DISPLAY": display} if display else {}),
    }
    # A session of processes of its own: what the bus starts ends with it.
    with _process(["dbus-daemon", "--session", "--nofork", "--print-address"], environment) as bus:
        assert bus.stdout is not None
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        if password is None:
            yield Session(home, environment)
            return
        command = ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"]
        with _process(command, environment, password) as keyring:
            _wait_for_the_secrets(keyring, environment)
            yield Session(home, environment)


@contextmanager
def no_session(home: Path) -> Iterator[Session]:
    """A user without a desktop: no bus, no keyring."""
    home.mkdir(parents=True, exist_ok=True)
    yield Session(home, {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)})


@contextmanager
def virtual_display(size: str = "640x480") -> Iterator[str]:
    """An invisible screen; yields its name."""
    needs("Xvfb")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp", "-noreset"]
    with _process(command, dict(os.environ), pass_fds=(write,)):
        os.close(write)
        with os.fdopen(read) as number:
            yield f":{number.readline().strip()}"


@contextmanager
def _process(
    command: Sequence[str], environment: dict[str, str], text: str | None = None, *, pass_fds: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=pass_fds,
    ) as process:
        assert process.stdin is not None
        process.stdin.write((text or "").encode())
        process.stdin.close()
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for_the_secrets(keyring: subprocess.Popen[bytes], environment: dict[str, str]) -> None:
    """Waits until the bus name has an owner; requesting a secret would start another keyring."""
    code = (
        "import sys; from jeepney.bus_messages import message_bus as b; from jeepney.io.blocking import *\n"
        "c = open_dbus_connection(); has = Proxy(b, c).NameHasOwner('org.freedesktop.secrets')[0]; c.close()\n"
        "sys.exit(not has)"
    )
    deadline = time.monotonic() + 60
    while subprocess.run([sys.executable, "-c", code], env=environment).returncode:
        assert keyring.poll() is None, "gnome-keyring has ended"
        assert time.monotonic() < deadline, "gnome-keyring has not come up"
        time.sleep(0.05)
