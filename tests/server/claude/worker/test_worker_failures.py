"""Failures, cuts and deaths of a worker of the real CLI."""

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.conversation.events import PartDelta
from server.conversation.request import ModelSettings, Profile
from server.errors import (
    AnswerCut,
    BodyTooLarge,
    CliFailed,
    CliMissing,
    DrawbridgeError,
    PermissionRefused,
    PromptTooLong,
    SignInNeeded,
    UpstreamDown,
    UpstreamRefused,
    UpstreamUnknown,
    UsageLimit,
    WorkerDied,
    WorkerSilent,
)
from server.standin import script as say_
from server.standin.script import Cut, Drop, Gate, Hold, Reply, StreamError, refuse, say
from server.standin.server import Standin
from tests.server.claude.conftest import Bench, conversation
from tests.server.claude.worker.test_worker import text_of
from tests.server.standin.proxy import BAD_GATEWAY

FAILURES: list[tuple[Any, type[DrawbridgeError], int]] = [
    (refuse(400, "messages.0: something about it"), UpstreamRefused, 400),
    (refuse(400, "prompt is too long: 210000 tokens > 200000 maximum"), PromptTooLong, 0),
    (refuse(401), SignInNeeded, 401),
    (refuse(403), PermissionRefused, 403),
    (refuse(404, "model: nonsense"), UpstreamUnknown, 404),
    (refuse(413), BodyTooLarge, 0),
    (refuse(429), UsageLimit, 429),
    (refuse(500), UpstreamDown, 500),
    (refuse(529), UpstreamDown, 529),
    (BAD_GATEWAY, UpstreamDown, 0),
    (Drop(), UpstreamDown, 0),
    (Drop(reset=True), UpstreamDown, 0),
]


@pytest.mark.parametrize(("answer", "expected", "status"), FAILURES, ids=lambda value: repr(value)[:40])
async def test_a_failure_upstream_is_a_typed_error_and_never_an_answer(
    bench: Bench, standin: Standin, answer: Any, expected: type[DrawbridgeError], status: int
) -> None:
    standin.script(lambda recorded: answer)
    with pytest.raises(expected) as caught:
        await bench.ask("hi")
    if status:
        assert getattr(caught.value, "status", None) == status


CUTS = [
    Reply((say_.Text(("Half", Cut())),)),
    Reply((say_.Text(("Half",)), Cut())),
    Reply((say_.Text(("Half",)), say_.Text((Cut(),)))),
    Reply((say_.Thinking(("Hm.",)), Cut())),
    Reply((say_.Thinking(("Hm.",)), say_.Text(("Half", Cut(reset=True))))),
    Reply((say_.Text(("Half",)),), stop_reason=None),
    Reply((say_.Text(("Half", StreamError())),)),
    Reply((Cut(),)),
]


@pytest.mark.parametrize("reply", CUTS, ids=range(len(CUTS)))
async def test_a_cut_answer_is_an_error(bench: Bench, standin: Standin, reply: Reply) -> None:
    standin.script(lambda recorded: reply)
    with pytest.raises((AnswerCut, UpstreamDown)):
        await bench.ask("hi")


async def test_silence_ends_in_a_timeout(bench: Bench, standin: Standin) -> None:
    for reply in (
        say("late", before_headers=(Hold(Gate()),)),
        say("late", before_start=(Hold(Gate()),)),
        say("Half", Hold(Gate()), "late"),
    ):
        standin.script(reply)
        worker = await bench.fresh()
        bench.bounds = type(bench.bounds)(silence_s=3)
        with pytest.raises(WorkerSilent):
            [event async for event in worker.ask(Profile(), ModelSettings(model="sonnet"), conversation("hi"))]
        await worker.close()
        await asyncio.wait_for(standin.requests[-1].client_disconnected(), 10)


async def test_closing_early_stops_the_request_upstream(bench: Bench, standin: Standin) -> None:
    standin.script(say("Half", Hold(Gate()), "never"))
    events = await bench.ask("hi", until=lambda event: isinstance(event, PartDelta))
    assert text_of(events) == "Half"
    await asyncio.wait_for(standin.requests[-1].client_disconnected(), 10)


async def test_a_killed_process_is_a_dead_worker(bench: Bench, standin: Standin) -> None:
    gate = Gate()
    standin.script(say("Half", Hold(gate), "never"))
    worker = await bench.fresh()
    answer = worker.ask(Profile(), ModelSettings(model="sonnet"), conversation("hi"))
    async for event in answer:
        if isinstance(event, PartDelta):
            break
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerDied):
        await anext(answer)
    await asyncio.wait_for(worker.wait_dead(), 10)


@pytest.mark.parametrize("is_configured", [False, True])
async def test_a_dead_process_that_asyncio_has_not_noticed_is_a_dead_worker(
    bench: Bench, standin: Standin, is_configured: bool
) -> None:
    """So that the request is retried: it is not an `UnexpectedOutput`."""
    worker = await bench.fresh()
    if is_configured:
        [event async for event in worker.ask(Profile(), ModelSettings(model="sonnet"), conversation("hi"))]
    assert worker.pid
    os.kill(worker.pid, signal.SIGKILL)
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(worker.pid).status() != psutil.STATUS_ZOMBIE:
            # Not asyncio.sleep: the loop would notice the death.
            time.sleep(0.01)
    assert worker.is_alive
    with pytest.raises(WorkerDied):
        [event async for event in worker.ask(Profile(), ModelSettings(model="sonnet"), conversation("hi"))]


async def test_a_missing_or_broken_cli_is_an_error(bench: Bench, tmp_path: Path) -> None:
    bench.cli = tmp_path / "claude"
    with pytest.raises(CliMissing):
        await bench.worker().boot()
    bench.cli.write_text("#!/bin/sh\necho 'the secret path' >&2\nexit 3\n")
    bench.cli.chmod(0o755)
    with pytest.raises(CliFailed) as caught:
        await bench.worker().boot()
    assert "secret" not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process by a signal")
@pytest.mark.parametrize("is_used", [False, True])
async def test_a_stopped_process_counts_as_dead_at_once(bench: Bench, standin: Standin, is_used: bool) -> None:
    worker = await bench.fresh()
    if is_used:
        await bench.ask("hi", worker=worker)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGSTOP)
    # Far from the timeouts of the answer and of the profile.
    async with asyncio.timeout(10):
        with pytest.raises(WorkerDied):
            await bench.ask("hi", worker=worker)
    assert not worker.is_alive
