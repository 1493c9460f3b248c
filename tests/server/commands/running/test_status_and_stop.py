"""`status`, `stop` and `ask` against a running server, and against none."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path

import pytest

from server.commands.root import run
from server.commands.running import status_and_stop
from server.commands.running.status_rows import status_rows
from server.machine.files.paths import find_folders
from server.machine.instance import Instance, read_instance
from server.status import ApprovalsStatus, ComputerStatus, Status, TunnelStatus
from tests.server.commands.conftest import Program, Start

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def server(start: Start) -> Program:
    """A running server of the test's own home."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    program = start("serve", "--port", str(port))
    program.port()
    # The first line comes after the instance file.
    assert read_instance(find_folders().data) is not None
    return program


@pytest.mark.parametrize("arguments", [["status"], ["stop"], ["ask", "hello"]])
def test_without_a_server_the_error_says_how_to_start_one(home: Path, capsys: Captured, arguments: list[str]) -> None:
    assert run(arguments) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Drawbridge is not running: ")
    assert "drawbridge serve" in captured.err
    assert not find_folders().data.exists()


def test_programs_can_ask_whether_one_runs(home: Path, capsys: Captured) -> None:
    assert run(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"state": "stopped"}


def test_status_is_a_table(server: Program, capsys: Captured) -> None:
    assert run(["status"]) == 0
    rows = dict(line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines())
    assert rows["state"] == "running"
    assert rows["process"] == str(server.process.pid)


def test_status_is_json_for_programs(server: Program, capsys: Captured) -> None:
    assert run(["status", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["state"], answer["pid"]) == ("running", server.process.pid)
    assert answer["base_url"].endswith("/v1")


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        pytest.param(
            "127.0.0.2",
            marks=pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address"),
        ),
        "::1",
    ],
)
def test_the_commands_reach_a_server_on_any_host(start: Start, capsys: Captured, host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    program = start("serve", "--port", str(port), "--host", host, DRAWBRIDGE_API_KEY="sesame")
    assert program.first_line().startswith("Drawbridge listening on")
    assert run(["status", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert f":{port}/v1" in answer["base_url"]
    assert answer["key_required"] is True
    assert run(["ask", "hello", "--api-key", "sesame"]) == 0
    assert run(["stop"]) == 0
    assert program.end()[0] == 0


def test_stop_returns_when_the_server_is_gone(server: Program, capsys: Captured) -> None:
    assert run(["stop"]) == 0
    assert capsys.readouterr().err == "Drawbridge has stopped.\n"
    assert read_instance(find_folders().data) is None
    assert server.end()[0] == 0


@pytest.mark.soak
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process by a signal")
def test_a_server_that_is_busy_for_seconds_is_stopped(server: Program) -> None:
    server.process.send_signal(signal.SIGSTOP)
    wakes = threading.Timer(7, lambda: server.process.send_signal(signal.SIGCONT))
    wakes.start()
    assert run(["stop"]) == 0
    wakes.join()
    assert server.end()[0] == 0


def test_the_answer_and_the_end_have_one_deadline(
    monkeypatch: pytest.MonkeyPatch, home: Path, capsys: Captured
) -> None:
    """A server that takes its time to answer, and does not end."""
    waits: list[float] = []
    monkeypatch.setattr(status_and_stop, "STOP_TIMEOUT_S", 0.3)
    monkeypatch.setattr(status_and_stop, "read_instance", lambda _: Instance(7, "127.0.0.1", 1, "", "1", ""))
    monkeypatch.setattr(status_and_stop, "request_stop", lambda *_, timeout_s: time.sleep(timeout_s + 0.01))
    monkeypatch.setattr(status_and_stop, "wait_until_gone", lambda _, timeout_s: waits.append(timeout_s))
    assert run(["stop"]) == 1
    assert waits == [0.0], "a negative timeout would wait forever"
    assert "It did not end within" in capsys.readouterr().err


def test_each_data_folder_has_its_own_server(server: Program, capsys: Captured, tmp_path: Path) -> None:
    assert run(["status", "--data-dir", str(tmp_path / "other")]) == 1
    assert run(["stop", "--data-dir", str(tmp_path / "other")]) == 1
    assert run(["status"]) == 0


def test_an_answer_is_streamed_to_stdout(server: Program, capsys: Captured) -> None:
    assert run(["ask", "how", "are", "you?"]) == 0
    captured = capsys.readouterr()
    assert captured.out == "You said: how are you? (model sonnet)\n"
    assert captured.err == ""


def test_an_answer_can_be_requested_without_streaming(server: Program, capsys: Captured) -> None:
    assert run(["ask", "--no-stream", "hello"]) == 0
    assert capsys.readouterr().out == "You said: hello (model sonnet)\n"


def test_a_model_can_be_named(server: Program, capsys: Captured) -> None:
    assert run(["ask", "--model", "opus", "hello"]) == 0
    assert capsys.readouterr().out == "You said: hello (model opus)\n"


def test_several_answers_stand_one_after_another(server: Program, capsys: Captured) -> None:
    assert run(["ask", "-n", "3", "hello"]) == 0
    assert capsys.readouterr().out == "\n".join(["You said: hello (model sonnet)\n"] * 3)


@pytest.mark.parametrize("arguments", [[], ["-"]])
def test_the_question_may_come_from_standard_input(server: Program, arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tray", "ask", *arguments], input="from a pipe", capture_output=True, text=True
    )
    assert done.stdout == "You said: from a pipe (model sonnet)\n"


def test_an_empty_question_is_an_error(home: Path, capsys: Captured) -> None:
    assert run(["ask", "  "]) == 2
    assert "No question given" in capsys.readouterr().err


@pytest.mark.parametrize("how", [["--no-stream"], []])
def test_a_refusal_shows_the_servers_message(server: Program, capsys: Captured, how: list[str]) -> None:
    assert run(["ask", *how, "refuse"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("The server refused the question: Nothing is left for today.")


def test_an_incomplete_answer_is_shown_and_is_an_error(server: Program, capsys: Captured) -> None:
    assert run(["ask", "break"]) == 1
    captured = capsys.readouterr()
    assert captured.out == "You said: \n"
    assert captured.err.startswith("The answer ended early: ")


def test_a_server_that_dies_in_mid_answer_is_an_error(server: Program) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tray", "ask", "slow"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as asking:
        try:
            assert asking.stdout is not None
            assert asking.stdout.read(10) == "You said: "
            server.process.kill()
            _, err = asking.communicate(timeout=60)
        finally:
            asking.kill()
    assert asking.returncode == 1
    assert "The answer is incomplete" in err
    assert "Traceback" not in err


def test_the_key_of_the_environment_is_used(start: Start, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", "sesame")
    start("serve").port()
    assert run(["ask", "hello"]) == 0
    monkeypatch.setenv("DRAWBRIDGE_API_KEY", "wrong")
    assert run(["ask", "hello"]) == 1
    assert "key" in capsys.readouterr().err


def test_the_table_leaves_out_unknown_values_and_uses_the_status_phrases() -> None:
    rows = dict(
        status_rows(
            {
                "state": "running",
                "demo": True,
                "uptime_s": 3725.0,
                "account": {"email": "me@example.org", "payer": "plan", "subscription": "max", "of_tomorrow": 1},
                "pool": {"size": 3, "answering": 1, "ready": 2, "waiting": 0, "ways": {"process": 4}},
                "trouble": "the CLI is missing",
                "usage": [
                    {"name": "5 hours", "used": 0.997, "resets_at": None, "is_reached": False},
                    {"name": "Week", "used": 1.0, "resets_at": 2e9, "is_reached": True},
                ],
            }
        )
    )
    assert rows["state"] == "running (demo: no real answers)"
    assert rows["account"] == "me@example.org, on the Claude Max plan"
    assert rows["processes"] == "2 of 3 ready, 1 busy"
    assert rows["answers so far"] == "process: 4"
    assert rows["problem"] == "the CLI is missing"
    assert rows["plan usage"].startswith("5 hours: 99% used; Week: limit reached, resets on 18 May at ")
    assert rows["up for"] == "1 h 2 min"
    assert rows["Claude Code"] == ""


def test_the_table_says_what_reaches_beyond_this_computer_or_waits_for_the_user() -> None:
    tunnel = TunnelStatus(state="open", title="Tailscale Funnel", url="https://me.example")
    ends_at = datetime(2026, 11, 29, 18, 0).astimezone().timestamp()
    status = Status(
        tunnel=tunnel,
        approvals=ApprovalsStatus(waiting=2, id="a", tool="Bash", project="site"),
        computer=ComputerStatus(is_on=True, ends_at=ends_at),
    )
    rows = dict(status_rows(asdict(status)))
    assert rows["tunnel"] == "Open through Tailscale Funnel https://me.example/v1"
    assert rows["agents"] == "2 questions for you: run 'drawbridge approvals'"
    assert rows["desktop"].startswith("Claude uses it until ")
    assert "18:00" in rows["desktop"]
    idle = replace(tunnel, state="off", url="", closed_after_hours=8.0)
    assert dict(status_rows({"tunnel": asdict(idle)}))["tunnel"] == "Closed: not used for 8 hours"
    quiet = dict(status_rows(asdict(Status())))
    assert (quiet["tunnel"], quiet["agents"], quiet["desktop"]) == ("", "", "")
