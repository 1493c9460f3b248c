"""Opening folders, files and pages on three systems, without blocking and with a clean environment."""

import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tray.commands import Command, Open, Quit
from tray.desktop.desktop import Desktop, IconNotifier, LinuxOpener, MacOpener, OpenAttempt, WindowsOpener, desktop_for
from tray.model import Notice

posix = pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts, not Windows'")
TIMEOUT_S = 60


def wait_for(path: Path) -> str:
    """Waits for what a background program writes."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (path.exists() and path.read_text().endswith("\n")):
        assert time.monotonic() < deadline, f"{path} has not come"
        threading.Event().wait(0.01)
    return path.read_text()


@pytest.fixture
def program(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """Creates programs in a folder that is the whole PATH; each records its arguments and environment."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(name: str, code: int = 0, before: str = "") -> dict[str, str]:
        path = folder / name
        path.write_text(
            f'#!/bin/sh\n{before}\n/usr/bin/env > {tmp_path}/{name}.env\necho "$@" > {tmp_path}/{name}\nexit {code}\n'
        )
        path.chmod(0o755)
        return {"PATH": str(folder), "HOME": str(tmp_path)}

    return make


class Quiet:
    """A notifier that shows nothing."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.fault = fault

    def show(self, notice: Notice, on_click: Callable[[Command], None]) -> None:
        if self.fault:
            raise self.fault

    def use(self, show: Callable[[str, str], None]) -> None:
        pass

    def close(self) -> None:
        pass


def linux(environ: dict[str, str]) -> Desktop:
    folder = Path(environ["PATH"])

    def which(name: str) -> str | None:
        return str(folder / name) if (folder / name).exists() else None

    return Desktop(LinuxOpener(environ, which), Quiet())


@posix
def test_pages_folders_and_files_open_with_the_desktops_program(
    program: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    desktop = linux(program("xdg-open"))
    openings: dict[str, Callable[[], None]] = {
        "http://127.0.0.1:8082/": lambda: desktop.open_page("http://127.0.0.1:8082/"),
        str(tmp_path): lambda: desktop.open_folder(tmp_path),
        str(tmp_path / "settings.toml"): lambda: desktop.open_file(tmp_path / "settings.toml"),
    }
    for thing, opening in openings.items():
        opening()
        assert wait_for(tmp_path / "xdg-open") == f"{thing}\n"
        (tmp_path / "xdg-open").unlink()


@posix
def test_openers_get_a_clean_environment_with_the_session(
    program: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    environ = program("xdg-open") | {
        "DRAWBRIDGE_API_KEY": "sesame",
        "CLAUDECODE": "1",
        "_MEIPASS2": "/tmp/mei",
        "PYTHONPATH": "/x",
        "XDG_RUNTIME_DIR": "/run/user/1",
        "WAYLAND_DISPLAY": "wayland-0",
    }
    linux(environ).open_folder(tmp_path)
    wait_for(tmp_path / "xdg-open")
    env = (tmp_path / "xdg-open.env").read_text()
    assert not [name for name in ("sesame", "CLAUDECODE", "_MEIPASS2", "PYTHONPATH") if name in env]
    assert "XDG_RUNTIME_DIR=/run/user/1\n" in env
    assert "WAYLAND_DISPLAY=wayland-0\n" in env


@posix
def test_if_the_first_program_fails_the_next_one_is_tried(
    program: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    program("xdg-open", code=3)
    linux(program("gio")).open_page("https://example.org/?a=1&b=2")
    assert wait_for(tmp_path / "gio") == "open https://example.org/?a=1&b=2\n"


@posix
def test_a_file_without_an_editor_opens_its_folder(program: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    before = f'[ "$1" = {tmp_path} ] || exit 4'
    linux(program("xdg-open", before=before)).open_file(tmp_path / "settings.toml")
    assert wait_for(tmp_path / "xdg-open") == f"{tmp_path}\n"


@posix
def test_a_long_running_opener_blocks_nothing(program: Callable[..., dict[str, str]], tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    desktop = linux(program("xdg-open", before=f"read line < {gate}"))
    desktop.open_page("https://example.org")
    assert not (tmp_path / "xdg-open").exists()
    gate.write_text("go\n")
    wait_for(tmp_path / "xdg-open")


def test_a_failure_of_all_programs_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Desktop(LinuxOpener({"PATH": ""}, lambda _: None), Quiet()).open_folder(tmp_path)
    _join()
    assert f"no program on this desktop could open {tmp_path}" in caplog.text


@pytest.mark.parametrize("url", ["file:///etc/passwd", "javascript:alert(1)", "--help", ""])
def test_only_web_pages_are_opened(url: str, caplog: pytest.LogCaptureFixture) -> None:
    class Never:
        def folder(self, path: Path) -> Sequence[OpenAttempt]:
            raise AssertionError

        file = page = folder

    Desktop(Never(), Quiet()).open_page(url)  # type: ignore[arg-type] # it is never asked
    assert "is not a web page" in caplog.text


class Started:
    """A fake of `os.startfile`."""

    def __init__(self, fault: OSError | None = None) -> None:
        self.things: list[str] = []
        self.fault = fault

    def __call__(self, thing: str) -> None:
        self.things.append(thing)
        if self.fault:
            raise self.fault


def test_windows_opens_pages_and_files_with_startfile() -> None:
    start = Started()
    opener = WindowsOpener({}, start)
    assert opener.page("https://example.org")[0]() is True
    assert opener.file(Path("settings.toml"))[0]() is True
    assert start.things == ["https://example.org", "settings.toml"]


@posix
def test_windows_falls_back_to_notepad_and_ignores_explorers_exit_code(
    program: Callable[..., dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tray.desktop.desktop._NO_WINDOW", {})
    environ = program("explorer.exe", code=1)
    program("notepad.exe")
    monkeypatch.setenv("PATH", environ["PATH"])
    desktop = Desktop(WindowsOpener(environ, Started(OSError(1155, "no association"))), Quiet())
    desktop.open_file(tmp_path / "settings.toml")
    assert wait_for(tmp_path / "notepad.exe") == f"{tmp_path}/settings.toml\n"
    desktop.open_folder(tmp_path)
    assert wait_for(tmp_path / "explorer.exe") == f"{tmp_path}\n"
    _join()


def test_on_macos_a_text_file_opens_in_the_text_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr("tray.desktop.desktop._running", lambda command, *_, **__: commands.append(command))
    opener = MacOpener({})
    opener.folder(Path("/logs"))
    opener.file(Path("/settings.toml"))
    opener.page("https://example.org")
    assert commands == [
        ["/usr/bin/open", "/logs"],
        ["/usr/bin/open", "-t", "/settings.toml"],
        ["/usr/bin/open", "https://example.org"],
    ]


def test_a_notification_never_raises(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    Desktop(LinuxOpener({}), Quiet(RuntimeError("no"))).notify(Notice("Title", "its text"), lambda _: None)
    assert "no notification: RuntimeError" in caplog.text
    assert "its text" not in caplog.text


def test_early_notifications_are_shown_in_order_and_the_icon_may_block_or_fail() -> None:
    """On macOS it blocks until the notification is shown."""
    notifier, shown, gate, here = IconNotifier(), [], threading.Event(), threading.get_ident()
    notifier.show(Notice("one", "1", Quit(), "Quit"), lambda _: None)

    def show(title: str, text: str) -> None:
        gate.wait(TIMEOUT_S)
        shown.append((title, text, threading.get_ident() != here))
        if title == "one":
            raise RuntimeError("the icon is gone")

    notifier.use(show)
    notifier.show(Notice("two", "2"), lambda _: None)
    assert shown == []
    gate.set()
    notifier.close()
    assert notifier._thread is not None
    notifier._thread.join(TIMEOUT_S)
    assert shown == [("one", "1", True), ("two", "2", True)]


def test_a_click_does_what_the_shown_notification_says_not_a_later_one() -> None:
    notifier, shown, clicked = IconNotifier(), threading.Semaphore(0), list[Command]()
    gate = threading.Semaphore(0)

    def show(title: str, text: str) -> None:
        shown.release()
        gate.acquire(timeout=TIMEOUT_S)

    notifier.show(Notice("one", "1", Quit(), "Quit"), clicked.append)
    notifier.show(Notice("two", "2", Open("log folder"), "Open the log"), clicked.append)
    notifier.show(Notice("three", "3"), clicked.append)
    notifier.use(show)
    for _ in range(3):
        assert shown.acquire(timeout=TIMEOUT_S)
        notifier.clicked()
        gate.release()
    notifier.close()
    assert clicked == [Quit(), Open("log folder")]


def test_each_system_has_its_desktop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "startfile", Started(), raising=False)
    for platform in ("linux", "darwin", "win32"):
        desktop = desktop_for(platform, {})
        desktop.use_icon(lambda title, text: None)
        desktop.close()


def _join() -> None:
    for thread in threading.enumerate():
        if thread.name == "drawbridge-open":
            thread.join(TIMEOUT_S)


def test_what_nothing_opens_is_said_with_its_place_and_without_the_ticket(caplog: pytest.LogCaptureFixture) -> None:
    shown: list[Notice] = []

    class Showing(Quiet):
        def show(self, notice: Notice, on_click: object) -> None:
            shown.append(notice)

    Desktop(LinuxOpener({"PATH": ""}, lambda _: None), Showing()).open_page("http://127.0.0.1:8082/#open=ticket")
    _join()
    text = "No program on this desktop opens http://127.0.0.1:8082/"
    assert shown == [Notice("It could not be opened", text)]
    assert "ticket" not in caplog.text
