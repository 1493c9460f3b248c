"""Running the CLI once: its version, its failures, and cancellation."""

import asyncio
from pathlib import Path

import pytest

from server.claude.cli.locate import bundled_cli
from server.claude.cli.versions import cli_version
from server.errors import CliFailed
from tests.server.claude.cli.programs import environment, program


async def test_the_bundled_one_prints_its_version(tmp_path: Path) -> None:
    cli = bundled_cli()
    assert cli is not None
    version = await cli_version(cli, environment(tmp_path))
    assert [part.isdigit() for part in version.split(".")] == [True] * 3


async def test_a_file_that_cannot_be_run_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "claude"
    text.write_text("not a program")
    with pytest.raises(CliFailed):
        await cli_version(text, environment(tmp_path))


async def test_the_error_quotes_the_last_line_of_stderr(tmp_path: Path) -> None:
    cli = program(tmp_path / "claude", "echo first >&2; echo 'GLIBC_9 is missing' >&2; exit 3")
    with pytest.raises(CliFailed, match="ended with code 3: 'GLIBC_9 is missing'"):
        await cli_version(cli, environment(tmp_path))


async def test_a_cancelled_caller_does_not_wait_for_children_that_hold_the_pipes(tmp_path: Path) -> None:
    """And no transport remains that would log an error once the loop is closed."""
    cli = program(tmp_path / "claude", 'touch "$HOME/up"\nsleep 5 &\nsleep 5')
    asking = asyncio.create_task(cli_version(cli, environment(tmp_path)))
    while not (tmp_path / "up").exists():
        await asyncio.sleep(0.01)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
