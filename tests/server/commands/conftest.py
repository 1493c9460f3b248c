"""A user of their own for each test: empty folders, and no variable of ours or of a desktop's."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server.config import OPTIONS


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder, in which everything of ours then lies."""
    names = {variable for option in OPTIONS for variable in option.variables}
    for name in os.environ:
        if name in names or name.startswith(("XDG_", "DRAWBRIDGE_", "ANTHROPIC_", "CLAUDE")):
            monkeypatch.delenv(name)
    for name in ("HOME", "USERPROFILE", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Callable[[str], None]:
    """Writes the settings file."""
    from server.machine.files.paths import find_folders

    def write(text: str) -> None:
        path = find_folders().settings_file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    return write


class Program:
    """A started command line over a server without an engine (see tests.server.fake_server)."""

    def __init__(self, *arguments: str, **variables: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.server.fake_server", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **variables},
            text=True,
        )

    def first_line(self) -> str:
        """What a program that waits for the server reads; blocks until it comes."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def remark(self, words: str) -> str:
        """Returns the next line on stderr that contains this text; empty if the program ended without one."""
        assert self.process.stderr is not None
        return next((line for line in self.process.stderr if words in line), "")

    def port(self) -> int:
        """From the first line."""
        line = self.first_line()
        assert line.startswith("Drawbridge listening on http://127.0.0.1:"), self.end()
        return int(line.rpartition(":")[2].removesuffix("/v1\n"))

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, str, str]:
        """Waits for the end: exit code, the rest of stdout, stderr."""
        out, err = self.process.communicate(timeout=60)
        return self.process.returncode, out, err

    def stop(self) -> tuple[int, str, str]:
        """Stops it and waits for the end."""
        self.signal(signal.SIGTERM)
        return self.end()


Start = Callable[..., Program]


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Starts programs, and ends all of them afterwards."""
    programs: list[Program] = []

    def started(*arguments: str, **variables: str) -> Program:
        programs.append(Program(*arguments, **variables))
        return programs[-1]

    yield started
    for program in programs:
        if program.process.poll() is None:
            program.process.kill()
        if program.process.stdout is not None and not program.process.stdout.closed:
            program.process.communicate()
