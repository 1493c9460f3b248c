"""Start at login on macOS: a launch agent of the user."""

import logging
import os
import plistlib
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any  # the values of a property list
from xml.parsers.expat import ExpatError

from server.machine.files.atomic_files import replace_file
from tray.desktop.autostart.entry import AutostartRefused, refresh_entry, refuse_os_errors

logger = logging.getLogger(__name__)

LABEL = "io.github.drawbridge.tray"
# The folder of the copies that macOS makes of quarantined apps.
_TRANSLOCATED = "/AppTranslocation/"
LAUNCHCTL_TIMEOUT_S = 5.0


class MacAutostart:
    """The launch agent. `launchctl` runs the program of that name and returns its output."""

    def __init__(self, command: Sequence[str], folder: Path, launchctl: Callable[..., str]) -> None:
        self._command = tuple(command)
        self._launchctl = launchctl
        self.file = folder / f"{LABEL}.plist"

    def state(self) -> bool | None:
        """Off also if it is disabled in the system's settings."""
        try:
            agent = self._agent()
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            return None
        is_on = bool(agent.get("RunAtLoad")) and not agent.get("Disabled") and bool(agent.get("ProgramArguments"))
        return is_on and not self._is_disabled()

    def set(self, on: bool) -> None:  # noqa: FBT001 # a switch's setter
        """Writes or removes the agent without starting or stopping it, which could stop this very process."""
        if on:
            self._refuse_temporary_copy()
        with refuse_os_errors(str(self.file)):
            if not on:
                self.file.unlink(missing_ok=True)
                return
            agent = {
                "Label": LABEL,
                "ProgramArguments": list(self._command),
                "RunAtLoad": True,
                "ProcessType": "Interactive",
                "LimitLoadToSessionType": "Aqua",
            }
            replace_file(self.file, plistlib.dumps(agent), mode=0o644)
            if self._is_disabled():
                self._launchctl("enable", f"{_domain()}/{LABEL}")

    def refresh(self) -> bool:
        """Rewrites the command, and keeps the user's own additions."""
        return refresh_entry(self, self._old, self._command, self._write_command)

    def _refuse_temporary_copy(self) -> None:
        if any(_TRANSLOCATED in part for part in self._command):
            raise AutostartRefused(
                "macOS runs Drawbridge from a temporary copy, which is gone after the next start.",
                hint="Move Drawbridge into the Applications folder, open it there, then try again.",
            )

    def _write_command(self) -> None:
        self._refuse_temporary_copy()
        agent = {**self._agent(), "ProgramArguments": list(self._command)}
        replace_file(self.file, plistlib.dumps(agent), mode=0o644)

    def _agent(self) -> dict[str, Any]:
        try:
            agent = plistlib.loads(self.file.read_bytes())
        except (plistlib.InvalidFileException, ExpatError, ValueError, LookupError) as error:
            raise ValueError("not a property list") from error
        if not isinstance(agent, dict):
            raise ValueError("not a launch agent")
        return agent

    def _old(self) -> list[str]:
        return [str(argument) for argument in self._agent()["ProgramArguments"]]

    def _is_disabled(self) -> bool:
        output = self._launchctl("print-disabled", _domain())
        return re.search(rf'"{re.escape(LABEL)}" => (true|disabled)', output) is not None


def _domain() -> str:
    return f"gui/{os.getuid()}" if sys.platform != "win32" else ""


def run_launchctl(*arguments: str) -> str:
    """The output of launchctl, empty if it fails or takes longer than the timeout."""
    try:
        done = subprocess.run(
            ["/bin/launchctl", *arguments], capture_output=True, text=True, timeout=LAUNCHCTL_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.info("launchctl: %s", type(error).__name__)
        return ""
    return done.stdout
