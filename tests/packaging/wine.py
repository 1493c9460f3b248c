"""A Windows for tests: a new wine prefix, its files and its registry."""

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Debian and Ubuntu install it here, not on the PATH.
WINE = Path("/usr/lib/wine/wine64")
TIMEOUT_S = 120.0


class Windows:
    """One user's computer. Programs are started by their path on this system; `path` converts one of Windows."""

    def __init__(self, prefix: Path) -> None:
        self.prefix = prefix
        self._environment = {
            **{name: value for name, value in os.environ.items() if name != "DISPLAY"},
            "WINEPREFIX": str(prefix),
            # Otherwise Documents and other folders are links to the real user's.
            "HOME": str(prefix.parent),
            "WINEDEBUG": "-all",
            # Without .NET, without a browser, and without entries in this system's menus.
            "WINEDLLOVERRIDES": "mscoree,mshtml=;winemenubuilder.exe=d",
            # Otherwise wine leaves folders in /tmp.
            "TMPDIR": str(prefix.parent),
        }

    def run(self, *command: str | Path, timeout_s: float = TIMEOUT_S) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end."""
        return subprocess.run(
            [WINE, *map(str, command)],
            env=self._environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
        )

    def start(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Starts a program."""
        return subprocess.Popen(
            [WINE, *map(str, command)], env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def path(self, windows_path: str) -> Path:
        """Converts a Windows path to one of this system."""
        drive, _, rest = windows_path.partition(":\\")
        assert drive.lower() == "c", windows_path
        return self.prefix.joinpath("drive_c", *rest.split("\\"))

    @property
    def local(self) -> Path:
        """%LOCALAPPDATA%."""
        return self.home / "AppData" / "Local"

    @property
    def start_menu(self) -> Path:
        """The user's own part of the Start menu."""
        return self.home / "AppData" / "Roaming" / "Microsoft" / "Windows" / "Start Menu" / "Programs"

    def registry(self, key: str) -> dict[str, str]:
        """Returns the values of a key of the current user; empty if there is none."""
        done = self.run("reg", "query", f"HKCU\\{key}")
        rows = re.findall(r"^    (.+?)    REG_\w+    ?(.*?)\r?$", done.stdout, re.MULTILINE)
        return dict(rows)

    def set_registry(self, key: str, name: str, value: str, kind: str = "REG_SZ") -> None:
        """Writes a value of the current user."""
        done = self.run("reg", "add", f"HKCU\\{key}", "/v", name, "/t", kind, "/d", value, "/f")
        assert done.returncode == 0, done.stdout + done.stderr

    def close(self) -> None:
        """Ends all programs of this prefix, and no others."""
        subprocess.run([WINE.with_name("wineserver"), "-k"], env=self._environment, capture_output=True, timeout=60)
        subprocess.run([WINE.with_name("wineserver"), "-w"], env=self._environment, capture_output=True, timeout=60)

    @property
    def home(self) -> Path:
        """The user's folder. Wine takes its name from the system, not from environment variables."""
        (found,) = [folder for folder in (self.prefix / "drive_c" / "users").iterdir() if folder.name != "Public"]
        return found


@contextmanager
def open_windows(prefix: Path) -> Iterator[Windows]:
    """A new computer in the folder `prefix`."""
    windows = Windows(prefix)
    try:
        done = windows.run("wineboot", "-i")
        assert (prefix / "user.reg").exists() or done.returncode == 0, done.stderr
        yield windows
    finally:
        windows.close()
