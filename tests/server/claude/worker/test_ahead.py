"""Settings applied in advance, and frames that bypass the SDK, save time and change no request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.claude.protocol.frames import Frame
from server.claude.worker.process import CliProcess
from server.claude.worker.session import Session
from server.conversation.events import Finished, PartDelta
from server.conversation.request import ModelSettings, Profile
from server.machine.processes.guards import guard_for
from server.standin.script import say
from server.standin.server import Standin
from tests.server.claude.conftest import SONNET, Bench, answer, conversation


def without_process(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what names the process: its session, and the folder it runs in."""
    messages = [message for message in body["messages"] if message["role"] != "system"]
    return {**body, "metadata": None, "messages": messages}


async def body_of(
    bench: Bench, standin: Standin, guess: ModelSettings | None, settings: ModelSettings
) -> dict[str, Any]:
    worker = bench.worker(likely=guess)
    await worker.boot()
    async for _ in worker.ask(Profile(system="Be terse."), settings, conversation("hi")):
        pass
    return without_process(standin.requests[-1].body)


@pytest.mark.parametrize(
    "guess",
    [SONNET, ModelSettings(model="haiku", effort="high", max_tokens=77, stop_sequences=("END",))],
    ids=["right", "wrong"],
)
async def test_settings_ahead_of_the_question_change_no_request(
    bench: Bench, standin: Standin, guess: ModelSettings
) -> None:
    assert await body_of(bench, standin, guess, SONNET) == await body_of(bench, standin, None, SONNET)


class RecordedProcess(CliProcess):
    """A process that records the types of the frames that the SDK gets."""

    def sdk_frames(self) -> AsyncIterator[Frame]:
        self.types: list[object] = []
        return self._recorded(super().sdk_frames())

    async def _recorded(self, frames: AsyncIterator[Frame]) -> AsyncIterator[Frame]:
        async for frame in frames:
            self.types.append(frame.get("type"))
            yield frame


async def test_no_frame_of_an_answer_passes_through_the_sdk(bench: Bench, standin: Standin) -> None:
    """The SDK's parsing took a third of our CPU time per token."""
    assert bench.cli is not None
    standin.script(say(*(f"{number} " for number in range(50))))
    launch = bench.launch()
    process = RecordedProcess(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, lambda: bench.bounds)
    try:
        await session.configure(Profile())
        events = [event async for event in answer(session, SONNET, conversation("hi"))]
    finally:
        await session.close()
    assert "".join(event.text for event in events if isinstance(event, PartDelta)).split()[-1] == "49"
    assert isinstance(events[-1], Finished)
    assert set(process.types) <= {"control_response", "control_request"}
