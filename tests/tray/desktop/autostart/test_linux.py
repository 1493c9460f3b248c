"""Start at login on Linux: writing, reading and refreshing the desktop file."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server.machine.vault import needs
from tray.desktop.autostart.entry import AutostartRefused
from tray.desktop.autostart.linux import XdgAutostart, desktop_entry, exec_arguments

linux = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have no such programs")


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        (["/o$t/drawbridge"], "The path '/o$t/drawbridge' has the character '$'", "Move the program"),
        (["/x", "--data-dir", "/a=b"], "The argument '/a=b' has the character '='", "into the settings file"),
    ],
)
def test_what_desktops_do_not_accept_is_named_with_its_cure(command: list[str], message: str, hint: str) -> None:
    with pytest.raises(AutostartRefused, match=re.escape(message)) as refused:
        desktop_entry(command)
    assert hint in refused.value.hint


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A program that records its arguments, in a folder whose name needs quoting."""
    path = tmp_path / "Pröst (a' folder) & ~more" / "drawbridge"
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable}\nimport json, sys\nwith open('{tmp_path}/started', 'w') as f: json.dump(sys.argv, f)\n"
    )
    path.chmod(0o755)
    return path


@pytest.fixture
def entry(tmp_path: Path, program: Path) -> XdgAutostart:
    return XdgAutostart([str(program), "-m", "two words", "x;y"], tmp_path / "autostart")


def test_it_is_off_by_default_and_switching_off_leaves_no_file(entry: XdgAutostart) -> None:
    assert (entry.state(), entry.refresh()) == (False, False)
    assert not entry.file.parent.exists()
    entry.set(True)
    assert entry.state() is True
    entry.set(False)
    entry.set(False)
    assert entry.state() is False
    assert list(entry.file.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("X-GNOME-Autostart-enabled=true", "X-GNOME-Autostart-enabled=false"),
        ("Terminal=false", "Terminal=false\nHidden=true"),
        ("Terminal=false", "Terminal=false\nHidden = true "),
        ("Exec=", "Exec=\nX-Exec="),
        ("[Desktop Entry]", "[Another Group]"),
    ],
)
def test_an_entry_disabled_by_the_desktop_is_off_and_can_be_switched_on(
    entry: XdgAutostart, old: str, new: str
) -> None:
    entry.set(True)
    entry.file.write_text(entry.file.read_text().replace(old, new, 1))
    assert (entry.state(), entry.refresh()) == (False, False)
    entry.set(True)
    assert entry.state() is True


def test_other_groups_are_ignored(entry: XdgAutostart) -> None:
    entry.set(True)
    entry.file.write_text(entry.file.read_text() + "\n[Desktop Action Stop]\nHidden=true\n")
    assert entry.state() is True


def test_an_unreadable_file_is_unknown(entry: XdgAutostart) -> None:
    entry.file.parent.mkdir()
    entry.file.write_bytes(b"[Desktop Entry]\nExec=\xff\n")
    assert (entry.state(), entry.refresh()) == (None, False)
    entry.file.unlink()
    entry.file.mkdir()
    assert entry.state() is None


def test_a_moved_program_is_replaced(entry: XdgAutostart, tmp_path: Path, program: Path) -> None:
    XdgAutostart(["/gone/with the wind/drawbridge", "x"], tmp_path / "autostart").set(True)
    assert entry.refresh() is True
    assert str(program) in entry.file.read_text()
    assert entry.refresh() is False


def test_an_existing_command_of_the_user_is_kept(entry: XdgAutostart) -> None:
    entry.set(True)
    theirs = entry.file.read_text().replace("Exec=", f"Exec=env A=1 {sys.executable} ")
    entry.file.write_text(theirs)
    assert entry.refresh() is False
    assert entry.file.read_text() == theirs


def test_a_command_that_desktops_do_not_accept_leaves_the_entry(entry: XdgAutostart, program: Path) -> None:
    own = XdgAutostart(["/opt/drawbridge"], entry.file.parent)
    own.set(True)
    before = own.file.read_text()
    assert not XdgAutostart([str(program), "--data-dir", "/a$b"], entry.file.parent).refresh()
    assert own.file.read_text() == before


@pytest.mark.parametrize("character", list('$%"`\\=\n'))
def test_a_path_that_desktops_do_not_accept_is_refused(tmp_path: Path, character: str) -> None:
    entry = XdgAutostart([f"/opt/a{character}b/drawbridge"], tmp_path)
    with pytest.raises(AutostartRefused, match="Move the program"):
        entry.set(True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_in_place_of_the_folder_is_reported(entry: XdgAutostart) -> None:
    entry.file.parent.write_text("")
    with pytest.raises(AutostartRefused, match="does not allow"):
        entry.set(True)


@pytest.mark.parametrize(
    "arguments",
    [["/a/b"], ["/a b/c", "-m", "x y"], ["/ä/'q'", "a;b", "~", "#", "*?", "(x)", "<&>|"], ["a-b_c.d:e,f@g+h"]],
)
def test_an_exec_line_round_trips(arguments: list[str]) -> None:
    (line,) = (row for row in desktop_entry(arguments).splitlines() if row.startswith("Exec="))
    assert exec_arguments(line.removeprefix("Exec=")) == arguments


def test_exec_lines_of_other_programs_are_parsed() -> None:
    assert exec_arguments(r'"/a \\\\ b" "say \\"x\\"" 100%% %U') == ["/a \\ b", 'say "x"', "100%"]
    assert exec_arguments("/usr/bin/x --y") == ["/usr/bin/x", "--y"]


@linux
def test_the_entry_is_valid(entry: XdgAutostart) -> None:
    needs("desktop-file-validate")
    entry.set(True)
    done = subprocess.run(["desktop-file-validate", str(entry.file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


@linux
@pytest.mark.parametrize("starter", ["gio", "dex"])
def test_desktops_start_exactly_the_command(entry: XdgAutostart, program: Path, starter: str, tmp_path: Path) -> None:
    needs(starter)
    entry.set(True)
    os.mkfifo(tmp_path / "started")
    command = ["gio", "launch", str(entry.file)] if starter == "gio" else ["dex", str(entry.file)]
    with subprocess.Popen(command, env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/none"}):
        assert json.loads((tmp_path / "started").read_text()) == [str(program), "-m", "two words", "x;y"]
