"""Listeners that open, move and close while the server runs: real sockets, real uvicorn, a real thread."""

import http.client
import socket
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from server.config import Config
from server.errors import DrawbridgeError, KeyNeeded, PortTaken
from server.runtime.runner import Runner
from server.status import OllamaStatus, Status
from tests.ports import free_port
from tests.server.fake_server import FakeBackend
from tests.server.runtime.serving import WAIT_S, get, refuses, running, slow_request, wait_for


@pytest.fixture
def backend() -> Iterator[FakeBackend]:
    made = FakeBackend()
    yield made
    made.go()


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
        assert f"127.0.0.1:{ollama}" in runner.status.ollama.addresses
        # The same rules: a proxy's request is refused.
        assert get(ollama, "/status", **{"x-forwarded-for": "1"})[0] == 403
        with pytest.raises(DrawbridgeError, match="taken"):
            runner.apply(replace(runner.config, ollama_port=taken.getsockname()[1]))
        assert get(ollama, "/status")[0] == 200
        runner.apply(replace(runner.config, ollama_port=0))
        wait_for(lambda: refuses(ollama))
        assert runner.status.ollama == OllamaStatus()
        assert len(backend.engines) == 1


def test_a_server_without_ollamas_port_says_why(backend: FakeBackend) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        config = Config(port=0, ollama_port=taken.getsockname()[1])
        with running(backend, config) as runner:
            assert "is taken by" in (runner.status.ollama.refused or "")
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
