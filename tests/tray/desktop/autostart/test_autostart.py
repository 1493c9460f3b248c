"""The command that starts at login, and the implementation for each system."""

import plistlib
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.tray.desktop.autostart.fakes import FakeWinreg, Launchctl, windows
from tray.desktop.autostart.autostart import autostart_for, command_here
from tray.desktop.autostart.entry import Autostart, is_same_app
from tray.desktop.autostart.linux import XdgAutostart
from tray.desktop.autostart.macos import MacAutostart
from tray.desktop.autostart.windows import WindowsAutostart


def test_an_appimage_starts_by_its_own_file() -> None:
    """The running program is in a mount that is gone after logout."""
    here = command_here(
        executable="/tmp/.mount_x/drawbridge",
        frozen=True,
        platform="linux",
        environ={"APPIMAGE": "/home/ada/D.AppImage"},
    )
    assert here == ("/home/ada/D.AppImage",)


def test_a_frozen_program_starts_by_its_executable() -> None:
    assert command_here(executable="/opt/d/drawbridge", frozen=True, platform="linux", environ={}) == (
        "/opt/d/drawbridge",
    )


def test_a_macos_app_is_opened_as_a_bundle() -> None:
    executable = "/Applications/Drawbridge.app/Contents/MacOS/drawbridge"
    here = command_here(executable=executable, frozen=True, platform="darwin", environ={})
    assert here == ("/usr/bin/open", "-g", "/Applications/Drawbridge.app")


def test_from_source_the_installed_script_is_preferred(tmp_path: Path) -> None:
    def here() -> tuple[str, ...]:
        return command_here(executable="/py/python", frozen=False, platform="linux", environ={}, scripts=str(tmp_path))

    assert here() == ("/py/python", "-m", "tray")
    (tmp_path / "drawbridge").write_text("")
    assert here() == (str(tmp_path / "drawbridge"),)


def test_on_windows_no_console_window_opens(tmp_path: Path) -> None:
    python, windowed = tmp_path / "python.exe", tmp_path / "pythonw.exe"
    windowed.write_text("")
    here = command_here(executable=str(python), frozen=False, platform="win32", environ={})
    assert here == (str(windowed), "-m", "tray")


def test_the_built_windows_app_starts_without_a_console(tmp_path: Path) -> None:
    def here(name: str) -> tuple[str, ...]:
        return command_here(executable=str(tmp_path / name), frozen=True, platform="win32", environ={})

    assert here("drawbridge.exe") == (str(tmp_path / "drawbridge.exe"),)
    (tmp_path / "drawbridgew.exe").write_text("")
    assert here("drawbridge.exe") == here("drawbridgew.exe") == (str(tmp_path / "drawbridgew.exe"),)


def test_each_system_has_its_own_implementation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "winreg", SimpleNamespace())
    kinds = [type(autostart_for(platform, {}, ["/x"])) for platform in ("linux", "win32", "darwin")]
    assert kinds == [XdgAutostart, WindowsAutostart, MacAutostart]


@pytest.mark.parametrize(("variable", "below"), [("", ".config"), ("relative", ".config"), ("/etc/mine", "/etc/mine")])
def test_the_folder_is_the_users_config_folder(variable: str, below: str) -> None:
    entry = autostart_for("linux", {"XDG_CONFIG_HOME": variable}, ["/x"])
    assert isinstance(entry, XdgAutostart)
    assert entry.file == Path.home() / below / "autostart" / "drawbridge.desktop"


def test_the_entry_keeps_the_arguments_of_the_running_app(monkeypatch: pytest.MonkeyPatch) -> None:
    linux = autostart_for("linux", {}, ["/opt/drawbridge"], ["--port", "9000"])
    assert isinstance(linux, XdgAutostart)
    linux.set(True)
    assert "Exec=/opt/drawbridge --port 9000 --background\n" in linux.file.read_text()
    monkeypatch.setattr("tray.desktop.autostart.macos.run_launchctl", lambda *_: "")
    mac = autostart_for("darwin", {}, ["/usr/bin/open", "-g", "/gone/Drawbridge.app"], ["--port", "9000"])
    assert isinstance(mac, MacAutostart)
    mac.set(True)
    arguments = plistlib.loads(mac.file.read_bytes())["ProgramArguments"]
    assert arguments == ["/usr/bin/open", "-g", "/gone/Drawbridge.app", "--args", "--port", "9000"]
    moved = autostart_for("darwin", {}, ["/usr/bin/open", "-g", "/new/Drawbridge.app"], ["--port", "9000"])
    assert moved.refresh(), "the program is the bundle, not its last argument"


def test_all_implement_the_protocol(tmp_path: Path) -> None:
    kinds: list[Autostart] = [
        MacAutostart(["/usr/bin/open", "-g", str(tmp_path)], tmp_path / "agents", Launchctl()),
        XdgAutostart(["/opt/drawbridge"], tmp_path / "autostart"),
        windows(FakeWinreg()),
    ]
    for one in kinds:
        one.set(True)
        assert one.state() is True


@pytest.mark.parametrize(
    ("old", "is_same"),
    [
        (["/opt/drawbridge"], True),
        (["/usr/bin/drawbridge", "--port", "1"], True),
        (["/home/ada/Drawbridge-1.0.AppImage", "--background"], True),
        (["/py/bin/python3.13", "-m", "tray"], True),
        (["C:\\Apps\\drawbridgew.exe"], True),
        (["C:\\Python\\pythonw.exe", "-m", "tray", "--port", "1"], True),
        (["/usr/bin/open", "-g", "/Applications/Drawbridge.app", "--args", "--port", "1"], True),
        # The user's own commands, and another program of ours.
        (["env", "A=1", "/opt/drawbridge"], False),
        (["/home/ada/drawbridge.sh"], False),
        (["/py/bin/python3", "-m", "server"], False),
        (["/opt/drawbridge", "serve"], False),
        (["/usr/bin/open", "-g", "/Applications/Other.app"], False),
        # Runs beside the usual one.
        (["/opt/drawbridge", "--demo"], False),
        (["/opt/drawbridge", "--data-dir", "/other"], False),
    ],
)
def test_only_the_apps_own_command_is_refreshed(old: list[str], is_same: bool) -> None:
    assert is_same_app(old, ["/opt/drawbridge", "--port", "9000", "--background"]) is is_same


def test_a_run_with_other_data_refreshes_only_its_own_entry() -> None:
    other = ["/opt/drawbridge", "--data-dir", "/other"]
    assert is_same_app(other, ["/new/drawbridge", "--data-dir", "/other", "--port", "1"])
    assert is_same_app(other, ["/new/drawbridge", "--data-dir=/other"])
    assert not is_same_app(other, ["/opt/drawbridge", "--data-dir", "/third"])
    assert not is_same_app(["/opt/drawbridge", "--data-dir=/other"], ["/opt/drawbridge"])


def test_the_entry_of_this_system_follows_the_program_and_its_options(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With the real files of Linux: a moved program, other options, none, and no further write."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    first, second = tmp_path / "a" / "drawbridge", tmp_path / "b" / "Drawbridge-2.AppImage"
    for program in (first, second):
        program.parent.mkdir()
        program.write_text("")
    file = tmp_path / ".config" / "autostart" / "drawbridge.desktop"

    def started(program: Path, *options: str) -> str:
        entry = autostart_for("linux", {}, [str(program)], options)
        entry.refresh()
        return file.read_text() if file.exists() else ""

    assert started(first) == ""
    autostart_for("linux", {}, [str(first)], ["--port", "9000"]).set(True)
    added = file.read_text() + "X-GNOME-Autostart-Delay=10\n\n[Desktop Action Stop]\nExec=/bin/true\n"
    file.write_text(added)
    assert started(first, "--port", "9000") == added
    assert started(first, "--port", "9001") == added.replace("9000", "9001")
    assert started(second) == added.replace(f"{first} --port 9000", str(second))
    kept = file.stat().st_mtime_ns
    assert started(second, "--demo") == started(second)
    assert file.stat().st_mtime_ns == kept
    second.unlink()
    for beside in (("--demo",), ("--data-dir", "/other"), ("--data-dir=/other",)):
        assert started(first, *beside) == added.replace(f"{first} --port 9000", str(second)), "moved, and run beside"
    assert started(first) == added.replace(" --port 9000", "")
