import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.commands.root import run
from server.commands.running.approvals import inert
from server.machine.files.paths import find_folders
from server.machine.instance import claim, own_instance
from tests.server.asking import BASH, EDIT, AskingServer, asking_server, wait_for

WATCH = [sys.executable, "-c", "from server.commands.root import run; run(['approvals', '--watch'])"]


@pytest.fixture
def asking(home: Path) -> Iterator[AskingServer]:
    """A server that the commands of this user find."""
    with claim(find_folders().data) as claimed, asking_server(home / "server") as server:
        claimed.publish(own_instance(server.runner.listeners, server.runner.token))
        yield server


def test_what_waits_is_listed_whole(asking: AskingServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approvals"]) == 0
    assert capsys.readouterr().err == "No agent asks anything.\n"
    asking.ask()
    asking.ask(EDIT)
    assert run(["approvals"]) == 0
    bash, edit = capsys.readouterr().out.split("\n\n")
    assert bash.splitlines()[0] == "bash  Bash in site"
    assert "  why: This command requires approval" in bash
    assert "  where: /home/someone/site" in bash
    assert "  | make test" in bash
    assert " left" in bash
    assert [line for line in edit.splitlines() if line.startswith("  | ")] == [
        f"  | {line}" for line in EDIT.detail.splitlines()
    ]


def test_what_waits_is_printed_for_programs(asking: AskingServer, capsys: pytest.CaptureFixture[str]) -> None:
    asking.ask()
    assert run(["approvals", "--json"]) == 0
    (question,) = json.loads(capsys.readouterr().out)["data"]
    assert (question["id"], question["detail"]) == ("bash", "make test")


@pytest.mark.parametrize(
    ("arguments", "decision"),
    [
        (("allow", "bash"), "once"),
        (("allow", "bash", "--conversation"), "conversation"),
        (("refuse", "bash"), "refuse"),
        (("stop", "bash"), "stop"),
    ],
)
def test_each_command_decides(asking: AskingServer, arguments: tuple[str, ...], decision: str) -> None:
    future = asking.ask()
    assert run(["approvals", *arguments]) == 0
    assert future.result(30) == decision


def test_what_cannot_be_decided_is_named(asking: AskingServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approvals", "allow", "other"]) == 1
    assert "There is no question 'other'. 'drawbridge approvals' lists" in capsys.readouterr().err
    future = asking.ask(EDIT)
    assert run(["approvals", "allow", "edit", "--conversation"]) == 1
    assert "cannot be allowed for the whole conversation" in capsys.readouterr().err
    assert run(["approvals", "refuse", "edit"]) == 0
    assert future.result(30) == "refuse"
    capsys.readouterr()
    assert run(["approvals", "allow", "edit"]) == 1
    assert "closed: it was refused" in capsys.readouterr().err


def test_without_a_server_there_is_nothing_to_decide(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["approvals"]) == 1
    assert "not running" in capsys.readouterr().err


def test_nothing_of_an_agents_text_reaches_the_terminal_as_a_command_or_looks_like_ours(
    asking: AskingServer, capsys: pytest.CaptureFixture[str]
) -> None:
    sly = "ls\r\x1b[2Kecho fine\n\nbash  Bash in site\n\u202erm\u200b"
    asking.ask(replace(BASH, id="sly", detail=sly, description="x\n  why: none", tool="Ba\x1bsh"))
    assert run(["approvals"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sly  Ba<U+001B>sh in site"
    assert "  what: x<U+000A>  why: none" in lines
    assert lines[-4:] == [
        "  | ls<U+000D><U+001B>[2Kecho fine",
        "  | ",
        "  | bash  Bash in site",
        "  | <U+202E>rm<U+200B>",
    ]


@pytest.mark.parametrize("letter", ["\u00a0", "\u2028", "\u3164", "\ufe0e", "\U000e0101", "\ud800", "\x7f", "\x9b"])
def test_no_hidden_character_stays_hidden(letter: str) -> None:
    assert inert(f"a{letter}b") == f"a<U+{ord(letter):04X}>b"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminal")
def test_watch_asks_on_a_terminal_and_decides(asking: AskingServer) -> None:
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(WATCH, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        try:
            _read_until(ours, "Ctrl+C ends this")
            first = asking.ask(EDIT)
            text = _read_until(ours, "Your decision")
            assert "+version = 2" in text
            assert "[c]" not in text
            os.write(ours, b"o\n")
            assert first.result(30) == "once"
            second = asking.ask(BASH)
            assert "[c] allow for this conversation" in _read_until(ours, "Your decision")
            # It closes while the user thinks.
            second.cancel()
            wait_for(lambda: not asking.engine.approvals.open_questions())
            os.write(ours, b"o\n")
            assert "the request that asked has ended" in _read_until(ours, "has ended")
        finally:
            process.terminate()
            os.close(ours)


def test_watch_without_a_terminal_only_tells(asking: AskingServer) -> None:
    asking.ask()
    with subprocess.Popen(WATCH, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "bash  Bash in site\n"
        finally:
            process.terminate()
    assert len(asking.engine.approvals.open_questions()) == 1


def _read_until(terminal: int, words: str) -> str:
    text = b""
    while words.encode() not in text:
        text += os.read(terminal, 65_536)
    return text.decode()
