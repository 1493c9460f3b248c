"""Starts, stops and a crash of the real server with the real Claude Code, as a demo."""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from server.config import Config
from server.machine.files.paths import Folders
from server.runtime.runner import Runner
from server.status import State, Status
from tests.tiers import sized
from tray.control.supervisor import StatusReport, Supervisor


@dataclass
class Real:
    """A supervisor of real servers, driven by the test's thread."""

    folder: Path
    config: Config
    reports: "queue.SimpleQueue[StatusReport]" = field(default_factory=queue.SimpleQueue)

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self._make, self.reports.put)
        self.runners: list[Runner] = []

    def _make(self, config: Config, on_status: Callable[[Status], None]) -> Runner:
        folders = Folders(self.folder, self.folder, self.folder)
        self.runners.append(Runner(config, token="t", folders=folders, on_status=on_status))
        return self.runners[-1]

    def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < end, self.supervisor.status
            try:
                self.supervisor.on_report(self.reports.get(timeout=0.05))
            except queue.Empty:
                self.supervisor.tick()

    def until_state(self, state: State) -> None:
        self.until(lambda: self.supervisor.status.state is state)

    def start(self) -> None:
        self.supervisor.start(self.config)
        self.until_state(State.RUNNING)

    def stop(self) -> None:
        self.supervisor.stop(0)
        self.until(lambda: self.supervisor.is_idle)


@pytest.fixture
def real(tmp_path: Path) -> Real:
    return Real(tmp_path, Config(port=0, demo=True, pool_size=1, sources={"port": "flag"}))


def leftovers() -> tuple[set[threading.Thread], int, set[int]]:
    """Threads, open files and sockets, child processes."""
    me = psutil.Process()
    return set(threading.enumerate()), me.num_fds(), {child.pid for child in me.children(recursive=True)}


@pytest.mark.skipif(not hasattr(psutil.Process, "num_fds"), reason="Windows counts no descriptors")
@pytest.mark.timeout(400)
@sized("starts", 50)
def test_starts_and_stops_leave_no_thread_no_process_and_no_socket(real: Real, starts: int) -> None:
    # The first start imports and creates what stays.
    real.start()
    real.until(lambda: real.supervisor.status.pool.ready == 1)
    real.stop()
    before = leftovers()
    for _ in range(starts):
        real.start()
        real.stop()

    def nothing_is_left() -> bool:
        threads, files, children = leftovers()
        return threads <= before[0] and files <= before[1] and children <= before[2]

    # Threads that wait for the last processes end a moment later.
    real.until(nothing_is_left)


def test_a_real_server_that_crashes_is_restarted(real: Real) -> None:
    real.start()
    first = real.runners[0]
    listeners = first._listener_set
    assert listeners is not None
    next(iter(listeners._open.values())).should_exit = True
    real.until(lambda: len(real.runners) == 2)
    real.until_state(State.RUNNING)
    assert real.supervisor.failure is None
    assert real.runners[1].config == real.config
    real.stop()
