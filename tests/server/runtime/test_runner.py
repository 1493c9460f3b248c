"""The server's life with a small application in place of ours: real sockets, real uvicorn, a real thread."""

import http.client
import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.config import Config
from server.errors import CliMissing, DrawbridgeError, KeyNeeded, PortTaken, SettingsInvalid, ShuttingDown, StartError
from server.machine.files.paths import Folders
from server.runtime.runner import Runner
from server.status import State, Status
from tests.ports import free_port
from tests.server.fake_server import FakeBackend

WAIT_S = 60.0


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    made = FakeBackend()
    yield made
    made.go()


@contextmanager
def running(backend: FakeBackend, config: Config | None = None, **more: Any) -> Iterator[Runner]:
    runner = Runner(
        config or Config(port=0),
        token="t",
        folders=Folders(Path("/nowhere"), Path("/nowhere"), Path("/nowhere")),
        open_engine=backend.open_engine,
        create_app=backend.create_app,
        **more,
    )
    runner.start()
    try:
        yield runner
    finally:
        backend.go()
        runner.stop(0)
        assert runner.wait(WAIT_S)


def get(port: int, path: str, host: str = "127.0.0.1", **headers: str) -> tuple[int, dict[str, Any]]:
    with closing(http.client.HTTPConnection(host, port, timeout=WAIT_S)) as connection:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@contextmanager
def slow_request(port: int) -> Iterator[http.client.HTTPResponse]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)) as connection:
        connection.request("GET", "/slow")
        response = connection.getresponse()
        assert response.read1(6) == b"begun "
        yield response


def wait_for(condition: Callable[[], bool]) -> None:
    """Waits, bounded, for what another thread does."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def refuses(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except ConnectionRefusedError:
        return True
    return False


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


several_loopbacks = pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no second loopback address")


def given(port: int, **more: Any) -> Config:
    """Settings with a configured port."""
    return Config(port=port, sources={"port": "settings file"}, **more)


def test_another_port_is_open_when_apply_returns_and_the_engine_is_the_same(backend: FakeBackend) -> None:
    seen: list[Status] = []
    with running(backend, on_status=seen.append) as runner:
        old, new = runner.listeners.port, free_port()
        runner.apply(replace(given(new), pool_size=6))
        assert get(new, "/status") == (200, {"state": "running", "base_url": f"http://127.0.0.1:{new}/v1", "key": None})
        wait_for(lambda: refuses(old))
        assert len(backend.engines) == 1
        assert (backend.engines[0].config.pool_size, seen[-1].base_url) == (6, f"http://127.0.0.1:{new}/v1")
    assert refuses(new)


def test_an_answer_on_the_old_port_finishes(backend: FakeBackend) -> None:
    with running(backend) as runner, slow_request(runner.listeners.port) as response:
        old, new = runner.listeners.port, free_port()
        runner.apply(given(new))
        wait_for(lambda: refuses(old))
        assert get(new, "/status")[0] == 200
        backend.go()
        assert response.read() == b"ended"
    assert backend.ends == ["whole"]


def test_stopping_the_server_cancels_answers_on_an_old_port(backend: FakeBackend) -> None:
    with running(backend) as runner, slow_request(runner.listeners.port) as response:
        runner.apply(given(free_port()))
        runner.stop(0.1)
        with pytest.raises((http.client.HTTPException, OSError)):
            response.read()
        assert runner.wait(WAIT_S)
    assert backend.ends == ["cancelled", "tidy, engine open"]


def test_a_taken_port_changes_nothing(backend: FakeBackend) -> None:
    with running(backend) as runner, socket.create_server(("127.0.0.1", 0)) as other:
        before, listeners = runner.config, runner.listeners
        with pytest.raises(PortTaken, match=r"is taken by .*pid"):
            runner.apply(given(other.getsockname()[1], pool_size=6))
        assert (runner.config, runner.listeners) == (before, listeners)
        assert get(listeners.port, "/status")[0] == 200


def test_the_port_can_be_changed_while_it_opens(backend: FakeBackend) -> None:
    backend.hangs = True
    port = free_port()
    runner = Runner(Config(port=0), token="t", open_engine=backend.open_engine, create_app=backend.create_app)
    runner.begin()
    assert backend.opening.wait(WAIT_S)
    runner.apply(given(port))
    assert runner.status.base_url == f"http://127.0.0.1:{port}/v1"
    runner.stop(0)
    assert runner.wait(WAIT_S)
    assert refuses(port)


@several_loopbacks
def test_the_network_gets_a_listener_only_with_a_key(backend: FakeBackend) -> None:
    with running(backend, hosts=lambda: ("127.0.0.2",)) as runner:
        port = runner.listeners.port
        with pytest.raises(KeyNeeded):
            runner.apply(replace(runner.config, reach="lan"))
        assert get(port, "/status")[0] == 200
        runner.apply(replace(runner.config, reach="lan", api_key="k"))
        assert runner.status.lan_addresses == (f"127.0.0.2:{port}",)
        assert get(port, "/status", host="127.0.0.2")[0] == 401
        # Each socket has its own policy: only the network's lets a proxy's word pass, and the same engine answers.
        heads = {"authorization": "Bearer k", "x-forwarded-for": "1"}
        assert get(port, "/status", host="127.0.0.2", **heads)[0] == 200
        assert get(port, "/status", **heads)[0] == 403
        runner.apply(replace(runner.config, reach="local", api_key=None))
        wait_for(lambda: refuses(port, "127.0.0.2"))
        assert (get(port, "/status")[0], len(backend.engines)) == (200, 1)


def test_ollamas_port_opens_and_closes_while_the_server_runs(backend: FakeBackend) -> None:
    with running(backend) as runner, socket.create_server(("127.0.0.1", 0)) as taken:
        ollama = free_port()
        runner.apply(replace(runner.config, ollama_port=ollama))
        assert get(ollama, "/status")[0] == get(runner.listeners.port, "/status")[0] == 200
        assert f"127.0.0.1:{ollama}" in runner.status.addresses
        # The same rules: a proxy's request is refused.
        assert get(ollama, "/status", **{"x-forwarded-for": "1"})[0] == 403
        with pytest.raises(DrawbridgeError, match="taken"):
            runner.apply(replace(runner.config, ollama_port=taken.getsockname()[1]))
        assert get(ollama, "/status")[0] == 200
        runner.apply(replace(runner.config, ollama_port=0))
        wait_for(lambda: refuses(ollama))
        assert len(backend.engines) == 1


def test_a_server_without_ollamas_port_says_why(backend: FakeBackend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = Config(port=0, ollama_port=taken.getsockname()[1])
        with running(backend, config) as runner:
            assert "is taken by" in (runner.status.ollama_refused or "")
            assert get(runner.listeners.port, "/status")[0] == 200


def test_a_start_with_a_listener_for_the_network_requires_a_key(backend: FakeBackend) -> None:
    with pytest.raises(KeyNeeded), running(backend, Config(port=0, reach="lan")):
        pass


@several_loopbacks
def test_the_network_listeners_follow_the_addresses_of_this_computer(backend: FakeBackend) -> None:
    hosts = ["127.0.0.2"]
    with running(backend, Config(port=0, reach="lan", api_key="k"), hosts=lambda: tuple(hosts)) as runner:
        port = runner.listeners.port
        hosts[:] = ["127.0.0.3"]
        runner.follow_network()
        assert runner.status.lan_addresses == (f"127.0.0.3:{port}",)
        assert get(port, "/status", host="127.0.0.3")[0] == 401
        wait_for(lambda: refuses(port, "127.0.0.2"))
        before = runner.listeners
        runner.follow_network()
        assert runner.listeners is before


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


def test_many_starts_and_stops_leave_no_thread_and_no_socket(backend: FakeBackend) -> None:
    threads = threading.active_count()
    for _ in range(12):
        with running(backend) as runner:
            port = runner.listeners.port
        assert refuses(port)
    assert threading.active_count() <= threads
