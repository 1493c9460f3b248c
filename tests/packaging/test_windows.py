"""The installer for Windows, compiled and run under wine, with a stand-in for the app.

The workflows test the app itself on Windows.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.installed import ROOT
from tests.packaging.wine import WINE, Windows, open_windows
from tray.desktop.autostart.entry import NAME
from tray.desktop.autostart.windows import WindowsAutostart, windows_command_line

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="on Windows and macOS the workflow tries the installers"
)
BUILD = ROOT / ".ci" / "packaging" / "windows" / "build"
STANDIN = Path(__file__).parent / "standin"
APP, CLI = "drawbridgew.exe", "drawbridge.exe"
UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\Drawbridge"
WAIT_S = 60.0


def needed(*programs: str | Path) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"there is no {Path(program).name} on this machine: apt-get install nsis wine wine64")


def until(condition: Callable[[], object]) -> None:
    """Waits, with a timeout, until another program has made it so."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def standins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built app of two programs and some files."""
    needed("makensis")
    folder = tmp_path_factory.mktemp("payload")
    (folder / "_internal" / "assets").mkdir(parents=True)
    (folder / "_internal" / "assets" / "ünïcode $name.txt").write_text("words")
    (folder / "LICENSE.txt").write_text("MIT")
    for script, program in (("app", APP), ("cli", CLI)):
        command = ["makensis", "-V1", "-WX", f"-DOUT={folder / program}", str(STANDIN / f"{script}.nsi")]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return folder


def build(payload: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(BUILD), str(payload), str(out), "--target", "amd64-unicode", "--waits", "40", *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@dataclass(frozen=True)
class Setups:
    """Two installers, the later one without a file of the earlier one and with a new one."""

    first: Path
    second: Path
    payload: Path
    second_payload: Path


@pytest.fixture(scope="module")
def setups(standins: Path, tmp_path_factory: pytest.TempPathFactory) -> Setups:
    folder = tmp_path_factory.mktemp("setups")
    later = folder / "later"
    shutil.copytree(standins, later)
    (later / "_internal" / "assets" / "ünïcode $name.txt").unlink()
    (later / "_internal" / "new.txt").write_text("new")
    setups = Setups(folder / "First-setup.exe", folder / "Second-setup.exe", standins, later)
    for payload, out, version in ((standins, setups.first, "1.2.0"), (later, setups.second, "1.3.0rc1")):
        done = build(payload, out, "--version", version)
        assert done.returncode == 0, done.stdout + done.stderr
    return setups


@pytest.fixture(scope="module")
def computer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Windows]:
    """One for the module: it takes ten seconds and 700 MB."""
    needed(WINE)
    prefix = tmp_path_factory.mktemp("windows") / "prefix"
    with open_windows(prefix) as windows:
        yield windows
    shutil.rmtree(prefix, ignore_errors=True)


@dataclass(frozen=True)
class Desk:
    """The computer with nothing of Drawbridge on it."""

    windows: Windows
    setups: Setups

    @property
    def folder(self) -> Path:
        """Where it is installed."""
        return self.windows.local / "Programs" / "Drawbridge"

    @property
    def own(self) -> Path:
        """Its settings and logs."""
        return self.windows.local / "Drawbridge"

    @property
    def program(self) -> str:
        """The app, as Windows names it."""
        return rf"C:\users\{self.windows.home.name}\AppData\Local\Programs\Drawbridge\{APP}"

    @property
    def calls(self) -> list[str]:
        """The arguments with which the command-line program was called so far."""
        file = self.windows.local / "calls.txt"
        return file.read_text().split("\n")[:-1] if file.exists() else []

    @property
    def login(self) -> str | None:
        """The command at login."""
        return self.windows.registry(WindowsAutostart.RUN).get(NAME)

    def install(self, setup: Path | None = None, *more: str) -> int:
        return self.windows.run(setup or self.setups.first, "/S", *more).returncode

    def uninstall(self, *more: str) -> None:
        """Starts the uninstaller, which continues from a temporary folder, and waits for its end."""
        self.windows.run(self.folder / "Uninstall.exe", "/S", *more)
        until(lambda: not (self.folder / "Uninstall.exe").exists())

    @contextmanager
    def running(self) -> Iterator["subprocess.Popen[bytes]"]:
        """The app runs, and has ended at the end."""
        with self.windows.start(self.folder / APP) as app:
            try:
                until((self.own / "running").exists)
                yield app
            finally:
                (self.own / "stubborn").unlink(missing_ok=True)
                if (self.own / "running").exists():
                    (self.own / "end-asked").touch()
                assert app.wait(WAIT_S) == 0


@pytest.fixture
def desk(computer: Windows, setups: Setups) -> Iterator[Desk]:
    desk = Desk(computer, setups)
    yield desk
    shutil.rmtree(desk.folder, ignore_errors=True)
    shutil.rmtree(desk.own, ignore_errors=True)
    (desk.windows.local / "calls.txt").unlink(missing_ok=True)
    for link in desk.windows.start_menu.glob("Drawbridge*"):
        link.unlink()
    for key, name in ((WindowsAutostart.RUN, NAME), (WindowsAutostart.APPROVED, NAME)):
        computer.run("reg", "delete", f"HKCU\\{key}", "/v", name, "/f")
    computer.run("reg", "delete", f"HKCU\\{UNINSTALL}", "/f")


def test_it_installs_for_one_user_and_starts_nothing(desk: Desk) -> None:
    assert desk.install() == 0
    assert names(desk.folder) == names(desk.setups.payload) | {"Uninstall.exe"}
    link = (desk.windows.start_menu / "Drawbridge.lnk").read_bytes()
    assert APP.encode("utf-16-le") in link or APP.encode() in link
    entry = desk.windows.registry(UNINSTALL)
    assert (entry["DisplayName"], entry["DisplayVersion"]) == ("Drawbridge", "1.2.0")
    assert desk.windows.path(entry["InstallLocation"]) == desk.folder
    assert desk.windows.path(entry["UninstallString"].strip('"')) == desk.folder / "Uninstall.exe"
    assert entry["QuietUninstallString"] == f"{entry['UninstallString']} /S"
    assert "URLInfoAbout" not in entry
    assert desk.login is None
    assert desk.calls == []
    assert not desk.own.exists()


def test_an_update_asks_the_running_app_to_stop_and_leaves_nothing_of_the_old_one(desk: Desk) -> None:
    desk.install()
    (desk.folder / "notes.txt").write_text("its user's own")
    with desk.running() as app:
        (desk.own / "settings.toml").write_text("port = 8090\n")
        assert desk.install(desk.setups.second) == 0
        assert app.wait(WAIT_S) == 0
    assert desk.calls == ["stop"]
    assert names(desk.folder) == names(desk.setups.second_payload) | {"Uninstall.exe", "notes.txt"}
    assert desk.windows.registry(UNINSTALL)["DisplayVersion"] == "1.3.0rc1"
    assert (desk.own / "settings.toml").read_text() == "port = 8090\n"
    assert desk.login is None


def test_an_app_that_does_not_stop_is_left_alone_and_nothing_changes(desk: Desk) -> None:
    desk.install()
    with desk.running():
        (desk.own / "stubborn").touch()
        assert desk.install(desk.setups.second) == 2
        assert (desk.own / "running").exists()
        assert names(desk.folder) == names(desk.setups.payload) | {"Uninstall.exe"}
        assert desk.windows.registry(UNINSTALL)["DisplayVersion"] == "1.2.0"
        # Neither does it vanish under the running app. (So called, the uninstaller works from its own place.)
        place = desk.program.removesuffix(rf"\{APP}")
        done = desk.windows.run(desk.folder / "Uninstall.exe", "/S", f"_?={place}")
        assert done.returncode == 2
        assert names(desk.folder) == names(desk.setups.payload) | {"Uninstall.exe"}
        assert desk.windows.registry(UNINSTALL)["DisplayVersion"] == "1.2.0"


def test_start_at_login_is_the_value_that_the_app_itself_writes(desk: Desk) -> None:
    assert desk.install(None, "/STARTATLOGIN=1") == 0
    assert desk.login == windows_command_line([desk.program])


def test_an_update_leaves_start_at_login_as_it_is(desk: Desk) -> None:
    desk.install(None, "/STARTATLOGIN=1")
    assert desk.install(desk.setups.second) == 0
    assert desk.login == windows_command_line([desk.program])


def test_start_at_login_is_switched_off_as_it_was_switched_on(desk: Desk) -> None:
    desk.install(None, "/STARTATLOGIN=1")
    assert desk.install(None, "/STARTATLOGIN=0") == 0
    assert desk.login is None


def test_what_the_task_manager_switched_off_stays_off_at_an_update(desk: Desk) -> None:
    desk.install(None, "/STARTATLOGIN=1")
    desk.windows.set_registry(WindowsAutostart.APPROVED, NAME, "0300000000000000", "REG_BINARY")
    desk.install(desk.setups.second)
    assert desk.windows.registry(WindowsAutostart.APPROVED)[NAME].startswith("03")
    # Switched off and on again, it is on.
    desk.install(desk.setups.second, "/STARTATLOGIN=0")
    desk.windows.set_registry(WindowsAutostart.APPROVED, NAME, "0300000000000000", "REG_BINARY")
    desk.install(desk.setups.second, "/STARTATLOGIN=1")
    assert NAME not in desk.windows.registry(WindowsAutostart.APPROVED)


def test_it_goes_without_a_trace_but_the_settings(desk: Desk) -> None:
    desk.install(None, "/STARTATLOGIN=1")
    desk.windows.set_registry(WindowsAutostart.APPROVED, NAME, "0200000000000000", "REG_BINARY")
    with desk.running() as app:
        (desk.own / "settings.toml").write_text("port = 8090\n")
        desk.uninstall()
        assert app.wait(WAIT_S) == 0
    assert desk.calls == ["stop", "forget-key"]
    until(lambda: not desk.folder.exists())
    assert not list(desk.windows.start_menu.glob("Drawbridge*"))
    assert desk.windows.registry(UNINSTALL) == {}
    assert desk.login is None
    assert NAME not in desk.windows.registry(WindowsAutostart.APPROVED)
    assert names(desk.own) == {"settings.toml"}


def test_settings_are_removed_on_request(desk: Desk) -> None:
    desk.install()
    (desk.own / "Logs").mkdir(parents=True)
    (desk.own / "settings.toml").write_text("port = 8090\n")
    neighbour = desk.windows.local / "Programs" / "Another"
    neighbour.mkdir(exist_ok=True)
    desk.uninstall("/PURGE")
    until(lambda: not desk.own.exists())
    assert neighbour.exists()


def test_what_is_not_its_own_stays(desk: Desk) -> None:
    desk.install()
    (desk.folder / "notes.txt").write_text("its user's own")
    other = r'"C:\tools\drawbridgew.exe"'
    desk.windows.set_registry(WindowsAutostart.RUN, NAME, other)
    desk.uninstall()
    assert names(desk.folder) == {"notes.txt"}
    assert desk.login == other


def test_without_the_app_nothing_is_compiled(tmp_path: Path) -> None:
    done = build(tmp_path, tmp_path / "Drawbridge-setup.exe")
    assert done.returncode == 2
    assert f"There is no {APP}" in done.stderr


def test_the_installer_and_its_uninstaller_are_signed_where_there_is_a_way_to(standins: Path, tmp_path: Path) -> None:
    sign = tmp_path / "sign"
    sign.write_text(f'#!/bin/sh\nhead -c 2 "$1" >> "{tmp_path}/signed"\n')
    sign.chmod(0o755)
    done = build(standins, tmp_path / "Drawbridge-setup.exe", "--sign", str(sign))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "signed").read_bytes() == b"MZMZ"
