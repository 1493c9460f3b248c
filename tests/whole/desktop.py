"""Starts the real app for a test, on a bus and with a tray of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.tray.trayhost import Icon, TrayHost
from tests.whole.bridge import ROOT, child_environment

END_S = 40.0


class App:
    """A running app: its process, its icon and its folders."""

    def __init__(self, process: subprocess.Popen[str], host: TrayHost, folder: Path) -> None:
        self.process = process
        self.host = host
        self.folder = folder

    @property
    def item(self) -> Icon:
        """The icon, once it has come."""
        return self.host.wait_item()

    def until(self, *words: str) -> str:
        """Waits until the menu says all of `words`; the menu."""
        text: str = self.item.wait_menu(lambda menu: all(word in menu.text() for word in words)).text()
        return text

    @property
    def port(self) -> int:
        """Where it listens, as its status line says."""
        line = self.until("Running").splitlines()[0]
        return int("".join(letter for letter in line.split("port")[1].split(",")[0] if letter.isdigit()))

    def get(self, path: str, **headers: str) -> httpx.Response:
        """Asks the server."""
        return httpx.get(f"http://127.0.0.1:{self.port}{path}", headers=headers, trust_env=False, timeout=30)

    def chat(self, text: str = "hi", **headers: str) -> httpx.Response:
        """One whole chat."""
        body = {"messages": [{"role": "user", "content": text}]}
        url = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        return httpx.post(url, json=body, headers=headers, trust_env=False, timeout=60)

    @property
    def settings(self) -> str:
        """The settings file."""
        path = self.folder / "home" / ".config" / "drawbridge" / "settings.toml"
        return path.read_text() if path.exists() else ""

    def quit(self) -> int:
        """Quits by the menu; the exit code."""
        (line,) = [line for line in self.item.menu().children if line.label.startswith("Quit")]
        self.item.click_id(line.id)
        return self.process.wait(END_S)


@contextmanager
def open_app(
    folder: Path, address: str, host: TrayHost, *options: str, environment: Mapping[str, str] | None = None
) -> Iterator[App]:
    """`python -m tray` in demo mode, with its folders below `folder`, on the session bus at `address`."""
    child = child_environment(folder, DBUS_SESSION_BUS_ADDRESS=address, DRAWBRIDGE_DEMO="1", **(environment or {}))
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    child["TMPDIR"] = str(temporary)
    with (folder / "out.txt").open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tray", *options],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env=child,
        )
    try:
        yield App(process, host, folder)
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGTERM)
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
