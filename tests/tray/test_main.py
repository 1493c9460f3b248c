"""The installed command."""

import subprocess
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path

from server.machine.version import own_version


def test_the_installed_command_is_the_tray() -> None:
    (command,) = (point for point in entry_points(group="console_scripts") if point.name == "drawbridge")
    assert command.value == "tray.__main__:main"


def test_the_installed_command_runs() -> None:
    program = Path(sys.executable).with_name("drawbridge")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"drawbridge {own_version()}\n")


def test_the_version_is_the_projects() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert own_version() == project["version"]
