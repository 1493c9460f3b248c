"""Starts, stops, crashes and restarts, with a scripted server and a fake clock."""

import queue
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field, replace

import pytest

from server.config import Config
from server.desktop_tools.current import OpenDesktop
from server.desktop_tools.session import End
from server.errors import CliMissing, KeyNeeded, PortTaken, SettingsInvalid, StartError
from server.machine.network.sockets import Listeners
from server.status import AccountStatus, CliStatus, ContentsWish, ModelName, State, Status
from tray.control.supervisor import DELAYS_S, ENDING_S, RETRY_S, START_TIMEOUT_S, WINDOW_S, StatusReport, Supervisor


class Clock:
    """A clock that the test advances."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeServer:
    """A server whose status reports the test scripts."""

    config: Config
    on_status: Callable[[Status], None]
    refuses: Exception | None = None
    error: BaseException | None = None
    graces: list[float] = field(default_factory=list)
    applied: list[Config] = field(default_factory=list)
    is_joined: bool = False

    @property
    def listeners(self) -> Listeners:
        raise AssertionError

    def begin(self) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.on_status(Status(state=State.STARTING))

    def stop(self, grace_s: float) -> None:
        self.graces.append(grace_s)

    def wait(self, timeout_s: float | None = None) -> bool:
        self.is_joined = True
        if self.error is not None:
            raise StartError("the loop broke") from self.error
        return True

    def apply(self, config: Config) -> None:
        self.applied.append(config)

    def allow_extra_usage(self, *, is_allowed: bool) -> None:
        """Not used here."""

    def change_tunnel(self, provider: str) -> None:
        self.provider = provider

    def keep_contents(self, wish: ContentsWish) -> None:
        """Not used here."""

    def follow_network(self) -> None:
        raise AssertionError

    def start_computer_use(self, desktop: OpenDesktop) -> Future[None]:
        raise AssertionError

    def stop_computer_use(self, end: End) -> None:
        raise AssertionError

    def decide(self, question_id: str, decision: object) -> None:
        raise AssertionError

    def sign_in(self, account: str) -> Future[AccountStatus]:
        raise AssertionError

    def report(self, state: State, error: BaseException | None = None) -> None:
        self.error = error
        self.on_status(Status(state=state, trouble=str(error) if error else None))


class Scene:
    """A supervisor of fake servers; `settle` delivers their status reports."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.servers: list[FakeServer] = []
        self.refuses: Exception | None = None
        self._reports: queue.SimpleQueue[StatusReport] = queue.SimpleQueue()
        self.supervisor = Supervisor(self._make, self._reports.put, clock=self.clock)

    def _make(self, config: Config, on_status: Callable[[Status], None]) -> FakeServer:
        self.servers.append(FakeServer(config, on_status, refuses=self.refuses))
        return self.servers[-1]

    @property
    def server(self) -> FakeServer:
        return self.servers[-1]

    @property
    def state(self) -> State:
        return self.supervisor.status.state

    def settle(self) -> None:
        while not self._reports.empty():
            self.supervisor.on_report(self._reports.get())

    def start(self, config: Config | None = None) -> None:
        self.supervisor.start(config or Config())
        self.settle()

    def run(self) -> None:
        self.server.report(State.RUNNING)
        self.settle()

    def crash(self, error: BaseException | None = None) -> None:
        self.server.report(State.FAILED, error or RuntimeError("the loop broke"))
        self.settle()

    def pass_time(self, seconds: float) -> None:
        self.clock.now += seconds
        self.supervisor.tick()
        self.settle()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_starts_runs_and_stops(scene: Scene) -> None:
    states = [scene.state]
    scene.start()
    states.append(scene.state)
    scene.run()
    states.append(scene.state)
    scene.supervisor.stop(10)
    assert scene.server.graces == [10]
    scene.server.report(State.STOPPED)
    scene.settle()
    assert [*states, scene.state] == [State.STOPPED, State.STARTING, State.RUNNING, State.STOPPED]
    assert scene.server.is_joined
    assert scene.supervisor.is_idle
    assert scene.supervisor.failure is None


def test_three_crashes_are_restarted_with_back_off_and_the_fourth_is_not(scene: Scene) -> None:
    scene.start()
    for delay in DELAYS_S:
        scene.run()
        scene.crash()
        assert scene.state is State.STARTING
        assert scene.supervisor.next_at == scene.clock.now + delay
        count = len(scene.servers)
        scene.pass_time(delay - 0.01)
        assert len(scene.servers) == count
        scene.pass_time(0.02)
        assert len(scene.servers) == count + 1
    scene.run()
    scene.crash()
    assert scene.state is State.FAILED
    assert scene.supervisor.failure is not None
    assert scene.supervisor.failure.crashes == len(DELAYS_S) + 1
    assert scene.supervisor.next_at is None
    scene.pass_time(10 * WINDOW_S)
    assert len(scene.servers) == len(DELAYS_S) + 1


def test_old_crashes_do_not_count(scene: Scene) -> None:
    scene.start()
    for _ in range(10):
        scene.run()
        scene.crash()
        assert scene.supervisor.next_at == scene.clock.now + DELAYS_S[0]
        scene.pass_time(DELAYS_S[0])
        scene.clock.now += WINDOW_S


def test_a_start_by_the_user_resets_the_count_of_crashes(scene: Scene) -> None:
    scene.start()
    for _ in range(len(DELAYS_S) + 1):
        scene.run()
        scene.crash()
        scene.pass_time(10)
    assert scene.state is State.FAILED
    scene.start()
    scene.run()
    assert scene.supervisor.failure is None
    scene.crash()
    assert scene.supervisor.next_at == scene.clock.now + DELAYS_S[0]


def test_a_stop_during_back_off_cancels_the_restart(scene: Scene) -> None:
    scene.start()
    scene.run()
    scene.crash()
    scene.supervisor.stop(10)
    assert (scene.state, scene.supervisor.is_idle) == (State.STOPPED, True)
    scene.pass_time(100)
    assert len(scene.servers) == 1


@pytest.mark.parametrize("error", [PortTaken("Port 1 is taken."), StartError("no"), OSError("not mounted")])
def test_a_start_is_repeated_quietly_after_what_may_pass(scene: Scene, error: Exception) -> None:
    scene.refuses = error
    scene.start()
    failed = scene.supervisor.status
    assert (failed.state, scene.supervisor.next_at) == (State.FAILED, scene.clock.now + RETRY_S)
    for _ in range(3):
        scene.pass_time(RETRY_S)
        assert scene.supervisor.status == failed
    assert len(scene.servers) == 4
    scene.refuses = None
    scene.pass_time(RETRY_S)
    assert scene.state is State.STARTING
    scene.run()
    assert (scene.state, scene.supervisor.failure, scene.supervisor.next_at) == (State.RUNNING, None, None)


def test_a_stop_ends_the_repeated_starts(scene: Scene) -> None:
    scene.refuses = PortTaken("Port 1 is taken.")
    scene.start()
    scene.supervisor.stop(0)
    scene.pass_time(100)
    assert (scene.state, len(scene.servers), scene.supervisor.failure) == (State.STOPPED, 1, None)


@pytest.mark.parametrize("error", [SettingsInvalid("Port -1."), CliMissing(), KeyNeeded("no")])
def test_a_start_error_that_does_not_pass_is_not_retried(scene: Scene, error: Exception) -> None:
    scene.refuses = error
    scene.start()
    assert (scene.state, scene.supervisor.next_at) == (State.FAILED, None)
    assert scene.supervisor.failure is not None
    assert (scene.supervisor.failure.error, scene.supervisor.failure.crashes) == (error, 0)
    scene.refuses = None
    scene.start()
    scene.crash(error)
    assert (scene.state, scene.supervisor.next_at) == (State.FAILED, None)


def test_an_unexpected_error_at_the_start_is_a_crash(scene: Scene) -> None:
    scene.start()
    scene.crash(SystemExit(3))
    assert scene.supervisor.next_at == scene.clock.now + DELAYS_S[0]


def test_a_restart_waits_for_the_end_and_uses_the_new_settings(scene: Scene) -> None:
    scene.start()
    scene.run()
    scene.supervisor.restart(Config(demo=True), 10)
    assert len(scene.servers) == 1
    assert not scene.supervisor.is_idle
    scene.server.report(State.STOPPED)
    scene.settle()
    assert (len(scene.servers), scene.server.config.demo) == (2, True)


def test_a_start_during_a_stop_follows_the_stop(scene: Scene) -> None:
    scene.start()
    scene.run()
    scene.supervisor.stop(10)
    scene.start()
    assert len(scene.servers) == 1
    scene.server.report(State.STOPPED)
    scene.settle()
    assert (len(scene.servers), scene.state) == (2, State.STARTING)


def test_settings_reach_the_running_server_and_the_next_one(scene: Scene) -> None:
    scene.start()
    scene.run()
    scene.supervisor.apply(Config(pool_size=6))
    assert scene.server.applied == [Config(pool_size=6)]
    scene.crash()
    scene.pass_time(DELAYS_S[0])
    assert scene.server.config == Config(pool_size=6)


def test_a_server_that_does_not_stop_is_abandoned_and_reported(scene: Scene) -> None:
    scene.start()
    scene.run()
    scene.supervisor.stop(10)
    scene.pass_time(10 + ENDING_S - 0.1)
    assert not scene.supervisor.is_idle
    scene.pass_time(0.2)
    assert (scene.state, scene.supervisor.is_idle) == (State.FAILED, True)
    assert "does not stop" in str(scene.supervisor.status.trouble)


def test_a_server_that_is_never_ready_is_stopped_and_not_retried(scene: Scene) -> None:
    scene.start()
    scene.pass_time(START_TIMEOUT_S)
    assert scene.server.graces == [0]
    scene.server.report(State.STOPPED)
    scene.settle()
    assert (scene.state, scene.supervisor.next_at) == (State.FAILED, None)
    assert "not ready" in str(scene.supervisor.status.trouble)


def test_reports_of_an_earlier_server_are_ignored(scene: Scene) -> None:
    scene.start()
    first = scene.server
    scene.run()
    scene.supervisor.restart(Config(), 0)
    first.report(State.STOPPED)
    scene.settle()
    scene.run()
    first.report(State.FAILED, RuntimeError("late"))
    scene.settle()
    assert scene.state is State.RUNNING


def test_the_account_and_the_models_stay_known_while_it_is_stopped(scene: Scene) -> None:
    known = Status(
        state=State.RUNNING,
        account=AccountStatus(signed_in=True, payer="plan"),
        cli=CliStatus("/bin/claude", "2.1"),
        models=(ModelName("opus", "Opus"),),
    )
    scene.start()
    scene.server.on_status(known)
    scene.settle()
    scene.supervisor.stop(0)
    scene.server.report(State.STOPPED)
    scene.settle()
    assert scene.supervisor.status == replace(known, state=State.STOPPED)


# The real server with the real Claude Code, as a demo.
