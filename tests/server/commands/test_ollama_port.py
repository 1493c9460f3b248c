"""Ollama's port in `drawbridge doctor` and `drawbridge status`: off, free, taken, listening."""

import json
import os
import socket
from collections.abc import Callable

import pytest

from server.commands.root import run
from server.commands.running.status_rows import status_rows
from server.machine.files.paths import find_folders
from server.machine.instance import Instance, claim
from tests.ports import free_port
from tests.server.commands.conftest import Start

Captured = pytest.CaptureFixture[str]
Settings = Callable[[str], None]


def doctors(capsys: Captured) -> tuple[str, str]:
    """What doctor finds."""
    run(["doctor", "--json", "--port", str(free_port())])
    (row,) = (row for row in json.loads(capsys.readouterr().out) if row["name"] == "Ollama port")
    return row["verdict"], row["words"]


@pytest.mark.usefixtures("home")
def test_it_is_off_unless_it_is_set(capsys: Captured) -> None:
    assert doctors(capsys) == ("ok", "off")


def test_it_is_free_or_taken_by_a_program_that_is_named(settings: Settings, capsys: Captured) -> None:
    port = free_port()
    settings(f"ollama_port = {port}")
    verdict, text = doctors(capsys)
    assert (verdict, text.split(",")[0].removesuffix(" free")) == ("ok", f"127.0.0.1:{port}")
    with socket.create_server(("127.0.0.1", port)):
        verdict, text = doctors(capsys)
    assert (verdict, f"pid {os.getpid()}" in text, text.startswith("does not answer: ")) == ("note", True, True)


def test_a_running_server_says_whether_it_answers(start: Start, capsys: Captured) -> None:
    port = free_port()
    start("serve", "--port", str(free_port()), DRAWBRIDGE_OLLAMA_PORT=str(port)).port()
    verdict, text = doctors(capsys)
    assert (verdict, text.split(",")[0]) == ("ok", f"answers at 127.0.0.1:{port}")
    run(["status"])
    assert f"answers at 127.0.0.1:{port}" in capsys.readouterr().out
    run(["status", "--json"])
    assert json.loads(capsys.readouterr().out)["ollama"]["state"] == "listening"


def test_a_running_server_says_why_it_does_not(start: Start, capsys: Captured) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        start("serve", "--port", str(free_port()), DRAWBRIDGE_OLLAMA_PORT=str(port)).port()
        verdict, text = doctors(capsys)
    assert (verdict, f"pid {os.getpid()}" in text) == ("note", True)
    run(["status", "--json"])
    ollama = json.loads(capsys.readouterr().out)["ollama"]
    assert (ollama["state"], ollama["addresses"]) == ("refused", [])
    assert str(port) in ollama["refused"]


@pytest.mark.usefixtures("home")
def test_a_server_that_does_not_respond_leaves_it_unknown(capsys: Captured) -> None:
    folders = find_folders()
    folders.make()
    with claim(folders.data) as claimed:
        claimed.publish(Instance(5, "127.0.0.1", 1, "t", "1", "http://127.0.0.1:1/v1"))
        assert doctors(capsys)[0] == "note"


@pytest.mark.parametrize(
    ("ollama", "text"),
    [
        ({"state": "off", "addresses": [], "refused": None}, "off"),
        ({"addresses": ["127.0.0.1:11434", "[::1]:11434"]}, "answers at 127.0.0.1:11434, [::1]:11434"),
        ({"addresses": [], "refused": "Port 11434 is taken."}, "does not answer: Port 11434 is taken."),
        (None, ""),
    ],
)
def test_the_table_names_it(ollama: object, text: str) -> None:
    assert dict(status_rows({"ollama": ollama}))["Ollama port"] == text
