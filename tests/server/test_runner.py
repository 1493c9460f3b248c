"""The server's life with a small application in place of ours: real sockets, real uvicorn, a real thread."""

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.config import Config
from server.errors import CliMissing, DrawbridgeError, KeyNeeded, PortTaken, SettingsInvalid, StartError
from server.machine.paths import Folders
from server.runner import Runner
from server.status import State, Status
from tests.server.house import House


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.go()


@contextmanager
def running(house: House, config: Config | None = None, **more: Any) -> Iterator[Runner]:
    runner = Runner(
        config or Config(port=0),
        token="t",
        folders=Folders(Path("/nowhere"), Path("/nowhere"), Path("/nowhere")),
        open_services=house.open_services,
        create_app=house.create_app,
        **more,
    )
    runner.start()
    try:
        yield runner
    finally:
        house.go()
        runner.stop(0)
        assert runner.wait(20)


def get(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection(host, port, timeout=10)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@contextmanager
def slow_request(port: int) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=20)) as connection:
        connection.request("GET", "/slow")
        response = connection.getresponse()
        assert response.read1(6) == b"begun "
        yield response


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_started_server_answers_on_both_loopbacks_and_says_where(house: House) -> None:
    with running(house) as runner:
        port = runner.listeners.port
        assert get(port, "/status") == (
            200,
            {"state": "running", "base_url": f"http://127.0.0.1:{port}/v1", "key": None},
        )
        assert get(port, "/status", host="::1")[0] == 200
        assert runner.status.addresses == (f"127.0.0.1:{port}", f"[::1]:{port}")
    assert refuses(port)
    assert not house.engines[0].is_open


def test_every_state_is_published_once_and_in_order(house: House) -> None:
    seen: list[Status] = []
    with running(house, on_status=seen.append):
        pass
    assert [status.state for status in seen] == [State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED]
    assert [status.base_url is None for status in seen] == [False, False, False, True]


def test_a_taken_port_is_an_error_of_start_and_nothing_is_opened(house: House) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = Config(port=other.getsockname()[1], sources={"port": "flag"})
        with pytest.raises(PortTaken), running(house, config):
            pass
    assert not house.engines


def test_a_door_to_others_needs_a_key(house: House) -> None:
    with pytest.raises(KeyNeeded), running(house, Config(host="0.0.0.0", port=0)):
        pass
    assert not house.opening.is_set()


def test_a_door_to_others_comes_with_a_local_one_for_the_commands(house: House) -> None:
    with running(house, Config(host="0.0.0.0", port=0, api_key="k")) as runner:
        listeners = runner.listeners
        assert listeners.port != listeners.control[1]
        assert get(listeners.port, "/status")[0] == 401
        assert get(listeners.port, "/status", authorization="Bearer k")[0] == 200
        # A forwarding header is refused on the local door alone: so the two sockets have their own policies.
        assert get(listeners.port, "/status", authorization="Bearer k", **{"x-forwarded-for": "1"})[0] == 200
        assert get(listeners.control[1], "/status", authorization="Bearer k", **{"x-forwarded-for": "1"})[0] == 403


@pytest.mark.parametrize("error", [CliMissing(), OSError("no room"), SystemExit(3)])
def test_what_keeps_it_from_opening_comes_to_the_caller_of_start(house: House, error: BaseException) -> None:
    house.fails = error
    seen: list[Status] = []
    with (
        pytest.raises(CliMissing if isinstance(error, CliMissing) else StartError) as caught,
        running(house, on_status=seen.append),
    ):
        pass
    assert isinstance(caught.value, DrawbridgeError)
    assert seen[-1].state is State.FAILED
    assert seen[-1].trouble


def test_a_failed_start_frees_the_port(house: House) -> None:
    house.fails = CliMissing()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    with pytest.raises(CliMissing), running(house, Config(port=port, sources={"port": "flag"})):
        pass
    house.fails = None
    with running(house, Config(port=port, sources={"port": "flag"})) as runner:
        assert runner.listeners.port == port


def test_a_running_answer_ends_whole_within_the_grace(house: House) -> None:
    with running(house) as runner, slow_request(runner.listeners.port) as response:
        runner.stop(20)
        house.go()
        assert response.read() == b"ended"
        assert runner.wait(20)
    assert house.ends == ["whole"]


def test_an_answer_over_the_grace_is_cancelled_and_tidied_up_before_the_services_close(house: House) -> None:
    with running(house) as runner, slow_request(runner.listeners.port) as response:
        runner.stop(0.1)
        with pytest.raises((http.client.HTTPException, OSError)):
            response.read()
        assert runner.wait(20)
    assert house.ends == ["cancelled", "tidy, engine open"]


def test_a_second_stop_ends_running_answers_at_once(house: House) -> None:
    with running(house) as runner, slow_request(runner.listeners.port) as response:
        runner.stop(1000)
        runner.stop(1000)
        assert not runner.wait(0.3)
        runner.stop(0)
        with pytest.raises((http.client.HTTPException, OSError)):
            response.read()
        assert runner.wait(20)


def test_a_client_that_does_not_read_cannot_hold_the_server(house: House) -> None:
    with running(house) as runner, slow_request(runner.listeners.port):
        runner.stop(0)
        assert runner.wait(20)


def test_a_request_may_stop_the_server_and_still_gets_its_answer(house: House) -> None:
    with running(house) as runner:
        assert get(runner.listeners.port, "/stop")[0] == 200
        assert runner.wait(20)
        assert runner.status.state is State.STOPPED


def test_stop_while_it_opens_ends_it(house: House) -> None:
    house.hangs = True

    def stop_soon() -> None:
        house.opening.wait(10)
        runners[0].stop()

    runners: list[Runner] = []
    runner = Runner(Config(port=0), token="t", open_services=house.open_services, create_app=house.create_app)
    runners.append(runner)
    stopper = threading.Thread(target=stop_soon)
    stopper.start()
    runner.start()
    stopper.join()
    assert runner.wait(20)
    assert runner.status.state is State.STOPPED


def test_settings_apply_to_the_running_server(house: House) -> None:
    seen: list[Status] = []
    with running(house, on_status=seen.append) as runner:
        port = runner.listeners.port
        assert get(port, "/status")[0] == 200
        runner.apply(replace(runner.config, api_key="k", pool_size=6, model="opus"))
        assert get(port, "/status")[0] == 401
        assert get(port, "/status", authorization="Bearer k") == (
            200,
            {"state": "running", "base_url": f"http://127.0.0.1:{port}/v1", "key": "k"},
        )
        assert (seen[-1].pool.size, seen[-1].model, seen[-1].key_required) == (6, "opus", True)


@pytest.mark.parametrize("change", [{"port": 1}, {"host": "::1"}, {"demo": True}])
def test_what_needs_a_restart_is_refused_and_changes_nothing(house: House, change: dict[str, Any]) -> None:
    with running(house) as runner:
        before = runner.config
        with pytest.raises(SettingsInvalid):
            runner.apply(replace(before, **change, pool_size=6))
        assert runner.config is before


def test_the_key_of_a_door_to_others_cannot_be_taken_away(house: House) -> None:
    with running(house, Config(host="0.0.0.0", port=0, api_key="k")) as runner, pytest.raises(KeyNeeded):
        runner.apply(replace(runner.config, api_key=None))


def test_a_door_that_closes_by_itself_is_a_failure_that_wait_raises(house: House) -> None:
    with pytest.raises(StartError), running(house) as runner:  # noqa: PT012
        runner._doors[0].should_exit = True
        runner.wait(20)
    assert runner.status.state is State.FAILED


def test_many_starts_and_stops_leave_no_thread_and_no_socket(house: House) -> None:
    threads = threading.active_count()
    for _ in range(12):
        with running(house) as runner:
            port = runner.listeners.port
        assert refuses(port)
    assert threading.active_count() == threads
