"""Versions, and the newest of several CLIs."""

import sys
from pathlib import Path

import pytest

from server.claude.cli.locate import find_cli, why_this_cli
from server.claude.cli.versions import cli_version, newest_of, parse_version

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="scripts are no programs on Windows")


def program(path: Path, says: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "numbers"),
    [("2.1.329 (Claude Code)", (2, 1, 329)), ("10.0", (10, 0)), ("", ()), ("claude 2.1", ()), (" 3.0.0\n", (3, 0, 0))],
)
def test_a_version_as_numbers(version: str, numbers: tuple[int, ...]) -> None:
    assert parse_version(version) == numbers


async def test_other_output_in_place_of_the_version_is_cut(tmp_path: Path) -> None:
    chatty = program(tmp_path / "chatty", "head -c 100000 /dev/zero | tr '\\0' '['")
    assert await cli_version(chatty, {"PATH": "/usr/bin:/bin"}) == "[" * 40


def test_the_newest_is_the_one_with_the_greatest_numbers(tmp_path: Path) -> None:
    old = program(tmp_path / "old", "echo '2.1.99 (Claude Code)'")
    new = program(tmp_path / "new", "echo '2.1.400 (Claude Code)'")
    assert newest_of([old, new], {}) == new
    assert newest_of([new, old], {}) == new


def test_the_first_of_equals_wins_and_a_broken_one_never_does(tmp_path: Path) -> None:
    first = program(tmp_path / "first", "echo 2.1.1")
    second = program(tmp_path / "second", "echo 2.1.1")
    broken = program(tmp_path / "broken", "exit 1")
    assert newest_of([first, second], {}) == first
    assert newest_of([broken, second], {}) == second


def test_an_updated_one_is_run_again(tmp_path: Path) -> None:
    one = program(tmp_path / "one", "echo 2.1.1")
    other = program(tmp_path / "other", "echo 2.1.2")
    assert newest_of([one, other], {}) == other
    program(one, "echo 2.1.30")
    assert newest_of([one, other], {}) == one


def test_an_installed_one_runs_only_if_it_is_preferred_and_newer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried = program(tmp_path / "carried" / "claude", "echo 2.1.329")
    installed = program(tmp_path / "bin" / "claude", "echo 2.1.330")
    monkeypatch.setattr("server.claude.cli.locate.bundled_cli", lambda: carried)
    environment = {"PATH": str(tmp_path / "bin"), "HOME": str(tmp_path)}
    assert find_cli(None, environment) == carried
    assert find_cli(None, environment, newest=True) == installed
    assert "newer" in why_this_cli(installed, None, newest=True)
    assert "bundled" in why_this_cli(carried, None, newest=False)
    assert "named" in why_this_cli(installed, installed, newest=False)
    program(installed, "echo 2.1.99")
    assert find_cli(None, environment, newest=True) == carried
