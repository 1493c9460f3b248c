"""The command as a whole: its exit codes, its sentences, and how little it loads."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from server.commands.root import drawbridge, run
from server.errors import DrawbridgeError, PortTaken
from server.machine.version import own_version

HEAVY = ("fastapi", "uvicorn", "pydantic", "starlette", "claude_agent_sdk", "mcp", "PIL", "keyring", "psutil")


@pytest.fixture
def failing() -> Iterator[Callable[[BaseException], None]]:
    """Has `drawbridge fail` raise something."""

    def install(error: BaseException) -> None:
        @click.command()
        def fail() -> None:
            raise error

        drawbridge.add_command(fail)

    yield install
    drawbridge.commands.pop("fail", None)


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"drawbridge {own_version()}\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (PortTaken("Port 1 is taken.", hint="Choose another."), "The port is taken: Port 1 is taken. Choose another."),
        (PortTaken(), "The port is taken."),
        (DrawbridgeError("It did not work", hint="Try again."), "Something went wrong: It did not work. Try again."),
    ],
)
def test_an_error_is_a_sentence_and_exit_code_1(
    failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str], error: DrawbridgeError, sentence: str
) -> None:
    failing(error)
    assert run(["fail"]) == 1
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", f"{sentence}\n")


def test_ctrl_c_is_no_traceback(failing: Callable[[BaseException], None], capsys: pytest.CaptureFixture[str]) -> None:
    failing(KeyboardInterrupt())
    assert run(["fail"]) == 130


def test_a_reader_that_has_left_is_no_traceback(home: Path) -> None:
    program = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from server.commands.root import run; sys.stdin.read(); sys.exit(run(['-h']))",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None
    program.stdout.close()
    program.stdout = None
    _, err = program.communicate(timeout=60)
    assert err == ""
    assert program.returncode == 1


@pytest.mark.parametrize("arguments", [["nonsense"], ["--nonsense"], ["serve", "--nonsense"], ["--port", "1", "serve"]])
def test_a_wrong_command_line_is_exit_code_2_with_help(
    home: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert run(arguments) == 2
    assert "Try 'drawbridge" in capsys.readouterr().err


def test_an_option_before_the_command_is_an_error_that_shows_the_right_order(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["--pool-size", "3", "--timeout", "3", "serve"])
    assert "drawbridge serve --pool-size, --timeout" in capsys.readouterr().err


def test_every_command_of_the_contract_is_there() -> None:
    assert set(drawbridge.commands) >= {"serve", "status", "stop", "ask", "login", "doctor"}


@pytest.mark.parametrize("arguments", ["--version", "status", "stop", "--help", "serve --help"])
def test_a_small_command_loads_nothing_heavy(home: Path, arguments: str) -> None:
    program = f"""
import sys
from server.commands.root import run
run({arguments.split()!r})
print(sorted(set({HEAVY!r}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("module", "arguments", "first"),
    [
        ("server", ["--help"], "Usage: drawbridge serve [OPTIONS]"),
        ("tray", ["--help"], "Usage: drawbridge [OPTIONS] [COMMAND]"),
        ("tray", ["--version"], f"drawbridge {own_version()}"),
        ("server", ["--version"], "Usage: drawbridge serve"),
    ],
)
def test_the_modules_are_the_commands(home: Path, module: str, arguments: list[str], first: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, timeout=60)
    assert (done.stdout + done.stderr).startswith(first)
