"""Start at login on Windows: a value in the registry's Run key."""

import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol  # Any: the module `winreg` has types on Windows only

from tray.desktop.autostart.entry import NAME, AutostartRefused, refresh_entry, refuse_os_errors

# Windows' limit for the command line of a Run value.
LONGEST_RUN = 260


class Registry(Protocol):
    """The current user's registry hive."""

    def read(self, path: str, name: str) -> object:
        """The value, None if it is missing. Raises OSError."""

    def write(self, path: str, name: str, text: str) -> None:
        """Creates or replaces the value. Raises OSError."""

    def delete(self, path: str, name: str) -> None:
        """Removes the value if it exists. Raises OSError."""


class WindowsAutostart:
    """A value of the Run key. Task Manager records in another key what it has disabled."""

    RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
    APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"

    def __init__(self, command: Sequence[str], registry: Registry) -> None:
        self._command = tuple(command)
        self._registry = registry

    def state(self) -> bool | None:
        """Off also if it is disabled in Task Manager or in Windows' settings."""
        try:
            line = self._registry.read(self.RUN, NAME)
            approved = self._registry.read(self.APPROVED, NAME)
        except OSError:
            return None
        # The first byte is even for enabled (2, 6) and odd for disabled (3, 7); the rest is a timestamp.
        is_off = isinstance(approved, bytes) and bool(approved) and approved[0] % 2 == 1
        return isinstance(line, str) and bool(line.strip()) and not is_off

    def set(self, on: bool) -> None:  # noqa: FBT001 # a switch's setter
        """Writes or removes the value, and removes Task Manager's record of it."""
        with refuse_os_errors("the registry"):
            if on:
                self._write_command()
            else:
                self._registry.delete(self.RUN, NAME)
            self._registry.delete(self.APPROVED, NAME)

    def refresh(self) -> bool:
        """Rewrites the command."""
        return refresh_entry(self, self._old, self._command, self._write_command)

    def _old(self) -> list[str]:
        return windows_arguments(str(self._registry.read(self.RUN, NAME)))

    def _write_command(self) -> None:
        line = windows_command_line(self._command)
        if len(line) > LONGEST_RUN:
            raise AutostartRefused(
                f"The command {line!r} is longer than the {LONGEST_RUN} characters that Windows accepts there.",
                hint="Move the program to a shorter path, or put its options into the settings file.",
            )
        self._registry.write(self.RUN, NAME, line)


def windows_command_line(command: Sequence[str]) -> str:
    """`command` as one line, the program always in quotes: a path with a blank would otherwise be ambiguous."""
    program, *arguments = command
    rest = subprocess.list2cmdline(arguments)
    return f'"{program}" {rest}' if rest else f'"{program}"'


def windows_arguments(line: str) -> list[str]:
    """The arguments of a command line; escaped quotes, which no path and no option of ours contains, are not read."""
    return [quoted or plain for quoted, plain in re.findall(r'"([^"]*)"|(\S+)', line)]


class WindowsRegistry:
    """The real registry; `winreg` is the module, which has types on Windows only."""

    def __init__(self, winreg: Any) -> None:
        self._winreg = winreg

    def read(self, path: str, name: str) -> object:
        """See `Registry`."""
        try:
            with self._winreg.OpenKey(self._winreg.HKEY_CURRENT_USER, path) as key:
                value: object = self._winreg.QueryValueEx(key, name)[0]
                return value
        except FileNotFoundError:
            return None

    def write(self, path: str, name: str, text: str) -> None:
        """See `Registry`."""
        with self._winreg.CreateKey(self._winreg.HKEY_CURRENT_USER, path) as key:
            self._winreg.SetValueEx(key, name, 0, self._winreg.REG_SZ, text)

    def delete(self, path: str, name: str) -> None:
        """See `Registry`."""
        registry = self._winreg
        with (
            suppress(FileNotFoundError),
            registry.OpenKey(registry.HKEY_CURRENT_USER, path, 0, registry.KEY_SET_VALUE) as key,
        ):
            registry.DeleteValue(key, name)
