"""What a runner does before it answers the first request."""

from collections.abc import Callable

import pytest

from server.config import Config
from server.errors import StartError
from server.machine.network.sockets import Listeners
from server.runtime.listening.listeners import ListenerSet
from server.runtime.runner import Runner
from tests.server.fake_server import FakeBackend

WAIT_S = 60.0


@pytest.fixture
def backend() -> FakeBackend:
    return FakeBackend()


def create_runner(backend: FakeBackend, on_open: Callable[[Listeners], None]) -> Runner:
    return Runner(
        Config(port=0), token="t", open_engine=backend.open_engine, create_app=backend.create_app, on_open=on_open
    )


def test_the_addresses_are_published_before_a_request_is_answered(
    backend: FakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    change = ListenerSet.change

    async def noted(self: ListenerSet, listeners: Listeners, *, grace_s: float) -> None:
        steps.append("opened")
        await change(self, listeners, grace_s=grace_s)

    monkeypatch.setattr(ListenerSet, "change", noted)
    runner = create_runner(backend, lambda listeners: steps.append(f"published {listeners.port}"))
    runner.start()
    assert steps == [f"published {runner.listeners.port}", "opened"]
    runner.stop(0)
    assert runner.wait(WAIT_S)


def test_addresses_that_cannot_be_published_prevent_the_start(backend: FakeBackend) -> None:
    def publish(listeners: Listeners) -> None:
        raise StartError(f"{listeners.base_url} cannot be written down.")

    runner = create_runner(backend, publish)
    with pytest.raises(StartError, match="cannot be written down"):
        runner.start()
    assert not backend.engines[0].is_open
