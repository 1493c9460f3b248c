"""The pool with processes of the real CLI, which send their requests to the stand-in."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from server.claude.cli.locate import bundled_cli
from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.worker import Worker
from server.conversation.events import PartDelta
from server.conversation.parts import Message, Text
from server.conversation.request import ModelSettings, Profile
from server.machine.files.temp_folders import open_scratch
from server.machine.processes.guards import guard_for
from server.pool.pool import Pool
from server.pool.types import Limits
from server.standin.server import open_standin


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[Pool[Worker]]:
    """A pool of 2 real workers; at its end no process and no folder is left."""
    cli = bundled_cli()
    assert cli is not None
    home, folder = tmp_path / "home", tmp_path / "scratch"
    home.mkdir()
    folder.mkdir()
    guard = guard_for()
    async with open_standin() as standin:
        environment = {
            "HOME": str(home),
            "PATH": "/usr/bin:/bin",
            "ANTHROPIC_BASE_URL": standin.url,
            "ANTHROPIC_API_KEY": "test key",
        }
        launch = launch_for(cli, environment)
        with open_scratch(folder) as scratch:
            before = {child.pid for child in psutil.Process().children(recursive=True)}

            def spawn() -> Worker:
                return Worker(lambda: launch, scratch=scratch, guard=guard, bounds=lambda: Bounds(silence_s=20))

            async with Pool(spawn, limits=Limits(size=2)) as pool:
                yield pool
            assert {child.pid for child in psutil.Process().children(recursive=True)} <= before
            assert [path for path in scratch.root.iterdir() if path.is_dir()] == []
    guard.close()


async def answer(pool: Pool[Worker], text: str, pids: list[int]) -> str:
    async with pool.lease(Profile()) as lease:
        assert lease.worker.pid is not None
        pids.append(lease.worker.pid)
        answer = ""
        async for event in lease.worker.ask(
            Profile(), ModelSettings(model="sonnet"), (Message("user", (Text(text),)),)
        ):
            lease.first_token()
            if isinstance(event, PartDelta):
                answer += event.text
        return answer


async def test_a_burst_gets_one_real_process_each_and_never_more_than_the_size(pool: Pool[Worker]) -> None:
    pids: list[int] = []
    answers = await asyncio.gather(*(answer(pool, f"number {number}", pids) for number in range(6)))
    assert all(answers)
    assert len(set(pids)) == 6
    assert pool.status().ways == (("process", 6),)


async def test_a_killed_real_spare_is_noticed_and_the_next_request_works(pool: Pool[Worker]) -> None:
    pids: list[int] = []
    async with pool.lease(Profile()) as lease:
        assert lease.worker.pid is not None
        os.kill(lease.worker.pid, signal.SIGKILL)
        await asyncio.wait_for(lease.worker.wait_dead(), 30)
    assert await answer(pool, "still there?", pids)
