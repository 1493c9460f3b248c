"""The app as a program, a demo over the real Claude Code: its icon, its terminal, its signals, and a second start."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.tray.scene import ask, wait_for
from tests.tray.trayhost import Icon, TrayHost
from tests.whole.bridge import is_claude

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests' tray is Linux'; not Windows, not macOS")

ROOT = Path(__file__).parents[2]
SECONDS = 60


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class App:
    """The program, started as a person or a script would. `opened` is what the browser was told to open."""

    def __init__(self, home: Path, *arguments: str, program: tuple[str, ...], variables: dict[str, str]) -> None:
        self.home = home
        self.environ = {**os.environ, "PATH": f"{home / 'bin'}:{os.environ['PATH']}", **variables}
        self.process = subprocess.Popen(
            [sys.executable, *program, *arguments],
            cwd=ROOT,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def first_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def port(self) -> int:
        line = self.first_line()
        assert line.startswith("Drawbridge listening on http://127.0.0.1:"), (line, self.end())
        return int(line.rpartition(":")[2].removesuffix("/v1\n"))

    def end(self) -> tuple[int, str, str]:
        """Waits for its end: exit code, the rest of stdout, stderr."""
        out, err = self.process.communicate(timeout=SECONDS)
        return self.process.returncode, out, err

    def command(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Another command line of the same user."""
        return subprocess.run(
            [sys.executable, "-m", "tray", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )

    @property
    def opened(self) -> list[str]:
        path = self.home / "opened"
        return path.read_text().splitlines() if path.exists() else []

    def workers(self) -> list[psutil.Process]:
        children = psutil.Process(self.process.pid).children(recursive=True)
        return [child for child in children if is_claude(child)]


Launch = Callable[..., App]


def lives(process: psutil.Process) -> bool:
    """Not so a zombie: where the first process reaps nobody, what it inherits stays one."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


def until_line(item: Icon, line: str) -> None:
    """Waits until the menu has this line."""
    item.wait_menu(lambda menu: any(child.label == line for child in menu.children))


@pytest.fixture
def launch(tmp_path: Path, bus: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Launch]:
    """Starts apps of one user, whose browser writes down what it is to open; leaves none behind."""
    browser = tmp_path / "bin" / "xdg-open"
    browser.parent.mkdir()
    browser.write_text(f'#!/bin/sh\necho "$1" >> {tmp_path / "opened"}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("DISPLAY", raising=False)
    apps: list[App] = []

    def launched(*arguments: str, program: tuple[str, ...] = ("-m", "tray"), **variables: str) -> App:
        apps.append(App(tmp_path, "--demo", *arguments, program=program, variables=variables))
        return apps[-1]

    yield launched
    for app in apps:
        if app.process.poll() is None:
            app.process.kill()
        for pipe in (app.process.stdout, app.process.stderr):
            if pipe is not None:
                pipe.close()
        app.process.wait()


def test_the_icon_comes_the_menu_works_and_quit_ends_it(launch: Launch, host: TrayHost) -> None:
    port = free_port()
    app = launch("--port", str(port))
    item = host.wait_item()
    assert app.port() == port
    until_line(item, f"Running on port {port} (demo)")
    item.click("Stop")
    until_line(item, "Stopped (demo)")
    item.click("Start")
    until_line(item, f"Running on port {port} (demo)")
    item.click("Pool size", "6")
    wait_for(lambda: ask(port, "/health")[1]["pool"]["size"] == 6)
    item.click("Quit")
    code, _, err = app.end()
    assert code == 0, err
    host.wait_gone()


_WATCHED = """
import sys, time
from importlib.abc import MetaPathFinder

class Seen(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {"fastapi", "uvicorn", "claude_agent_sdk"} and name not in seen:
            seen[name] = any(type(thing).__name__ == "View" and thing.has_host for thing in views)
        return None

seen, views = {}, []
sys.meta_path.insert(0, Seen())
import tray.control.controller, tray.icon.view
# Which of both comes first is the question, not how fast this computer is.
tray.control.controller.ICON_LOOKS, tray.control.controller.ICON_WAIT_S = 3000, 30.0
made = tray.icon.view.View.__init__

def remembering(self, *given, **more):
    made(self, *given, **more)
    views.append(self)

ran = tray.icon.view.View.run

def late(self):
    # So long would the libraries have to come first.
    time.sleep(1)
    ran(self)

tray.icon.view.View.__init__, tray.icon.view.View.run = remembering, late
from tray.__main__ import main
try:
    main()
finally:
    print(__import__("json").dumps(seen))
"""


def test_the_icon_is_seen_before_the_servers_libraries_are_imported(launch: Launch, host: TrayHost) -> None:
    app = launch("--port", str(free_port()), program=("-c", _WATCHED))
    host.wait_item()
    app.port()
    app.command("stop")
    _, out, err = app.end()
    assert json.loads(out) == {"fastapi": True, "uvicorn": True, "claude_agent_sdk": True}, err


def test_the_commands_talk_to_it(launch: Launch, host: TrayHost) -> None:
    app = launch()
    port = app.port()
    status = json.loads(app.command("status", "--json").stdout)
    assert (status["state"], status["pid"]) == ("running", app.process.pid)
    assert "demo" in app.command("ask", "hello").stdout
    stopped = app.command("stop")
    assert (stopped.returncode, app.end()[0]) == (0, 0)
    assert app.command("status").returncode == 1
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_second_start_opens_the_page_of_the_first_and_ends(launch: Launch, host: TrayHost) -> None:
    app = launch()
    port = app.port()
    second = launch()
    code, out, err = second.end()
    assert (code, out) == (0, "")
    assert f"already running, at http://127.0.0.1:{port}/v1 (pid {app.process.pid})" in err
    wait_for(lambda: app.opened == [f"http://127.0.0.1:{port}/"])
    assert app.process.poll() is None


def test_a_second_start_beside_a_stopped_server_says_where_to_start_it(launch: Launch, host: TrayHost) -> None:
    app = launch()
    item = host.wait_item()
    app.port()
    item.click("Stop")
    until_line(item, "Stopped (demo)")
    code, _, err = launch().end()
    assert (code, app.opened) == (0, [])
    assert "choose 'Start' in the menu" in err
    host.wait_notification("open already")


def test_without_a_tray_it_says_so_opens_its_page_and_serves_on(launch: Launch) -> None:
    app = launch()
    port = app.port()
    wait_for(lambda: app.opened == [f"http://127.0.0.1:{port}/"])
    assert ask(port, "/health")[1]["status"] == "ok"
    assert app.command("stop").returncode == 0
    code, _, err = app.end()
    assert (code, err.count("without an icon")) == (0, 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_quits_it(launch: Launch, host: TrayHost, number: signal.Signals) -> None:
    app = launch()
    app.port()
    app.process.send_signal(number)
    assert app.end()[0] == 0
    host.wait_gone()


def test_a_kill_leaves_no_claude_behind_and_the_next_start_is_clean(launch: Launch, host: TrayHost) -> None:
    app = launch("--port", str(free_port()))
    port = app.port()
    wait_for(app.workers)
    workers = app.workers()
    app.process.kill()
    app.process.wait()
    wait_for(lambda: not any(map(lives, workers)))
    again = launch("--port", str(port))
    assert again.port() == port
    assert again.command("stop").returncode == 0
    code, _, err = again.end()
    assert (code, [line for line in err.splitlines() if "log is in" not in line]) == (0, [])


def test_a_program_without_a_console_lives(launch: Launch, host: TrayHost) -> None:
    port = free_port()
    code = "import sys; sys.stdout = sys.stderr = sys.stdin = None; from tray.__main__ import main; main()"
    app = launch("--port", str(port), program=("-c", code))
    item = host.wait_item()
    until_line(item, f"Running on port {port} (demo)")
    item.click("Quit")
    assert app.end()[:2] == (0, "")


def test_variables_with_our_name_pin_settings_and_others_do_nothing(launch: Launch, host: TrayHost) -> None:
    port = free_port()
    app = launch(DRAWBRIDGE_PORT=str(port), PORT="1", POOL_SIZE="1")
    item = host.wait_item()
    assert app.port() == port
    until_line(item, f"Port: {port} (set by DRAWBRIDGE_PORT)")
    assert item.menu().find("Pool size", "3").checked


def test_a_wrong_variable_ends_it_with_a_sentence_and_a_notification(launch: Launch, host: TrayHost) -> None:
    code, _, err = launch(DRAWBRIDGE_PORT="many").end()
    assert code == 1
    assert "DRAWBRIDGE_PORT takes a number" in err
    host.wait_notification("cannot be used")
