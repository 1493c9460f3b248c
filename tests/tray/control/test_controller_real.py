"""The controller with the real server and the real Claude Code, as a demo."""

import asyncio
import http.client
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import psutil
import pytest

from server.standin.demo import Demo, open_demo
from server.standin.script import Gate, Hold, say
from server.status import State
from tests.ports import free_port
from tests.tray.control.scenes import MakeScene, several_loopbacks
from tests.tray.scene import WAIT_S, Scene, ask, wait_for
from tests.whole.checked import keep_verdict
from tray.commands import (
    ChangeSetting,
    Quit,
    Restart,
    SetPort,
    SetReach,
    Stop,
)
from tray.model import Fix


@pytest.fixture
def real(make: MakeScene) -> Scene:
    scene = make(f"port = {free_port()}\ndemo = true\npool_size = 2\n", is_real=True)
    # No worker is parked before the self-check.
    asyncio.run(keep_verdict(scene.folders.data))
    scene.running()
    scene.until(lambda shown: shown.status.pool.raw and shown.status.engine.checked)
    return scene


Messages = list[dict[str, str]]


def chat(port: int, messages: Messages, **headers: str) -> tuple[str, str]:
    """Sends a request and appends the answer to `messages`; remessages it with the way of the request."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        heads = {"content-type": "application/json", **headers}
        connection.request(
            "POST", "/v1/chat/completions", json.dumps({"model": "x", "messages": messages}).encode(), heads
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
        assert response.status == 200, answer
    content = answer["choices"][0]["message"]["content"]
    messages.append({"role": "assistant", "content": content})
    return content, response.headers["x-drawbridge-way"]


def test_a_conversation_continues_over_changes_of_port_size_and_model(real: Scene) -> None:
    workers = {child.pid for child in psutil.Process().children(recursive=True)}
    messages = [{"role": "user", "content": "one"}]
    chat(real.port, messages)
    real.until(lambda shown: shown.status.pool.parked == 1)
    new = free_port()
    real.post(SetPort(new), ChangeSetting("pool_size", 4))
    real.until(lambda shown: shown.status.pool.size == 4 and shown.port == new)
    messages.append({"role": "user", "content": "two"})
    assert chat(new, messages)[1] == "continued"
    real.post(ChangeSetting("model", "opus"))
    real.until(lambda shown: shown.status.model == "opus")
    assert "opus" in chat(new, [{"role": "user", "content": "three"}])[0]
    assert workers & {child.pid for child in psutil.Process().children(recursive=True)}
    assert len(real.runners) == 1


@several_loopbacks
def test_the_real_server_requires_the_key_at_every_address_of_others(real: Scene) -> None:
    port, messages = real.port, [{"role": "user", "content": "hello"}]
    real.post(SetReach(open=True))
    real.until(lambda shown: shown.reach.addresses)
    body = {"model": "x", "messages": messages}
    for host, status in (("127.0.0.1", 200), ("127.0.0.2", 401)):
        assert ask(port, "/v1/chat/completions", host=host, body=body)[0] == status
        given = {"authorization": f"Bearer {real.memory.key}"}
        assert ask(port, "/v1/chat/completions", host=host, body=body, **given)[0] == 200


def test_a_missing_claude_code_is_a_problem_with_a_fix_and_no_crash(make: MakeScene) -> None:
    scene = make(f"port = {free_port()}\ndemo = true\ncli_path = '/nowhere/claude'\n", is_real=True).running()
    shown = scene.until(lambda shown: shown.problem is not None)
    assert shown.problem is not None
    assert (shown.problem.title, shown.problem.fix) == ("Claude Code was not found", Fix.SETTINGS)
    assert (shown.status.state, len(scene.runners)) == (State.RUNNING, 1)


def test_a_restart_and_a_stop_leave_no_process_of_the_earlier_server(real: Scene) -> None:
    def workers() -> set[int]:
        return {child.pid for child in psutil.Process().children(recursive=True)}

    before = workers()
    assert before
    real.post(Restart())
    wait_for(lambda: len(real.runners) == 2)
    real.until(lambda shown: shown.status.state is State.RUNNING and shown.status.pool.raw)
    wait_for(lambda: not before & workers())
    real.post(Stop())
    real.until(lambda shown: shown.status.state is State.STOPPED)
    wait_for(lambda: not workers())


class HalfAnswered:
    """Demos whose answers pause in the middle until `go`."""

    def __init__(self) -> None:
        self._gate = Gate()

    @asynccontextmanager
    async def open_demo(self) -> AsyncIterator[Demo]:
        self._loop = asyncio.get_running_loop()
        async with open_demo() as demo:
            demo.standin.script(lambda _: say("a long", Hold(self._gate), " story"))
            yield demo

    def go(self) -> None:
        self._loop.call_soon_threadsafe(self._gate.open)


@pytest.fixture
def half_answered(monkeypatch: pytest.MonkeyPatch) -> HalfAnswered:
    """Must be requested before `real`."""
    half_answered = HalfAnswered()
    monkeypatch.setattr("server.runtime.engine.open_demo", half_answered.open_demo)
    return half_answered


def test_quit_counts_the_answers_in_progress_and_lets_a_real_one_finish(
    half_answered: HalfAnswered, real: Scene
) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", real.port, timeout=60)) as connection:
        body = {"model": "x", "stream": True, "messages": [{"role": "user", "content": "tell me a story"}]}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), {"content-type": "application/json"})
        response = connection.getresponse()
        begun = response.read1(20)
        assert begun
        real.until(lambda shown: shown.status.pool.answering == 1)
        real.post(Quit())
        real.until(lambda shown: shown.is_quitting)
        half_answered.go()
        whole = response.read()
        assert b" story" in whole
        assert whole.rstrip().endswith(b"data: [DONE]")
    assert real.controller.wait(WAIT_S)
    assert "1 answer has up to 10 s" in real.until_notified("quitting").text


def test_an_app_with_a_stopped_server_can_be_told_to_end(scene: Scene) -> None:
    scene.post(Stop())
    scene.until(lambda shown: shown.status.state is State.STOPPED)
    scene.pass_time(10)
    assert not scene.controller.wait(0)
    scene.is_end_requested = True
    scene.pass_time(10)
    assert scene.controller.wait(WAIT_S)
    assert scene.screen.stopped.is_set()
