"""What is done ahead of a question or past the SDK saves time and changes nothing that arrives."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.claude.protocol.frames import Frame
from server.claude.worker.launch import launch_for
from server.claude.worker.process import CliProcess
from server.claude.worker.session import Session
from server.claude.worker.worker import Worker
from server.conversation.events import Finished, PartDelta
from server.conversation.request import ModelSettings, Profile
from server.machine.guards import guard_for
from server.standin.script import say
from server.standin.server import Standin
from tests.server.claude.conftest import SONNET, Bench, conversation


def asked(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what names the process: its session, and the folder it runs in."""
    messages = [message for message in body["messages"] if message["role"] != "system"]
    return {**body, "metadata": None, "messages": messages}


async def body_of(
    bench: Bench, standin: Standin, guess: ModelSettings | None, settings: ModelSettings
) -> dict[str, Any]:
    assert bench.cli is not None
    launch = launch_for(bench.cli, bench.environment)
    worker = Worker(
        lambda: launch,
        scratch=bench.scratch,
        guard=guard_for(),
        bounds=lambda: bench.bounds,
        likely=None if guess is None else lambda: guess,
    )
    bench.workers.append(worker)
    await worker.boot()
    async for _ in worker.ask(Profile(system="Be terse."), settings, conversation("hi")):
        pass
    return asked(standin.requests[-1].body)


@pytest.mark.parametrize(
    "guess",
    [SONNET, ModelSettings(model="haiku", effort="high", max_tokens=77, stop_sequences=("END",))],
    ids=["right", "wrong"],
)
async def test_settings_ahead_of_the_question_change_no_request(
    bench: Bench, standin: Standin, guess: ModelSettings
) -> None:
    assert await body_of(bench, standin, guess, SONNET) == await body_of(bench, standin, None, SONNET)


class Overheard(CliProcess):
    """A process whose way through the SDK is written down."""

    def frames(self) -> AsyncIterator[Frame]:
        self.heard: list[object] = []
        return self._overhear(super().frames())

    async def _overhear(self, frames: AsyncIterator[Frame]) -> AsyncIterator[Frame]:
        async for frame in frames:
            self.heard.append(frame.get("type"))
            yield frame


async def test_the_pieces_of_an_answer_do_not_pass_through_the_sdk(bench: Bench, standin: Standin) -> None:
    """Its way took a third of all the time that a token costs us; the result still comes through it, and last."""
    assert bench.cli is not None
    standin.script(say(*(f"{number} " for number in range(50))))
    launch = launch_for(bench.cli, bench.environment)
    process = Overheard(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, lambda: bench.bounds)
    try:
        await session.configure(Profile())
        events = [event async for event in session.answer(SONNET, conversation("hi"), lambda limits: None)]
    finally:
        await session.close()
    assert "".join(event.text for event in events if isinstance(event, PartDelta)).split()[-1] == "49"
    assert isinstance(events[-1], Finished)
    assert "result" in process.heard
    assert "stream_event" not in process.heard
