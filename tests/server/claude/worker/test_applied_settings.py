import asyncio

import pytest

from server.claude.protocol.frames import Frame
from server.claude.worker.applied_settings import AppliedSettings
from server.claude.worker.process import Bounds
from server.conversation.request import ModelSettings
from server.errors import UnexpectedOutput, WorkerDied


class Process:
    """A process that accepts settings, refuses them, or ends."""

    pid = 1
    plugin = None

    def __init__(self) -> None:
        self.answers: list[asyncio.Future[Frame]] = []
        self.written: list[Frame] = []
        self.error: Exception | None = None

    def control_frame(self, subtype: str, **fields: object) -> tuple[Frame, "asyncio.Future[Frame]"]:
        self.answers.append(asyncio.get_running_loop().create_future())
        return {"subtype": subtype, **fields}, self.answers[-1]

    async def write(self, *frames: Frame) -> None:
        self.written += frames

    async def answer_to(self, answer: "asyncio.Future[Frame]", subtype: str, *, timeout_s: float) -> Frame:
        if self.error is not None:
            raise self.error
        return {}


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def applied(process: Process) -> AppliedSettings:
    return AppliedSettings(process, Bounds)  # type: ignore[arg-type] # a double


LOW, HIGH = ModelSettings(model="sonnet", effort="low"), ModelSettings(model="sonnet", effort="high")


async def test_settings_in_force_are_not_sent_again(applied: AppliedSettings) -> None:
    """Each sending delays the first token by 10 ms."""
    assert await applied.frames_for(LOW)
    await applied.confirmed()
    assert not await applied.frames_for(LOW)
    await applied.confirmed()
    assert await applied.frames_for(HIGH)


async def test_settings_return_to_what_they_were(applied: AppliedSettings) -> None:
    for settings in (LOW, HIGH, LOW):
        assert await applied.frames_for(settings)
        await applied.confirmed()


async def test_unacknowledged_settings_are_sent_again(applied: AppliedSettings) -> None:
    """The request may be cancelled before the process refuses them."""
    assert await applied.frames_for(LOW)
    assert await applied.frames_for(LOW)


async def test_refused_settings_are_not_in_force(applied: AppliedSettings, process: Process) -> None:
    await applied.frames_for(LOW)
    process.error = UnexpectedOutput("no")
    with pytest.raises(UnexpectedOutput):
        await applied.confirmed()
    assert await applied.frames_for(LOW)


async def test_a_right_prediction_leaves_nothing_to_send(applied: AppliedSettings, process: Process) -> None:
    await applied.preset(LOW)
    assert len(process.written) == 1
    assert not await applied.frames_for(LOW)


async def test_settings_refused_in_advance_are_sent_with_the_question(
    applied: AppliedSettings, process: Process
) -> None:
    process.error = UnexpectedOutput("not yet")
    await applied.preset(LOW)
    assert await applied.frames_for(LOW)


async def test_a_process_that_ends_during_the_preset_has_not_booted(applied: AppliedSettings, process: Process) -> None:
    process.error = WorkerDied()
    with pytest.raises(WorkerDied):
        await applied.preset(LOW)
