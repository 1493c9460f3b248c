"""Starts the real app for a test, on a private session bus."""

import asyncio
import difflib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import psutil

from tests.ports import free_one_of, free_port
from tests.tray.trayhost import Icon, TrayHost
from tests.whole.bridge import ROOT, child_environment, is_claude
from tests.whole.checked import keep_verdict
from tray.model import PORT_PRESETS

END_S = 40.0
_LISTENS = "server.runtime.runner: listening on "
GOLDEN = Path(__file__).parent / "golden"


class App:
    """A running app: its process, its icon, its folders and what it printed."""

    def __init__(
        self, process: subprocess.Popen[str], host: TrayHost | None, folder: Path, environment: dict[str, str]
    ) -> None:
        self.process = process
        self._host = host
        self.folder = folder
        self.environment = environment

    @property
    def host(self) -> TrayHost:
        """The tray."""
        assert self._host is not None, "this test has no tray"
        return self._host

    @property
    def item(self) -> Icon:
        """The icon; waits for it."""
        return self.host.wait_item()

    def until(self, *texts: str) -> str:
        """Waits until the menu contains all `texts`; returns the menu."""
        text: str = self.item.wait_menu(lambda menu: all(text in menu.text() for text in texts)).text()
        return text

    def until_not(self, *texts: str) -> str:
        """Waits until the menu contains none of `texts`; returns the menu."""
        text: str = self.item.wait_menu(lambda menu: not any(text in menu.text() for text in texts)).text()
        return text

    @property
    def stdout(self) -> str:
        """What it has printed on stdout."""
        return _output(self.folder, "out", self.process.pid).read_text()

    @property
    def stderr(self) -> str:
        """What it has printed on stderr."""
        return _output(self.folder, "err", self.process.pid).read_text()

    @property
    def opened(self) -> list[str]:
        """The pages it has opened in the browser."""
        path = self.folder / "opened"
        return path.read_text().splitlines() if path.exists() else []

    @property
    def port(self) -> int:
        """Where it listens, from its status line."""
        found = re.search(r"on port (\d+)", self.until("unning on port"))
        assert found is not None
        return int(found[1])

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Sends a request to the server."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False, timeout=30)

    def chat(self, text: str = "hi", **headers: str) -> httpx.Response:
        """Sends a chat completion request."""
        body = {"messages": [{"role": "user", "content": text}]}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        return httpx.post(url, json=body, headers=headers, trust_env=False, timeout=60)

    @property
    def settings_file(self) -> Path:
        """The path of the settings file."""
        return self.folder / "home" / ".config" / "drawbridge" / "settings.toml"

    @property
    def settings(self) -> str:
        """The settings file's text."""
        return self.settings_file.read_text() if self.settings_file.exists() else ""

    @property
    def log(self) -> str:
        """Its log files."""
        return "".join(path.read_text() for path in (self.folder / "home").rglob("*.log*"))

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs a command of the same user."""
        return subprocess.run(
            [sys.executable, "-m", "tray", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=END_S,
        )

    def restart(self) -> None:
        """Restarts the server from the menu, and waits until the new one runs."""
        port, before = self.port, self.log.count(_LISTENS)
        self.item.click("Restart")
        self.host.wait(lambda: self.log.count(_LISTENS) > before or None)
        self.until(f"Running on port {port}")

    def workers(self) -> list[psutil.Process]:
        """Its Claude Code processes, without their own children, which look the same for a moment."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if is_claude(child)]

    def quit(self) -> int:
        """Quits from the menu; returns the exit code."""
        self.click_quit()
        return self.process.wait(END_S)

    def click_quit(self) -> None:
        """Clicks the menu's last line."""
        (line,) = [line for line in self.item.menu().children if line.label.startswith("Quit") and line.enabled]
        self.item.click_id(line.id)

    def assert_menu(self, name: str, *texts: str) -> None:
        """Waits until the menu contains `texts`, then until it is the golden file of that name.

        A missing golden file is written, so delete it to renew it.
        """
        menu = steady(self.until(*texts), self.folder)
        golden = GOLDEN / f"{name}.txt"
        if not golden.exists():
            golden.parent.mkdir(exist_ok=True)
            golden.write_text(menu)
        wanted = golden.read_text()
        with suppress(TimeoutError):
            menu = self.host.wait(lambda: wanted if steady(self.item.menu().text(), self.folder) == wanted else None)
        menu = menu if menu == wanted else steady(self.item.menu().text(), self.folder)
        lines = difflib.unified_diff(wanted.splitlines(), menu.splitlines(), f"{name}.txt", "menu", lineterm="")
        assert menu == wanted, "\n".join(lines)


def listens(port: int, address: str = "127.0.0.1") -> bool:
    """Whether a program of this computer listens on this port."""
    with socket.socket() as probe:
        return probe.connect_ex((address, port)) == 0


def free_preset() -> int:
    """Returns a port of the menu on which nothing listens."""
    return free_one_of(PORT_PRESETS)


def steady(menu: str, folder: Path) -> str:
    """The menu without what differs from run to run. A port is PORT, except those that the menu offers."""
    menu = menu.replace(str(folder), "FOLDER")
    menu = re.sub(r"\b127\.0\.0\.1:\d+", "HOST:PORT", menu)
    menu = re.sub(r"(?m)(?:(?<=ort )|(?<=ort: ))\d{4,5}\b|(?<=\(o\) )\d{4,5}$", "PORT", menu)
    menu = re.sub(r"\bby python[\d.]* \(pid \d+\)", "by python (pid PID)", menu)
    return re.sub(r"\b\d+\.\d+\.\d+(?:\.\d+)?\b", "N.N.N", menu)


@contextmanager
def open_app(
    folder: Path,
    address: str,
    host: TrayHost | None,
    *options: str,
    settings: str = "",
    environment: Mapping[str, str] | None = None,
    is_demo: bool = True,
    cli: Path | None = None,
    program: str = "tray",
    command: Sequence[str] = (),
) -> Iterator[App]:
    """Runs `python -m tray`, or `command`, with its folders in `folder`, on the session bus at `address`.

    A new settings file gets a free port, `settings`, and `cli` as the path of Claude Code. A verdict of the self-check
    is already stored.
    """
    more = {"DRAWBRIDGE_DEMO": "1"} if is_demo else {}
    child = child_environment(folder, DBUS_SESSION_BUS_ADDRESS=address, **more, **(environment or {}))
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    child["TMPDIR"] = str(temporary)
    child["PATH"] = f"{_browser(folder)}:{child['PATH']}"
    asyncio.run(keep_verdict(folder / "home" / ".local" / "share" / "drawbridge", cli))
    named = f"cli_path = '{cli}'\n" if cli is not None else ""
    file = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Not the default port, which other tests may use.
        file.write_text(f"port = {free_port()}\n{named}{settings}")
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        process = subprocess.Popen(
            [*(command or (sys.executable, "-m", program)), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            text=True,
            cwd=ROOT,
            env=child,
        )
    for name in ("out", "err"):
        (folder / name).rename(_output(folder, name, process.pid))
    try:
        yield App(process, host, folder, child)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _browser(folder: Path) -> Path:
    """A folder for PATH with a browser that writes down what it is told to open."""
    program = folder / "bin" / "xdg-open"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        program.write_text(f'#!/bin/sh\necho "$1" >> "{folder / "opened"}"\n')
        program.chmod(0o755)
    return program.parent


def _output(folder: Path, name: str, pid: int) -> Path:
    return folder / f"{name}-{pid}.txt"
