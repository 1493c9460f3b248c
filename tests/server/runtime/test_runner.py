"""The server's life with a small application in place of ours: real sockets, real uvicorn, a real thread."""

import http.client
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from server.config import Config
from server.desktop_tools.current import ComputerRefused
from server.errors import CliMissing, DrawbridgeError, KeyNeeded, PortTaken, SettingsInvalid, ShuttingDown, StartError
from server.runtime.runner import Runner
from server.status import State, Status
from tests.server.desktop_tools.fake_desktop import FakeDesktop
from tests.server.fake_server import FakeBackend
from tests.server.runtime.serving import WAIT_S, get, refuses, running, slow_request, wait_for


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    made = FakeBackend()
    yield made
    made.go()


def test_a_started_server_answers_on_both_loopbacks_and_publishes_its_addresses(backend: FakeBackend) -> None:
    with running(backend) as runner:
        port = runner.listeners.port
        assert get(port, "/status") == (
            200,
            {"state": "running", "base_url": f"http://127.0.0.1:{port}/v1", "key": None},
        )
        assert get(port, "/status", host="::1")[0] == 200
        assert runner.status.addresses == (f"127.0.0.1:{port}", f"[::1]:{port}")
    assert refuses(port)
    assert not backend.engines[0].is_open


def test_every_state_is_published_once_and_in_order(backend: FakeBackend) -> None:
    seen: list[Status] = []
    with running(backend, on_status=seen.append):
        pass
    assert [status.state for status in seen] == [State.STARTING, State.RUNNING, State.STOPPING, State.STOPPED]
    assert [status.base_url is None for status in seen] == [False, False, False, True]


def test_a_taken_port_is_an_error_of_start_and_nothing_is_opened(backend: FakeBackend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = Config(port=other.getsockname()[1], sources={"port": "flag"})
        with pytest.raises(PortTaken), running(backend, config):
            pass
    assert not backend.engines


def test_a_listener_for_other_devices_requires_a_key(backend: FakeBackend) -> None:
    with pytest.raises(KeyNeeded), running(backend, Config(host="0.0.0.0", port=0)):
        pass
    assert not backend.opening.is_set()


def test_a_listener_for_other_devices_comes_with_a_local_one_for_the_commands(backend: FakeBackend) -> None:
    with running(backend, Config(host="0.0.0.0", port=0, api_key="k")) as runner:
        listeners = runner.listeners
        assert listeners.port != listeners.control[1]
        assert get(listeners.port, "/status")[0] == 401
        assert get(listeners.port, "/status", authorization="Bearer k")[0] == 200
        # A forwarding header is refused on the local listener only, so each socket has its own policy.
        assert get(listeners.port, "/status", authorization="Bearer k", **{"x-forwarded-for": "1"})[0] == 200
        assert get(listeners.control[1], "/status", authorization="Bearer k", **{"x-forwarded-for": "1"})[0] == 403


@pytest.mark.parametrize("error", [CliMissing(), OSError("no room"), SystemExit(3)])
def test_start_raises_the_error_of_the_engine(backend: FakeBackend, error: BaseException) -> None:
    backend.fails = error
    seen: list[Status] = []
    with (
        pytest.raises(CliMissing if isinstance(error, CliMissing) else StartError) as caught,
        running(backend, on_status=seen.append),
    ):
        pass
    assert isinstance(caught.value, DrawbridgeError)
    assert seen[-1].state is State.FAILED
    assert seen[-1].trouble


def test_a_failed_start_frees_the_port(backend: FakeBackend) -> None:
    backend.fails = CliMissing()
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    with pytest.raises(CliMissing), running(backend, Config(port=port, sources={"port": "flag"})):
        pass
    backend.fails = None
    with running(backend, Config(port=port, sources={"port": "flag"})) as runner:
        assert runner.listeners.port == port


def test_a_running_answer_finishes_within_the_grace(backend: FakeBackend) -> None:
    with running(backend) as runner, slow_request(runner.listeners.port) as response:
        runner.stop(20)
        backend.go()
        assert response.read() == b"ended"
        assert runner.wait(WAIT_S)
    assert backend.ends == ["whole"]


def test_an_answer_over_the_grace_is_cancelled_and_cleaned_up_before_the_engine_closes(backend: FakeBackend) -> None:
    with running(backend) as runner, slow_request(runner.listeners.port) as response:
        runner.stop(0.1)
        with pytest.raises((http.client.HTTPException, OSError)):
            response.read()
        assert runner.wait(WAIT_S)
    assert backend.ends == ["cancelled", "tidy, engine open"]


def test_a_second_stop_ends_running_answers_at_once(backend: FakeBackend) -> None:
    with running(backend) as runner, slow_request(runner.listeners.port) as response:
        runner.stop(1000)
        runner.stop(1000)
        assert not runner.wait(0.3)
        runner.stop(0)
        with pytest.raises((http.client.HTTPException, OSError)):
            response.read()
        assert runner.wait(WAIT_S)


def test_a_client_that_does_not_read_cannot_hold_the_server(backend: FakeBackend) -> None:
    with running(backend) as runner, slow_request(runner.listeners.port):
        runner.stop(0)
        assert runner.wait(WAIT_S)


def test_a_request_may_stop_the_server_and_still_gets_its_answer(backend: FakeBackend) -> None:
    with running(backend) as runner:
        assert get(runner.listeners.port, "/stop")[0] == 200
        assert runner.wait(WAIT_S)
        assert runner.status.state is State.STOPPED


def test_stop_while_it_opens_ends_it(backend: FakeBackend) -> None:
    backend.hangs = True

    def stop_soon() -> None:
        backend.opening.wait(WAIT_S)
        runners[0].stop()

    runners: list[Runner] = []
    runner = Runner(Config(port=0), token="t", open_engine=backend.open_engine, create_app=backend.create_app)
    runners.append(runner)
    stopper = threading.Thread(target=stop_soon)
    stopper.start()
    runner.start()
    stopper.join()
    assert runner.wait(WAIT_S)
    assert runner.status.state is State.STOPPED


def test_settings_apply_to_the_running_server(backend: FakeBackend) -> None:
    seen: list[Status] = []
    with running(backend, on_status=seen.append) as runner:
        port = runner.listeners.port
        assert get(port, "/status")[0] == 200
        runner.apply(replace(runner.config, api_key="k", pool_size=6, model="opus"))
        assert get(port, "/status")[0] == 401
        assert get(port, "/status", authorization="Bearer k") == (
            200,
            {"state": "running", "base_url": f"http://127.0.0.1:{port}/v1", "key": "k"},
        )
        assert (seen[-1].pool.size, seen[-1].model, seen[-1].key_required) == (6, "opus", True)


@pytest.mark.parametrize("change", [{"host": "0.0.0.0", "api_key": "k"}, {"demo": True}])
def test_what_needs_a_restart_is_refused_and_changes_nothing(backend: FakeBackend, change: dict[str, Any]) -> None:
    with running(backend) as runner:
        before = runner.config
        with pytest.raises(SettingsInvalid):
            runner.apply(replace(before, **change, pool_size=6))
        assert runner.config is before


def test_the_key_cannot_be_removed_while_other_devices_can_connect(backend: FakeBackend) -> None:
    with running(backend, Config(host="0.0.0.0", port=0, api_key="k")) as runner, pytest.raises(KeyNeeded):
        runner.apply(replace(runner.config, api_key=None))


def test_wait_raises_the_error_of_a_listener_that_closes_by_itself(backend: FakeBackend) -> None:
    with pytest.raises(StartError), running(backend) as runner:  # noqa: PT012
        next(iter(runner._listener_set._open.values())).should_exit = True  # type: ignore[union-attr] # it runs
        runner.wait(WAIT_S)
    assert runner.status.state is State.FAILED


def test_the_owner_of_the_server_decides_about_a_requested_stop(backend: FakeBackend) -> None:
    asked = threading.Event()
    with running(backend, on_stop_requested=asked.set) as runner:
        assert get(runner.listeners.port, "/stop")[0] == 200
        assert asked.wait(WAIT_S)
        assert get(runner.listeners.port, "/status")[0] == 200


def test_several_changes_of_the_status_are_published_as_one(backend: FakeBackend) -> None:
    seen: list[Status] = []
    with running(backend, on_status=seen.append) as runner:
        count = len(seen)
        engine = backend.engines[0]
        engine.config = replace(engine.config, model="opus")
        for _ in range(5):
            runner._loop.call_soon_threadsafe(engine.on_change)  # type: ignore[union-attr] # it runs
        wait_for(lambda: len(seen) > count)
        assert [status.model for status in seen[count:]] == ["opus"]


def test_a_sign_in_is_the_engines_and_ends_with_the_server(backend: FakeBackend) -> None:
    urls: list[str] = []
    with running(backend) as runner:
        assert runner.sign_in("claudeai", urls.append).result(30).email == "a@example.org"
        assert urls == ["https://example.org/sign-in"]
    with pytest.raises(ShuttingDown):
        runner.sign_in("claudeai")


def test_the_desktop_is_used_until_it_is_stopped_from_another_thread(backend: FakeBackend) -> None:
    seen: list[Status] = []
    desktop = FakeDesktop()
    with running(backend, Config(port=0, computer_use=True), on_status=seen.append) as runner:
        runner.start_computer_use(desktop).result(30)
        wait_for(lambda: seen[-1].computer.is_on)
        with pytest.raises(ComputerRefused):
            runner.start_computer_use(FakeDesktop()).result(30)
        runner.stop_computer_use("hot key")
        wait_for(lambda: "hot key" in seen[-1].computer.ended)
        wait_for(lambda: len(desktop.closings) == 1)
    with pytest.raises(ShuttingDown):
        runner.start_computer_use(desktop)


def test_turning_the_setting_off_or_stopping_the_server_ends_the_use_of_the_desktop(backend: FakeBackend) -> None:
    config = Config(port=0, computer_use=True)
    first, second = FakeDesktop(), FakeDesktop()
    with running(backend, config) as runner:
        runner.start_computer_use(first).result(30)
        runner.apply(replace(config, computer_use=False))
        wait_for(lambda: "setting" in runner.status.computer.ended)
        wait_for(lambda: len(first.closings) == 1)
        runner.apply(config)
        runner.start_computer_use(second).result(30)
        with slow_request(runner.listeners.port):
            runner.stop(30)
            # It does not wait for the answers that run.
            wait_for(lambda: len(second.closings) == 1)
            assert backend.engines[0].is_open
            backend.go()


def test_many_starts_and_stops_leave_no_thread_and_no_socket(backend: FakeBackend) -> None:
    threads = threading.active_count()
    for _ in range(12):
        with running(backend) as runner:
            port = runner.listeners.port
        assert refuses(port)
    assert threading.active_count() <= threads
