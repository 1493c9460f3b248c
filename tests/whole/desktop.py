"""Starts the real app for a test, on a bus and with a tray of its own."""

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
    """A running app: its process, its icon and its folders."""

    def __init__(
        self, process: subprocess.Popen[str], host: TrayHost, folder: Path, environment: dict[str, str]
    ) -> None:
        self.process = process
        self.host = host
        self.folder = folder
        self.environment = environment

    @property
    def item(self) -> Icon:
        """The icon, once it has come."""
        return self.host.wait_item()

    def until(self, *words: str) -> str:
        """Waits until the menu says all of `words`; the menu."""
        text: str = self.item.wait_menu(lambda menu: all(word in menu.text() for word in words)).text()
        return text

    def until_not(self, *words: str) -> str:
        """Waits until the menu says none of `words` any more; the menu."""
        text: str = self.item.wait_menu(lambda menu: not any(word in menu.text() for word in words)).text()
        return text

    @property
    def port(self) -> int:
        """Where it listens, as its status line says."""
        found = re.search(r"on port (\d+)", self.until("unning on port"))
        assert found is not None
        return int(found[1])

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Asks the server."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False, timeout=30)

    def chat(self, text: str = "hi", **headers: str) -> httpx.Response:
        """One whole chat."""
        body = {"messages": [{"role": "user", "content": text}]}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        return httpx.post(url, json=body, headers=headers, trust_env=False, timeout=60)

    @property
    def settings_file(self) -> Path:
        """Where the settings are."""
        return self.folder / "home" / ".config" / "drawbridge" / "settings.toml"

    @property
    def settings(self) -> str:
        """The settings file's text."""
        return self.settings_file.read_text() if self.settings_file.exists() else ""

    @property
    def log(self) -> str:
        """What its log says so far."""
        return "".join(path.read_text() for path in (self.folder / "home").rglob("*.log*"))

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command line of the same user."""
        return subprocess.run(
            [sys.executable, "-m", "tray", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=END_S,
        )

    def restart(self) -> None:
        """Restarts the server by the menu, and waits until another one runs."""
        port, before = self.port, self.log.count(_LISTENS)
        self.item.click("Restart")
        self.host.wait(lambda: self.log.count(_LISTENS) > before or None)
        self.until(f"Running on port {port}")

    def workers(self) -> list[psutil.Process]:
        """The Claude Code processes below it; not what they start themselves, which looks like them for a moment."""
        children = psutil.Process(self.process.pid).children()
        return [child for child in children if is_claude(child)]

    def quit(self) -> int:
        """Quits by the menu; the exit code."""
        self.click_quit()
        return self.process.wait(END_S)

    def click_quit(self) -> None:
        """The last line of the menu, whatever it says besides."""
        (line,) = [line for line in self.item.menu().children if line.label.startswith("Quit") and line.enabled]
        self.item.click_id(line.id)

    def assert_menu(self, name: str, *words: str) -> None:
        """Waits until the menu says `words` and is the golden text of that name, in all its lines.

        What comes from Claude Code comes a little later. A text that is missing is written: delete it to have it anew.
        """
        menu = steady(self.until(*words), self.folder)
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


def listens(port: int) -> bool:
    """Whether somebody does on this computer."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_preset() -> int:
    """Returns a port of the menu on which nothing listens."""
    return free_one_of(PORT_PRESETS)


def steady(menu: str, folder: Path) -> str:
    """The menu without what differs from run to run. A port is PORT, but for those that the menu itself offers."""
    menu = menu.replace(str(folder), "FOLDER")
    menu = re.sub(r"\b127\.0\.0\.1:\d+", "HOST:PORT", menu)
    menu = re.sub(r"(?m)(?<=ort )\d{4,5}\b|(?<=\(o\) )\d{4,5}$", "PORT", menu)
    menu = re.sub(r"\bby python[\d.]* \(pid \d+\)", "by python (pid PID)", menu)
    return re.sub(r"\b\d+\.\d+\.\d+(?:\.\d+)?\b", "N.N.N", menu)


@contextmanager
def open_app(
    folder: Path,
    address: str,
    host: TrayHost,
    *options: str,
    settings: str = "",
    environment: Mapping[str, str] | None = None,
    is_demo: bool = True,
    cli: Path | None = None,
    program: str = "tray",
    command: Sequence[str] = (),
) -> Iterator[App]:
    """`python -m tray`, or `command`, with its folders below `folder`, on the session bus at `address`, on a free port.

    `settings` is more of its settings file, `cli` the Claude Code that these name, if any. The self-check has passed in
    an earlier run.
    """
    more = {"DRAWBRIDGE_DEMO": "1"} if is_demo else {}
    child = child_environment(folder, DBUS_SESSION_BUS_ADDRESS=address, **more, **(environment or {}))
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    child["TMPDIR"] = str(temporary)
    asyncio.run(keep_verdict(folder / "home" / ".local" / "share" / "drawbridge", cli))
    named = f"cli_path = '{cli}'\n" if cli is not None else ""
    file = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        # Not the default port: other tests of this computer may be at it.
        file.write_text(f"port = {free_port()}\n{named}{settings}")
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(
            [*(command or (sys.executable, "-m", program)), *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=child,
        )
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
