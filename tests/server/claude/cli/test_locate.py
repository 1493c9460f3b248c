"""Which CLI is chosen."""

from pathlib import Path

import pytest

from server.claude.cli.locate import bundled_cli, find_cli
from server.errors import CliMissing
from tests.server.claude.cli.programs import environment, program


def test_the_cli_named_in_the_settings_comes_first(tmp_path: Path) -> None:
    mine = program(tmp_path / "mine")
    assert find_cli(mine, environment(tmp_path)) == mine.resolve()


def test_a_named_one_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CliMissing, match="nowhere"):
        find_cli(tmp_path / "nowhere", environment(tmp_path))


def test_the_bundled_one_comes_before_the_path(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "claude")
    assert find_cli(None, environment(tmp_path, PATH=str(tmp_path / "bin"))) == bundled_cli()


def test_without_a_bundled_one_path_comes_first_and_then_install_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.claude.cli.locate.bundled_cli", lambda: None)
    home = tmp_path / "home"
    known = program(home / ".claude" / "local" / "claude")
    assert find_cli(None, environment(home)) == known
    on_path = program(tmp_path / "bin" / "claude")
    assert find_cli(None, environment(home, PATH=str(tmp_path / "bin"))) == on_path


def test_a_script_that_windows_would_run_through_its_shell_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CliMissing, match=r"cmd\.exe"):
        find_cli(program(tmp_path / "claude.cmd"), environment(tmp_path))
