"""Start at login on three systems: writing, reading and repairing the entry."""

import json
import os
import plistlib
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.server.machine.vault import needs
from tray.desktop.autostart.autostart import autostart_for, command_here
from tray.desktop.autostart.entry import Autostart, AutostartRefused
from tray.desktop.autostart.linux import XdgAutostart, desktop_entry, exec_arguments
from tray.desktop.autostart.macos import LABEL, MacAutostart
from tray.desktop.autostart.windows import WindowsAutostart, WindowsRegistry, windows_command_line

linux = pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have no such programs")


# The command.


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
    assert mac.repair(), "the program is the bundle, not its last argument"


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


# Linux.


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
    assert (entry.state(), entry.repair()) == (False, False)
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
    assert (entry.state(), entry.repair()) == (False, False)
    entry.set(True)
    assert entry.state() is True


def test_other_groups_are_ignored(entry: XdgAutostart) -> None:
    entry.set(True)
    entry.file.write_text(entry.file.read_text() + "\n[Desktop Action Stop]\nHidden=true\n")
    assert entry.state() is True


def test_an_unreadable_file_is_unknown(entry: XdgAutostart) -> None:
    entry.file.parent.mkdir()
    entry.file.write_bytes(b"[Desktop Entry]\nExec=\xff\n")
    assert (entry.state(), entry.repair()) == (None, False)
    entry.file.unlink()
    entry.file.mkdir()
    assert entry.state() is None


def test_a_moved_program_is_repaired(entry: XdgAutostart, tmp_path: Path, program: Path) -> None:
    XdgAutostart(["/gone/with the wind/drawbridge", "x"], tmp_path / "autostart").set(True)
    assert entry.repair() is True
    assert str(program) in entry.file.read_text()
    assert entry.repair() is False


def test_an_existing_command_of_the_user_is_kept(entry: XdgAutostart) -> None:
    entry.set(True)
    theirs = entry.file.read_text().replace("Exec=", f"Exec=env A=1 {sys.executable} ")
    entry.file.write_text(theirs)
    assert entry.repair() is False
    assert entry.file.read_text() == theirs


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


# Windows.


class FakeWinreg:
    """A fake of Python's module `winreg`."""

    HKEY_CURRENT_USER, KEY_SET_VALUE, REG_SZ = 1, 2, 1

    def __init__(self) -> None:
        self.keys: dict[str, dict[str, object]] = {}
        self.fault: OSError | None = None

    @contextmanager
    def _key(self, path: str) -> Iterator[dict[str, object]]:
        if self.fault:
            raise self.fault
        if path not in self.keys:
            raise FileNotFoundError(2, path)
        yield self.keys[path]

    def OpenKey(self, root: int, path: str, *_: int) -> object:  # noqa: N802 # the module's own name
        return self._key(path)

    def CreateKey(self, root: int, path: str) -> object:  # noqa: N802
        self.keys.setdefault(path, {})
        return self._key(path)

    def QueryValueEx(self, key: dict[str, object], name: str) -> tuple[object, int]:  # noqa: N802
        if name not in key:
            raise FileNotFoundError(2, name)
        return key[name], 1

    def SetValueEx(self, key: dict[str, object], name: str, _: int, kind: int, value: object) -> None:  # noqa: N802
        assert kind == self.REG_SZ
        key[name] = value

    def DeleteValue(self, key: dict[str, object], name: str) -> None:  # noqa: N802
        if name not in key:
            raise FileNotFoundError(2, name)
        del key[name]


RUN, APPROVED = WindowsAutostart.RUN, WindowsAutostart.APPROVED


def windows(winreg: FakeWinreg, *command: str) -> WindowsAutostart:
    return WindowsAutostart(command or (r"C:\Program Files\Drawbridge\drawbridge.exe",), WindowsRegistry(winreg))


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
    assert (entry.state(), entry.repair()) == (None, False)
    with pytest.raises(AutostartRefused, match="Access is denied"):
        entry.set(True)


def test_a_command_over_windows_limit_is_refused() -> None:
    winreg = FakeWinreg()
    with pytest.raises(AutostartRefused, match="260"):
        windows(winreg, "C:\\" + "x" * 260).set(True)
    assert winreg.keys == {}


@pytest.mark.parametrize("arguments", [(), ("-m", "tray")])
def test_on_windows_a_moved_program_is_repaired(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    here = tmp_path / "a folder" / "drawbridge.exe"
    here.parent.mkdir()
    here.write_text("")
    winreg = FakeWinreg()
    windows(winreg, str(tmp_path / "gone" / "drawbridge.exe"), *arguments).set(True)
    entry = windows(winreg, str(here), *arguments)
    assert (entry.repair(), entry.repair()) == (True, False)
    assert winreg.keys[RUN]["Drawbridge"] == windows_command_line([str(here), *arguments])


def test_a_windows_command_line_always_quotes_the_program() -> None:
    assert windows_command_line([r"C:\d.exe", "-m", "two words"]) == r'"C:\d.exe" -m "two words"'


# macOS.


class Launchctl:
    """A fake of launchctl; `disabled`: the system's settings have disabled the agent."""

    def __init__(self) -> None:
        self.disabled = False
        self.calls: list[str] = []

    def __call__(self, *arguments: str) -> str:
        self.calls.append(arguments[0])
        if arguments[0] == "enable":
            assert arguments[1].endswith(f"/{LABEL}")
            self.disabled = False
        state = "disabled" if self.disabled else "enabled"
        return f'disabled services = {{\n\t"com.example" => disabled\n\t"{LABEL}" => {state}\n}}\n'


@pytest.fixture
def launchctl() -> Launchctl:
    return Launchctl()


@pytest.fixture
def agent(tmp_path: Path, launchctl: Launchctl) -> MacAutostart:
    return MacAutostart(["/usr/bin/open", "-g", str(tmp_path)], tmp_path / "Library" / "LaunchAgents", launchctl)


def test_on_macos_the_entry_is_a_launch_agent(agent: MacAutostart, tmp_path: Path) -> None:
    assert agent.state() is False
    agent.set(True)
    assert agent.state() is True
    written = plistlib.loads(agent.file.read_bytes())
    assert agent.file.name == f"{written['Label']}.plist"
    assert written["ProgramArguments"] == ["/usr/bin/open", "-g", str(tmp_path)]
    assert (written["RunAtLoad"], written["LimitLoadToSessionType"]) == (True, "Aqua")
    agent.set(False)
    agent.set(False)
    assert (agent.state(), list(agent.file.parent.iterdir())) == (False, [])


def test_an_agent_disabled_in_the_settings_is_off_and_can_be_switched_on(
    agent: MacAutostart, launchctl: Launchctl
) -> None:
    agent.set(True)
    launchctl.disabled = True
    assert agent.state() is False
    agent.set(True)
    assert agent.state() is True
    assert "bootout" not in launchctl.calls, "it would end ourselves"


@pytest.mark.parametrize("change", [{"Disabled": True}, {"RunAtLoad": False}, {"ProgramArguments": []}])
def test_a_changed_agent_is_read_correctly(agent: MacAutostart, change: dict[str, object]) -> None:
    agent.set(True)
    agent.file.write_bytes(plistlib.dumps(plistlib.loads(agent.file.read_bytes()) | change))
    assert agent.state() is False


@pytest.mark.parametrize("content", [b"", b"not a list", b"<plist><dict>", plistlib.dumps(["x"])])
def test_an_unreadable_agent_is_unknown(agent: MacAutostart, content: bytes) -> None:
    agent.file.parent.mkdir(parents=True)
    agent.file.write_bytes(content)
    assert (agent.state(), agent.repair()) == (None, False)


def test_on_macos_a_moved_app_is_repaired(agent: MacAutostart, launchctl: Launchctl) -> None:
    MacAutostart(["/usr/bin/open", "-g", "/gone/Drawbridge.app"], agent.file.parent, launchctl).set(True)
    assert (agent.repair(), agent.repair()) == (True, False)


def test_all_implement_the_protocol(agent: MacAutostart, entry: XdgAutostart) -> None:
    kinds: list[Autostart] = [agent, entry, windows(FakeWinreg())]
    for one in kinds:
        one.set(True)
        assert one.state() is True


def test_a_temporary_copy_of_macos_is_not_started_at_login(tmp_path: Path) -> None:
    """MacOS runs a quarantined app from a random folder, which is another one at the next start."""
    bundle = "/private/var/folders/x/T/AppTranslocation/1B2C/d/Drawbridge.app"
    agent = MacAutostart(["/usr/bin/open", "-g", bundle], tmp_path, lambda *_: "")
    with pytest.raises(AutostartRefused, match="Applications folder"):
        agent.set(True)
    assert not agent.file.exists()
    agent.set(False)
