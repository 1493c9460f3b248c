"""`--reload`: the whole server anew at each change, one at a time, and none left behind."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from server.commands import reload
from server.commands.options import settle
from server.commands.reload import child_environment, restart_at, source_folders
from server.commands.root import run
from server.machine.files.paths import find_folders
from server.machine.instance import read_instance
from tests.server.commands.test_serve import get

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")


class Children:
    """Spawns real processes that wait; remembers them."""

    def __init__(self, program: str = "import sys; sys.stdin.read()") -> None:
        self.program = program
        self.all: list[subprocess.Popen[bytes]] = []

    def spawn(self) -> subprocess.Popen[bytes]:
        child = subprocess.Popen([sys.executable, "-c", self.program], stdin=subprocess.PIPE)
        assert child.stdin is not None
        self.all.append(child)
        return child

    def living(self) -> int:
        return sum(child.poll() is None for child in self.all)

    def close(self) -> None:
        for child in self.all:
            assert child.stdin is not None
            child.stdin.close()


@pytest.fixture
def children() -> Iterator[Children]:
    made = Children()
    yield made
    made.close()


def test_each_change_ends_the_child_and_starts_another(children: Children) -> None:
    def changes() -> Iterator[object]:
        for number in range(1, 4):
            assert (len(children.all), children.living()) == (number, 1)
            yield {"changed"}

    assert restart_at(changes(), children.spawn) == 0
    assert (len(children.all), children.living()) == (4, 0)


def test_a_child_that_ended_by_itself_is_started_again_at_the_next_change(children: Children) -> None:
    children.program = "raise SystemExit(1)"

    def changes() -> Iterator[object]:
        children.all[0].wait(20)
        yield {"changed"}

    restart_at(changes(), children.spawn)
    assert len(children.all) == 2


def test_whatever_ends_the_watching_ends_the_child(children: Children) -> None:
    def changes() -> Iterator[object]:
        if children.living():
            raise KeyboardInterrupt
        yield {"changed"}

    with pytest.raises(KeyboardInterrupt):
        restart_at(changes(), children.spawn)
    assert children.living() == 0


@posix
def test_a_child_that_does_not_listen_is_killed(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reload, "STOP_TIMEOUT_S", 0.05)
    children.program = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); sys.stdin.read()"
    )

    def changes() -> Iterator[object]:
        # It must have come so far as to ignore the signal.
        while signal.SIGTERM not in _ignored(children.all[0].pid):
            time.sleep(0.01)
        yield from ()

    restart_at(changes(), children.spawn)
    assert children.all[0].returncode == -signal.SIGKILL


def _ignored(pid: int) -> set[int]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        pytest.skip("asks Linux's /proc")
    mask = next(int(line.split()[1], 16) for line in lines if line.startswith("SigIgn:"))
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def test_the_child_has_the_same_settings_and_does_not_reload_itself(home: Path) -> None:
    settled = settle({"reload": True, "port": "9000", "api_key": "sesame"}, unprefixed=True)
    environ = {"PATH": "/bin", "PORT": "1", "DRAWBRIDGE_MODEL": "opus", "DRAWBRIDGE_RELOAD": "1"}
    assert child_environment(settled, environ) == {
        "PATH": "/bin",
        "DRAWBRIDGE_PORT": "9000",
        "DRAWBRIDGE_API_KEY": "sesame",
        "DRAWBRIDGE_RELOAD": "false",
    }


def test_our_own_source_is_watched() -> None:
    assert [folder.name for folder in source_folders()] == ["server", "tray"]


def test_without_watchfiles_reload_is_an_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "watchfiles", None)
    assert run(["serve", "--reload"]) == 1
    assert "'watchfiles', which is not installed" in capsys.readouterr().err


@posix
def test_reload_serves_from_a_child_and_ends_with_it(home: Path) -> None:
    """The real library over a real child; that a change restarts is shown above."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    command = [sys.executable, "-m", "server", "--reload", "--demo", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        try:
            assert parent.stdout is not None
            assert parent.stdout.readline() == f"Drawbridge listening on http://127.0.0.1:{port}/v1\n"
            instance = read_instance(find_folders().data)
            assert instance is not None
            assert instance.pid in {child.pid for child in psutil.Process(parent.pid).children(recursive=True)}
            assert get(port)[0] == 200
            parent.terminate()
            parent.communicate(timeout=60)
            assert not psutil.pid_exists(instance.pid)
        finally:
            parent.kill()
