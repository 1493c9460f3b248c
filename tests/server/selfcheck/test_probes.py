"""The probes with the real Claude Code, and with one that lacks each capability in turn."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.claude.cli.locate import bundled_cli
from server.machine.files.temp_folders import Scratch, open_scratch
from server.machine.processes.guards import guard_for
from server.selfcheck.capabilities import Capability, CheckInconclusive, ProbeResult
from server.selfcheck.probes import run_probes
from tests.server.selfcheck.wrapper import BREAKS, spawns_of, write_wrapper
from tests.whole.bridge import is_claude

USERS = {
    "ANTHROPIC_BASE_URL": "https://elsewhere.example",
    "ANTHROPIC_API_KEY": "the user's",
    "ANTHROPIC_AUTH_TOKEN": "the user's",
    "CLAUDE_CODE_OAUTH_TOKEN": "the user's",
    "CLAUDE_CODE_USE_BEDROCK": "1",
    "AWS_PROFILE": "the user's",
    "HTTPS_PROXY": "http://proxy.example",
    "XDG_CONFIG_HOME": "the user's",
    "A_NAME_OF_THE_USERS": "the user's",
}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    folder = tmp_path / "scratch"
    folder.mkdir()
    with open_scratch(folder) as scratch:
        yield scratch


async def check(cli: Path, scratch: Scratch) -> tuple[ProbeResult, ...]:
    return await run_probes(cli, {**os.environ, **USERS}, scratch=scratch, guard=guard_for())


def failed(results: tuple[ProbeResult, ...]) -> list[str]:
    return [found.capability.name for found in results if not found.holds]


async def test_the_bundled_claude_code_does_everything(scratch: Scratch) -> None:
    cli = bundled_cli()
    assert cli is not None
    results = await check(cli, scratch)
    assert [found.capability for found in results] == list(Capability)
    assert not failed(results), results


@pytest.mark.parametrize("broken", BREAKS)
async def test_a_missing_capability_is_reported_alone(broken: str, tmp_path: Path, scratch: Scratch) -> None:
    results = await check(write_wrapper(tmp_path / "bin", broken), scratch)
    assert failed(results) == [broken.partition(",")[0]], results
    (fault,) = (found for found in results if not found.holds)
    assert fault.detail


async def test_the_process_inherits_nothing_of_the_user(tmp_path: Path, scratch: Scratch) -> None:
    cli = write_wrapper(tmp_path / "bin")
    assert not failed(await check(cli, scratch))
    environment = spawns_of(cli)[0]["environment"]
    assert not {name: value for name, value in environment.items() if value in USERS.values() and value != "1"}
    assert not {"CLAUDE_CODE_USE_BEDROCK", "A_NAME_OF_THE_USERS"} & set(environment)
    assert Path(environment["HOME"]).is_relative_to(scratch.root)
    assert environment["ANTHROPIC_BASE_URL"].startswith("http://127.0.0.1:")


async def test_a_check_leaves_no_process_folder_or_handle(tmp_path: Path, scratch: Scratch) -> None:
    here = psutil.Process()
    cli = write_wrapper(tmp_path / "bin")
    await check(cli, scratch)
    before, tasks = here.num_fds(), len(asyncio.all_tasks())
    await check(cli, scratch)
    assert here.num_fds() <= before
    assert len(asyncio.all_tasks()) <= tasks
    assert not [child for child in here.children(recursive=True) if is_claude(child)]
    assert [path.name for path in scratch.root.iterdir()] == ["in-use"]


async def test_a_cancelled_check_leaves_nothing_behind(tmp_path: Path, scratch: Scratch) -> None:
    cli = write_wrapper(tmp_path / "bin")
    checking = asyncio.create_task(check(cli, scratch))
    while not spawns_of(cli):
        await asyncio.sleep(0.01)
    checking.cancel()
    await asyncio.gather(checking, return_exceptions=True)
    assert not [child for child in psutil.Process().children(recursive=True) if is_claude(child)]
    assert [path.name for path in scratch.root.iterdir()] == ["in-use"]


async def test_a_program_that_does_not_start_is_inconclusive(tmp_path: Path, scratch: Scratch) -> None:
    cli = tmp_path / "claude"
    cli.write_text("#!/bin/sh\nexit 3\n")
    cli.chmod(0o700)
    with pytest.raises(CheckInconclusive):
        await check(cli, scratch)
