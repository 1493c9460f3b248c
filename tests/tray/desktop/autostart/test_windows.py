"""Start at login on Windows, with a fake registry."""

import sys
from pathlib import Path

import pytest

from tests.tray.desktop.autostart.fakes import APPROVED, RUN, FakeWinreg, windows
from tray.desktop.autostart.entry import AutostartRefused
from tray.desktop.autostart.windows import windows_arguments, windows_command_line


def test_on_windows_the_entry_is_a_value_of_the_run_key() -> None:
    winreg = FakeWinreg()
    entry = windows(winreg)
    assert entry.state() is False
    entry.set(False)
    assert winreg.keys == {}
    entry.set(True)
    assert winreg.keys == {RUN: {"Drawbridge": r'"C:\Program Files\Drawbridge\drawbridge.exe"'}}
    assert entry.state() is True
    entry.set(False)
    assert (winreg.keys, entry.state()) == ({RUN: {}}, False)


@pytest.mark.parametrize(("first", "is_on"), [(2, True), (3, False), (6, True), (7, False)])
def test_a_value_disabled_in_task_manager_is_off_and_can_be_switched_on(first: int, is_on: bool) -> None:
    winreg = FakeWinreg()
    entry = windows(winreg)
    entry.set(True)
    winreg.keys[APPROVED] = {"Drawbridge": bytes([first, *[0] * 11]), "Another": b"\x03"}
    assert entry.state() is is_on
    entry.set(True)
    assert entry.state() is True
    assert winreg.keys[APPROVED] == {"Another": b"\x03"}


def test_a_denied_registry_is_unknown_and_reported() -> None:
    winreg = FakeWinreg()
    winreg.fault = PermissionError(13, "Access is denied")
    entry = windows(winreg)
    assert (entry.state(), entry.refresh()) == (None, False)
    with pytest.raises(AutostartRefused, match="Access is denied"):
        entry.set(True)


def test_a_command_over_windows_limit_is_refused() -> None:
    winreg = FakeWinreg()
    with pytest.raises(AutostartRefused, match="260"):
        windows(winreg, "C:\\" + "x" * 260).set(True)
    assert winreg.keys == {}


@pytest.mark.parametrize("arguments", [(), ("-m", "tray")])
def test_on_windows_a_moved_program_is_replaced(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    here = tmp_path / "a folder" / "drawbridge.exe"
    here.parent.mkdir()
    here.write_text("")
    winreg = FakeWinreg()
    windows(winreg, str(tmp_path / "gone" / "drawbridge.exe"), *arguments).set(True)
    entry = windows(winreg, str(here), *arguments)
    assert (entry.refresh(), entry.refresh()) == (True, False)
    assert winreg.keys[RUN]["Drawbridge"] == windows_command_line([str(here), *arguments])


def test_a_windows_command_line_always_quotes_the_program() -> None:
    assert windows_command_line([r"C:\d.exe", "-m", "two words"]) == r'"C:\d.exe" -m "two words"'


def test_on_windows_the_value_follows_the_options(tmp_path: Path) -> None:
    here = tmp_path / "drawbridgew.exe"
    here.write_text("")
    winreg = FakeWinreg()
    windows(winreg, str(here)).set(True)
    winreg.keys[APPROVED] = {"Drawbridge": bytes([2, *[0] * 11])}
    entry = windows(winreg, str(here), "--port", "9000", "--log-dir", r"C:\my logs")
    assert (entry.refresh(), entry.refresh()) == (True, False)
    assert winreg.keys[RUN]["Drawbridge"] == rf'"{here}" --port 9000 --log-dir "C:\my logs"'
    theirs = f'"{sys.executable}" -m wrapper "{here}"'
    winreg.keys[RUN]["Drawbridge"] = theirs
    assert not entry.refresh()
    assert winreg.keys[RUN]["Drawbridge"] == theirs


@pytest.mark.parametrize(
    "command", [[r"C:\d.exe"], [r"C:\a b\d.exe", "-m", "two words", "plain"], [r"\\server\share x\d.exe", r"\\x\y"]]
)
def test_a_windows_command_line_round_trips(command: list[str]) -> None:
    assert windows_arguments(windows_command_line(command)) == command
