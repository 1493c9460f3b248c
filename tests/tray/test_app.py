"""The app as a program, a demo with the real Claude Code: its terminal, its signals, and a second start."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from tests.ports import free_port
from tests.tray.scene import ask, wait_for
from tests.tray.trayhost import TrayHost
from tests.whole.desktop import END_S, App, open_app

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the tests' tray is Linux'; not Windows, not macOS")

Launch = Callable[..., App]


@pytest.fixture
def launch(tmp_path: Path, bus: str, request: pytest.FixtureRequest) -> Iterator[Launch]:
    """Starts apps of one user; with a tray if the test has one."""
    host = request.getfixturevalue("host") if "host" in request.fixturenames else None
    with ExitStack() as apps:

        def launched(*options: str, code: str = "", **variables: str) -> App:
            command = (sys.executable, "-c", code) if code else ()
            return apps.enter_context(open_app(tmp_path, bus, host, *options, environment=variables, command=command))

        yield launched


def port_of(app: App) -> int:
    """Waits for the first line on stdout; returns the port in it."""
    wait_for(lambda: "\n" in app.stdout or app.process.poll() is not None)
    line = app.stdout.partition("\n")[0]
    assert line.startswith("Drawbridge listening on http://127.0.0.1:"), (line, app.stderr)
    return int(line.rpartition(":")[2].removesuffix("/v1"))


def exit_code(app: App) -> int:
    return app.process.wait(END_S)


def lives(process: psutil.Process) -> bool:
    """Whether it runs; not as a zombie, which it stays where process 1 reaps no children."""
    with suppress(psutil.NoSuchProcess):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False


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
import tray.control.polling, tray.icon.view
# The order counts, not the speed of this computer.
tray.control.polling.ICON_TIMEOUT_S = 30.0
made = tray.icon.view.View.__init__

def remembering(self, *given, **more):
    made(self, *given, **more)
    views.append(self)

ran = tray.icon.view.View.run

def late(self):
    # The libraries would be imported in this second.
    time.sleep(1)
    ran(self)

tray.icon.view.View.__init__, tray.icon.view.View.run = remembering, late
from tray.__main__ import main
try:
    main()
finally:
    print(__import__("json").dumps(seen))
"""


def test_the_icon_is_shown_before_the_servers_libraries_are_imported(launch: Launch, host: TrayHost) -> None:
    app = launch(code=_WATCHED)
    host.wait_item()
    port_of(app)
    app.command("stop")
    assert exit_code(app) == 0
    seen = json.loads(app.stdout.splitlines()[-1])
    assert seen == {"fastapi": True, "uvicorn": True, "claude_agent_sdk": True}, app.stderr


def test_commands_reach_the_app(launch: Launch, host: TrayHost) -> None:
    app = launch("--port", str(port := free_port()))
    assert port_of(app) == port
    status = json.loads(app.command("status", "--json").stdout)
    assert (status["state"], status["pid"]) == ("running", app.process.pid)
    assert "demo" in app.command("ask", "hello").stdout
    stopped = app.command("stop")
    assert (stopped.returncode, exit_code(app)) == (0, 0)
    assert app.command("status").returncode == 1
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_second_start_opens_the_page_of_the_first_and_ends(launch: Launch, host: TrayHost) -> None:
    app = launch()
    port = port_of(app)
    second = launch()
    assert (exit_code(second), second.stdout) == (0, "")
    assert f"already running at http://127.0.0.1:{port}/v1 (pid {app.process.pid})" in second.stderr
    wait_for(lambda: [url.partition("#open=")[0] for url in app.opened] == [f"http://127.0.0.1:{port}/"])
    assert app.process.poll() is None


def test_a_second_start_without_a_running_server_says_the_state(launch: Launch, host: TrayHost) -> None:
    app = launch()
    port_of(app)
    app.item.click("Stop")
    app.until("Stopped (demo)")
    second = launch()
    assert (exit_code(second), second.opened) == (0, [])
    assert "Drawbridge is open already. Stopped (demo). See the menu of its icon" in second.stderr
    host.wait_notification("open already")


def test_a_second_start_says_why_the_server_of_the_first_is_down_and_it_mends_itself(
    launch: Launch, host: TrayHost
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        app = launch("--port", str(port))
        app.until("Failed (demo)", f"Port {port} on 127.0.0.1 is taken by")
        second = launch()
        assert (exit_code(second), second.opened) == (0, [])
        assert f"Failed (demo). Port {port} on 127.0.0.1 is taken by" in second.stderr
    assert port_of(app) == port
    app.until_not("is taken by")


def test_started_at_login_without_a_tray_it_opens_no_window(launch: Launch) -> None:
    app = launch("--background")
    port = port_of(app)
    with pytest.raises(subprocess.TimeoutExpired):
        app.process.wait(5)
    assert (app.opened, ask(port, "/health")[0]) == ([], 200)


def test_without_a_tray_it_says_so_opens_its_page_and_keeps_serving(launch: Launch) -> None:
    app = launch()
    port = port_of(app)
    wait_for(lambda: [url.partition("#open=")[0] for url in app.opened] == [f"http://127.0.0.1:{port}/"])
    assert ask(port, "/health")[1]["status"] == "ok"
    assert app.command("stop").returncode == 0
    assert (exit_code(app), app.stderr.count("without an icon")) == (0, 1)


def by_page(port: int, what: str) -> int:
    """Stops the server or quits the app as the page does; returns the status."""
    address = f"http://127.0.0.1:{port}"
    page = httpx.get(f"{address}/", headers={"accept": "text/html"}, trust_env=False)
    token = page.text.partition('name="drawbridge-token" content="')[2].partition('"')[0]
    sent = {"x-drawbridge-token": token, "origin": address}
    return httpx.post(f"{address}/control/{what}", json={}, headers=sent, trust_env=False).status_code


def test_the_pages_stop_leaves_the_icon_and_its_quit_ends_the_app(launch: Launch, host: TrayHost) -> None:
    app = launch("--port", str(port := free_port()))
    port_of(app)
    assert by_page(port, "stop") == 202
    app.until("Stopped (demo)")
    assert app.process.poll() is None
    app.item.click("Start")
    app.until("Running on port")
    assert by_page(port, "quit") == 202
    assert exit_code(app) == 0


def test_without_a_tray_the_pages_stop_ends_the_app(launch: Launch) -> None:
    app = launch()
    port = port_of(app)
    wait_for(lambda: app.opened)
    assert by_page(port, "stop") == 202
    assert exit_code(app) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_quits_it(launch: Launch, host: TrayHost, number: signal.Signals) -> None:
    app = launch()
    port_of(app)
    app.process.send_signal(number)
    assert exit_code(app) == 0
    host.wait_gone()


def test_a_kill_leaves_no_claude_code_behind_and_the_next_start_is_clean(launch: Launch, host: TrayHost) -> None:
    app = launch("--port", str(free_port()))
    port = port_of(app)
    wait_for(app.workers)
    workers = app.workers()
    app.process.kill()
    app.process.wait()
    wait_for(lambda: not any(map(lives, workers)))
    again = launch("--port", str(port))
    assert port_of(again) == port
    assert again.command("stop").returncode == 0
    assert exit_code(again) == 0
    assert [line for line in again.stderr.splitlines() if "log is in" not in line] == []


def test_it_runs_without_a_console(launch: Launch, host: TrayHost) -> None:
    code = "import sys; sys.stdout = sys.stderr = sys.stdin = None; from tray.__main__ import main; main()"
    app = launch(code=code)
    app.until("Running on port")
    assert (app.quit(), app.stdout) == (0, "")


def test_an_invalid_variable_ends_it_with_a_message_and_a_notification(launch: Launch, host: TrayHost) -> None:
    app = launch(DRAWBRIDGE_PORT="many")
    assert exit_code(app) == 1
    assert "DRAWBRIDGE_PORT takes a number" in app.stderr
    host.wait_notification("A setting is invalid")
