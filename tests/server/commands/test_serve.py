"""`drawbridge serve` as a program: what it prints, which sockets and files it makes, how it ends."""

import http.client
import json
import re
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from server.commands.serve import _on_signals
from server.config import GRACE_S
from server.machine.files.paths import find_folders
from server.machine.instance import read_instance
from tests.ports import free_port
from tests.server.commands.conftest import Start

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals")
several_loopbacks = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address")


def get(port: int, path: str = "/health", host: str = "127.0.0.1", **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(host, port, timeout=20)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read()


def post(port: int, body: bytes, **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, response.read()


@posix
def test_the_first_line_is_the_address_and_then_it_answers(start: Start) -> None:
    port = free_port()
    program = start("serve", "--port", str(port))
    assert program.first_line() == f"Drawbridge listening on http://127.0.0.1:{port}/v1\n"
    status, body = get(port)
    assert status == 200
    assert json.loads(body)["status"] == "ok"
    code, out, err = program.stop()
    assert (code, out) == (0, "")
    assert "DEMO" not in err


@posix
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_stops_gracefully_and_removes_the_instance_file(start: Start, name: str) -> None:
    program = start("serve", "--port", str(free_port()))
    program.port()
    data = find_folders().data
    assert read_instance(data) is not None
    program.signal(signal.Signals[name])
    code, _, err = program.end()
    assert code == 0
    assert "Traceback" not in err
    assert not (data / "server.json").exists()


@posix
def test_a_running_answer_is_waited_for_and_a_second_ctrl_c_ends_it(start: Start) -> None:
    program = start("serve", "--port", str(free_port()))
    port = program.port()
    body = {"model": "", "stream": True, "messages": [{"role": "user", "content": "slow"}]}
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        assert response.read1(1)
        program.signal(signal.SIGINT)
        assert program.process.stderr is not None
        while "Stopping" not in (line := program.process.stderr.readline()):
            assert line, "it ended without waiting"
        assert program.process.poll() is None
        program.signal(signal.SIGINT)
        assert program.end()[0] == 0


@posix
def test_the_first_signal_gives_grace_the_second_none_and_a_third_is_the_systems() -> None:
    before = signal.getsignal(signal.SIGINT)
    asked: list[float] = []
    with _on_signals(asked.append) as seen:
        signal.raise_signal(signal.SIGINT)
        assert asked == [GRACE_S]
        signal.raise_signal(signal.SIGINT)
        assert asked == [GRACE_S, 0.0]
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert seen == [signal.SIGINT, signal.SIGINT]
    assert signal.getsignal(signal.SIGINT) is before


@posix
def test_a_signal_that_is_ignored_on_purpose_stays_ignored() -> None:
    """As under nohup."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with _on_signals(lambda _: pytest.fail("it was heard")):
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


@posix
def test_a_program_without_streams_serves(start: Start) -> None:
    port = free_port()
    program = start("serve", "--port", str(port), FAKE_WITHOUT_STREAMS="1")
    while read_instance(find_folders().data) is None:
        assert program.process.poll() is None
        time.sleep(0.02)
    assert get(port)[0] == 200
    code, out, err = program.stop()
    assert (code, out, err) == (0, "", "")


@posix
@several_loopbacks
def test_the_configured_host_is_used(start: Start) -> None:
    port = free_port()
    program = start("serve", "--port", str(port), "--host", "127.0.0.2")
    assert program.first_line() == f"Drawbridge listening on http://127.0.0.2:{port}/v1\n"
    assert get(port, host="127.0.0.2")[0] == 200
    with pytest.raises(ConnectionRefusedError):
        get(port)


def test_a_bare_host_variable_has_no_effect(start: Start) -> None:
    program = start("serve", HOST="0.0.0.0", PORT=str(free_port()))
    assert program.port()


def test_a_host_for_others_without_a_key_does_not_start(start: Start) -> None:
    code, out, err = start("serve", "--host", "0.0.0.0").end()
    assert (code, out) == (1, "")
    assert "access key" in err
    assert "Traceback" not in err


def test_clients_must_send_the_key(start: Start) -> None:
    port = start("serve", "--port", str(free_port()), DRAWBRIDGE_API_KEY="sesame").port()
    assert get(port, "/v1/models")[0] == 401
    assert get(port, "/v1/models", authorization="Bearer sesame")[0] == 200


@posix
def test_a_key_on_the_command_line_is_remarked_and_never_repeated(start: Start) -> None:
    program = start("serve", "--port", str(free_port()), "--api-key", "sesame")
    port = program.port()
    assert get(port, "/v1/models")[0] == 401
    _, out, err = program.stop()
    assert "Other users of this computer can read the key" in err
    assert "sesame" not in out + err
    assert "sesame" not in (find_folders().logs / "drawbridge.log").read_text()


def test_a_larger_body_than_the_limit_is_refused(start: Start) -> None:
    port = start("serve", "--port", str(free_port()), "--body-limit-mb", "0.001").port()
    assert post(port, b"{" + b" " * 2000 + b"}")[0] == 413


def test_allowed_hosts_and_origins_are_let_in(start: Start) -> None:
    port = start("serve", "--port", str(free_port())).port()
    assert get(port, Host="my.example")[0] == 403
    assert get(port, Origin="https://my.example")[0] == 403
    other = start(
        *("serve", "--port", str(free_port()), "--data-dir", str(find_folders().data / "second")),
        *("--allowed-hosts", "my.example", "--allowed-origins", "https://my.example"),
    ).port()
    assert get(other, Host="my.example")[0] == 200
    assert get(other, Origin="https://my.example")[0] == 200


@posix
def test_the_log_and_the_data_are_in_the_configured_folders(start: Start, tmp_path: Path) -> None:
    program = start(
        *("serve", "--port", str(free_port())),
        *("--log-dir", str(tmp_path / "my logs"), "--data-dir", str(tmp_path / "my data")),
    )
    program.port()
    assert read_instance(tmp_path / "my data") is not None
    _, _, err = program.stop()
    assert str(tmp_path / "my logs") in err
    assert "listening on 127.0.0.1" in (tmp_path / "my logs" / "drawbridge.log").read_text()
    assert not find_folders().logs.exists()


@posix
def test_the_log_level_decides_whether_an_errors_origin_is_logged(start: Start, tmp_path: Path) -> None:
    for level, expected in (("info", False), ("debug", True)):
        logs = tmp_path / level
        code, _, err = start("serve", "--host", "0.0.0.0", "--log-level", level, "--log-dir", str(logs)).end()
        text = (logs / "drawbridge.log").read_text()
        assert code == 1
        assert "An access key is needed" in text
        assert ("Traceback" in text) is expected
        assert "Traceback" not in err


@posix
@pytest.mark.parametrize("how", [("--demo", None), (None, "DRAWBRIDGE_DEMO")])
def test_a_demo_announces_itself(start: Start, how: tuple[str | None, str | None]) -> None:
    flag, variable = how
    program = start(
        "serve", "--port", str(free_port()), *([flag] if flag else []), **({variable: "1"} if variable else {})
    )
    port = program.port()
    assert json.loads(get(port)[1])["demo"] is True
    assert re.search(r"^DEMO: all answers are made up by Drawbridge", program.stop()[2], re.MULTILINE)


def test_a_taken_port_is_an_error_that_names_its_owner(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, out, err = start("serve", "--port", str(port)).end()
    assert (code, out) == (1, "")
    assert err.startswith(f"The port is taken: Port {port} on 127.0.0.1 is taken by ")


@posix
def test_a_taken_default_port_is_skipped_with_a_remark(start: Start) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            other.bind(("127.0.0.1", 8082))
            other.listen()
        except OSError:
            pass  # another program has it, which is as good
        program = start("serve")
        assert 8082 < program.port() <= 8102
        assert "Port 8082 on" in program.stop()[2]


@posix
def test_a_second_start_reports_the_first_server_and_does_not_disturb_it(start: Start) -> None:
    first = start("serve", "--port", str(free_port()))
    port = first.port()
    code, out, err = start("serve", "--port", str(free_port())).end()
    assert (code, out) == (1, "")
    assert f"http://127.0.0.1:{port}/v1" in err
    assert "drawbridge stop" in err
    assert get(port)[0] == 200
    assert first.stop()[0] == 0


def test_with_another_data_folder_a_second_server_runs_beside_the_first(start: Start, tmp_path: Path) -> None:
    ports = [
        start("serve", "--port", str(free_port()), "--data-dir", str(tmp_path / name)).port() for name in ("a", "b")
    ]
    assert [get(port)[0] for port in ports] == [200, 200]


def test_after_a_kill_the_next_one_starts(start: Start) -> None:
    first = start("serve", "--port", str(free_port()))
    first.port()
    first.process.kill()
    first.end()
    assert start("serve", "--port", str(free_port())).port()


@posix
def test_a_corrupt_settings_file_is_renamed_and_the_server_starts(
    start: Start, settings: Callable[[str], None], home: Path
) -> None:
    settings("port = = 1")
    program = start("serve", "--port", str(free_port()))
    program.port()
    _, _, err = program.stop()
    assert "Line 1 of the settings file" in err
    assert "It was renamed to 'settings.toml.broken-1', and the defaults are used." in err
    (aside,) = home.rglob("settings.toml.broken-1")
    assert aside.read_text() == "port = = 1"


@posix
def test_an_unknown_setting_is_remarked_and_a_wrong_value_stops_it(
    start: Start, settings: Callable[[str], None]
) -> None:
    settings(f"port = {free_port()}\ncolour = 1\n")
    program = start("serve")
    program.port()
    assert "unknown setting 'colour'" in program.stop()[2]
    settings("port = 'many'\n")
    code, _, err = start("serve").end()
    assert code == 1
    assert "The setting 'port' in the settings file takes a number" in err


@posix
def test_edited_settings_apply_at_once_and_an_invalid_one_changes_nothing(
    start: Start, settings: Callable[[str], None]
) -> None:
    port, other = free_port(), free_port()
    settings(f"port = {port}\n")
    program = start("serve")
    assert program.port() == port
    settings(f"port = {port}\npool_size = ")
    assert program.remark("Line 2 of the settings file")
    settings(f"port = {port}\npool_size = 1000\n")
    assert program.remark("takes a number from 1 to 64")
    settings(f"port = {other}\napi_key = 'k'\ndemo = true\n")
    assert program.remark("'demo' takes effect at the next start")
    assert program.remark("are in force")
    assert post(other, b'{"messages": []}')[0] == 401
    instance = read_instance(find_folders().data)
    assert instance is not None
    assert instance.port == other
    assert program.stop()[0] == 0


@posix
def test_drawbridge_without_a_desktop_serves(start: Start) -> None:
    program = start("--port", str(free_port()), "--demo")
    assert get(program.port())[0] == 200
    code, _, err = program.stop()
    assert code == 0
    assert "DEMO" in err
