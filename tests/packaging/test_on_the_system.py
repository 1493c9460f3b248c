"""Installs and runs a package on the system that it is for. The workflows build the packages first."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from tests.installed import ENVIRONMENT, ROOT

# Read before the `clean_environment` fixture removes it.
PACKAGES = os.environ.get("DRAWBRIDGE_PACKAGES", "")
IS_SLIM = bool(os.environ.get("DRAWBRIDGE_WITHOUT_CLI"))
WAIT_S = 90.0

pytestmark = pytest.mark.timeout(600)
windows = pytest.mark.skipif(not PACKAGES or sys.platform != "win32", reason="the installer of Windows is tried there")
macos = pytest.mark.skipif(not PACKAGES or sys.platform != "darwin", reason="the disk image of macOS is tried there")

linux = pytest.mark.skipif(
    not PACKAGES or sys.platform != "linux",
    reason="the workflow tries the AppImage, as the packages of Windows and macOS",
)


def package(ending: str) -> Path:
    (found,) = (ROOT / PACKAGES).glob(f"drawbridge_*{ending}")
    return found


def run(*command: str | Path, **variables: str) -> str:
    environment = {**ENVIRONMENT, **variables}
    done = subprocess.run([*map(str, command)], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout + done.stderr


def until(condition: Callable[[], object], message: str) -> None:
    """Waits, with a timeout, until another program has made it so."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, message
        time.sleep(0.2)


def self_tested(program: Path) -> None:
    """Without a Claude Code of its own it takes the project's."""
    from server.claude.cli.locate import bundled_cli

    more = ["--cli-path", str(bundled_cli())] if IS_SLIM else []
    # An AppImage mounts itself where it can; the machines of a workflow cannot.
    print(run(program, "doctor", "--self-test", *more, APPIMAGE_EXTRACT_AND_RUN="1"))


def processes_in(folder: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if Path(process.exe()).is_relative_to(folder):
                found.append(process.exe())
    return found


@contextmanager
def app_running(app: Path, commands: Path, *options: str) -> Iterator[None]:
    """The icon's program runs and serves; whatever is left of it at the end is ended."""
    process = subprocess.Popen(
        [app, "--demo", *options], env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    try:
        until(lambda: status(commands) == 0, f"the app does not serve; it ended with {process.poll()}")
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        process.wait(WAIT_S)


def status(commands: Path) -> int:
    return subprocess.run([commands, "status"], env=ENVIRONMENT, capture_output=True, timeout=60).returncode


@windows
def test_the_installer_of_windows_from_its_first_run_to_the_last_trace() -> None:
    setup = package("-setup.exe")
    folder = Path(ENVIRONMENT["LOCALAPPDATA"]) / "Programs" / "Drawbridge"
    menu = Path(ENVIRONMENT["APPDATA"]) / "Microsoft" / "Windows" / "Start Menu" / "Programs" / "Drawbridge.lnk"
    commands = folder / "drawbridge.exe"
    run(setup, "/S")
    assert menu.exists()
    self_tested(commands)
    with app_running(folder / "drawbridgew.exe", commands):
        # An update over the running app.
        run(setup, "/S", "/STARTATLOGIN=1")
        assert status(commands) == 1
    assert str(folder / "drawbridgew.exe") in at_login()
    subprocess.run([folder / "Uninstall.exe", "/S"], env=ENVIRONMENT, check=True, timeout=120)
    until(lambda: not folder.exists(), f"left: {list(folder.rglob('*'))[:9]}")
    assert not menu.exists()
    assert "drawbridgew" not in at_login()
    assert processes_in(folder) == []


def at_login() -> str:
    key = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
    return subprocess.run(["reg", "query", key], capture_output=True, text=True).stdout


@macos
def test_the_disk_image_of_macos_holds_an_app_whose_seal_is_whole_and_that_runs(tmp_path: Path) -> None:
    image, volume = package(".dmg"), tmp_path / "volume"
    run("hdiutil", "attach", "-nobrowse", "-readonly", "-mountpoint", volume, image)
    try:
        assert (volume / "Applications").is_symlink()
        run("ditto", volume / "Drawbridge.app", tmp_path / "Drawbridge.app")
    finally:
        run("hdiutil", "detach", "-force", volume)
    app = tmp_path / "Drawbridge.app"
    run("codesign", "--verify", "--deep", "--strict", app)
    program = app / "Contents" / "MacOS" / "drawbridge"
    self_tested(program)
    # Nothing was written into it: that would break the seal.
    run("codesign", "--verify", "--deep", "--strict", app)
    with app_running(program, program):
        run(program, "stop")
    assert processes_in(app) == []


@linux
def test_the_appimage_starts_and_answers() -> None:
    self_tested(package(".AppImage"))
