"""The running instance and its file, with real files, real locks, and a real killed process."""

import json
import signal
import stat
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from server.errors import AlreadyRunning, DrawbridgeError, StartError
from server.machine.instance import (
    Instance,
    claim,
    read_instance,
    request_end,
    request_status,
    request_stop,
    wait_until_gone,
)

INSTANCE = Instance(
    pid=1234, host="127.0.0.1", port=8082, token="secret-token", version="1", base_url="http://127.0.0.1:8082/v1"
)

_OTHER = """
    import sys, time
    from pathlib import Path
    from server.machine.instance import Instance, claim
    with claim(Path(sys.argv[1])) as held:
        held.publish(Instance(pid=1, host="127.0.0.1", port=9, token="t", version="1", base_url="http://127.0.0.1:9/v1"))
        print("claimed", flush=True)
        sys.stdin.read()
"""


@contextmanager
def other_server(data: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the claim until its input ends."""
    other = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_OTHER), str(data)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "claimed\n"
        yield other
    finally:
        other.communicate(timeout=60)


def test_what_is_published_is_read_and_gone_afterwards(tmp_path: Path) -> None:
    with claim(tmp_path) as held:
        assert read_instance(tmp_path) is None
        held.publish(INSTANCE)
        assert read_instance(tmp_path) == INSTANCE
    assert read_instance(tmp_path) is None
    assert not (tmp_path / "server.json").exists()


def test_the_token_is_for_this_user_only_and_in_no_repr(tmp_path: Path) -> None:
    with claim(tmp_path) as held:
        held.publish(INSTANCE)
        assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}
    assert "secret" not in repr(INSTANCE)


def test_a_second_server_of_the_folder_learns_where_the_first_is(tmp_path: Path) -> None:
    with other_server(tmp_path), pytest.raises(AlreadyRunning) as caught, claim(tmp_path):
        pass
    assert "http://127.0.0.1:9/v1" in str(caught.value)
    assert "drawbridge stop" in str(caught.value)


def test_a_failed_claim_does_not_touch_the_first_servers_file(tmp_path: Path) -> None:
    with other_server(tmp_path):
        with pytest.raises(AlreadyRunning), claim(tmp_path):
            pass
        assert read_instance(tmp_path) is not None


def test_two_folders_have_two_servers(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with other_server(tmp_path / "a"), claim(tmp_path / "b") as held:
        held.publish(INSTANCE)
        first, second = read_instance(tmp_path / "a"), read_instance(tmp_path / "b")
        assert first is not None
        assert first.port == 9
        assert second == INSTANCE


def test_the_file_of_a_killed_server_is_removed_and_is_no_instance(tmp_path: Path) -> None:
    with other_server(tmp_path) as other:
        other.send_signal(signal.SIGKILL)
        other.wait(30)
        assert (tmp_path / "server.json").exists()
        assert read_instance(tmp_path) is None
        assert not (tmp_path / "server.json").exists()
        with claim(tmp_path):
            pass


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}', '{"pid": "x", "port": 1}'])
def test_a_file_that_is_not_ours_is_no_instance(tmp_path: Path, content: str) -> None:
    with claim(tmp_path):
        (tmp_path / "server.json").write_text(content)
        assert read_instance(tmp_path) is None


def test_looking_at_a_folder_that_is_not_there_makes_nothing(tmp_path: Path) -> None:
    assert read_instance(tmp_path / "none") is None
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_hold_a_claim_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError) as caught, claim(tmp_path / "file"):
        pass
    assert str(tmp_path / "file") in str(caught.value)


def test_waiting_for_the_end_of_a_server_is_bounded(tmp_path: Path) -> None:
    with other_server(tmp_path):
        assert not wait_until_gone(tmp_path, 0.05)
    assert wait_until_gone(tmp_path, 20)


class _Server(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, str, str | None]] = []
        self.reply: tuple[int, bytes] = (200, b'{"state": "running"}')


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def _answer(self) -> None:
        self.server.seen.append((self.command, self.path, self.headers["x-drawbridge-token"]))
        status, body = self.server.reply
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = _answer  # noqa: N815 # its names

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[_Server]:
    made = _Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def at(port: int) -> Instance:
    return Instance(pid=7, host="127.0.0.1", port=port, token="secret-token", version="1", base_url="")


def test_status_and_stop_send_the_token_and_bypass_any_proxy(server: _Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    instance = at(server.server_port)
    assert request_status(instance) == {"state": "running"}
    request_stop(instance)
    assert server.seen == [("GET", "/control/status", "secret-token"), ("POST", "/control/quit", "secret-token")]


@pytest.mark.parametrize("reply", [(403, b"{}"), (200, b"hello"), (200, b"[]"), (500, b"")])
def test_a_server_that_answers_something_else_is_an_error_with_its_pid(
    server: _Server, reply: tuple[int, bytes]
) -> None:
    server.reply = reply
    with pytest.raises(DrawbridgeError, match="pid 7") as caught:
        request_status(at(server.server_port))
    assert "secret" not in str(caught.value)


def test_a_server_that_never_answers_is_an_error_in_bounded_time() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf, pytest.raises(DrawbridgeError):
        request_stop(at(deaf.getsockname()[1]), timeout_s=0.05)


def test_the_instance_file_is_replaced_atomically(tmp_path: Path) -> None:
    (tmp_path / "server.json.0123abcd.new").write_text("left by a crash")
    with claim(tmp_path) as held:
        held.publish(INSTANCE)
        assert json.loads((tmp_path / "server.json").read_text())["port"] == 8082
        assert [path.name for path in tmp_path.glob("server.json*")] == ["server.json"]


def test_an_app_without_a_server_can_be_asked_to_quit(tmp_path: Path) -> None:
    assert not request_end(tmp_path)
    with claim(tmp_path) as held:
        assert not held.is_end_requested()
        assert request_end(tmp_path)
        assert held.is_end_requested()
    assert not request_end(tmp_path)
    (tmp_path / "end-asked").touch()
    with claim(tmp_path) as held:
        assert not held.is_end_requested(), "what was asked of one that died is not meant for the next"


def test_an_unused_folder_has_no_instance(tmp_path: Path) -> None:
    assert not request_end(tmp_path / "none")
    assert not (tmp_path / "none").exists()
