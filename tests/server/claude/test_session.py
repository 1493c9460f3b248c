"""An answer that is interrupted, not killed: the request upstream ends, the process lives and obeys."""

import asyncio

from server.claude.launch import launch_for
from server.claude.process import CliProcess
from server.claude.session import Session
from server.dialogue import PartDelta, Profile, Settings
from server.machine.processes import guard_for
from server.standin.script import Gate, Hold, say
from server.standin.server import Standin
from tests.server.claude.conftest import Bench, conversation


async def test_an_interrupt_ends_the_request_and_keeps_the_process(bench: Bench, standin: Standin) -> None:
    standin.script(say("Half", Hold(Gate()), "never"))
    assert bench.cli is not None
    launch = launch_for(bench.cli, bench.environment)
    process = CliProcess(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, bench.bounds)
    try:
        await session.configure(Profile(system="Be terse."))
        answer = session.answer(Settings(model="sonnet"), conversation("hi"), lambda limits: None)
        async for event in answer:
            if isinstance(event, PartDelta):
                break
        await answer.aclose()
        assert await session.interrupt()
        await asyncio.wait_for(standin.requests[-1].left(), 10)
        assert (await process.control("list_models"))["models"]
    finally:
        await session.close()
    assert len(standin.requests) == 1
    assert not process.is_alive


async def test_an_interrupt_of_a_process_that_is_gone_says_no(bench: Bench) -> None:
    assert bench.cli is not None
    launch = launch_for(bench.cli, bench.environment)
    process = CliProcess(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, bench.bounds)
    await session.configure(Profile())
    await process.kill()
    assert not await session.interrupt()
    await session.close()
