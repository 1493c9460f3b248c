"""Sleep detection with fake clocks, and with a login manager on a private bus."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tray.bus import private_bus
from tray.desktop.sleep_detection import JUMP_S, SleepDetector, watch_sleep

if TYPE_CHECKING:
    from jeepney.io.blocking import DBusConnection

LOGIN = "org.freedesktop.login1"
TIMEOUT_S = 60.0


class Clocks:
    """Two clocks that the test sets."""

    def __init__(self) -> None:
        self.running, self.wall = 100.0, 1e9

    def go(self, running: float, wall: float | None = None) -> None:
        self.running += running
        self.wall += running if wall is None else wall


@pytest.mark.parametrize(
    ("running", "wall", "waited", "slept"),
    [
        (5, 5, 5, False),
        (0.1, 0.1, 5, False),
        # Linux and macOS: the monotonic clock stopped.
        (5, 3605, 5, True),
        (0, JUMP_S + 1, 5, True),
        # Windows: neither stopped, and the call comes late.
        (3605, 3605, 5, True),
        # A clock that is set forward a little, or back.
        (5, 15, 5, False),
        (5, -3600, 5, False),
        # The process was only busy.
        (25, 25, 5, False),
    ],
)
def test_a_sleep_is_a_clock_jump_or_a_late_call(running: float, wall: float, waited: float, slept: bool) -> None:
    clocks = Clocks()
    detector = SleepDetector(clock=lambda: clocks.running, wall=lambda: clocks.wall)
    clocks.go(running, wall)
    assert detector.has_slept(waited) is slept
    clocks.go(5)
    assert not detector.has_slept(5)


@pytest.fixture
def system_bus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import tempfile

    if sys.platform in {"win32", "darwin"}:
        pytest.skip("Windows and macOS have no system bus")

    with tempfile.TemporaryDirectory(prefix="bus-") as folder, private_bus(Path(folder)) as address:
        yield address


def connected(address: str) -> "DBusConnection":
    # Lazy, as below: jeepney is installed on Linux only.
    from jeepney.io.blocking import open_dbus_connection

    return open_dbus_connection(address, auth_timeout=TIMEOUT_S)


def say(login: "DBusConnection", *, asleep: bool) -> None:
    from jeepney import DBusAddress, new_signal

    place = DBusAddress("/org/freedesktop/login1", bus_name=LOGIN, interface=f"{LOGIN}.Manager")
    login.send(new_signal(place, "PrepareForSleep", "b", (asleep,)))


def test_only_the_login_managers_signal_counts(system_bus: str) -> None:
    from jeepney.bus_messages import message_bus

    woke = threading.Semaphore(0)
    watch = watch_sleep(woke.release, platform="linux", environ={"DBUS_SYSTEM_BUS_ADDRESS": system_bus})
    assert watch is not None
    with connected(system_bus) as login, connected(system_bus) as other:
        login.send_and_get_reply(message_bus.RequestName(LOGIN))
        say(other, asleep=False)
        # After the reply to a later call, the signal has been delivered if it ever will be.
        other.send_and_get_reply(message_bus.GetId())
        say(login, asleep=True)
        say(login, asleep=False)
        assert woke.acquire(timeout=TIMEOUT_S)
        assert not woke.acquire(blocking=False)
    watch.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "drawbridge-tray-bus"]


def test_without_a_system_bus_there_is_no_watch() -> None:
    nowhere = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    assert watch_sleep(lambda: None, platform="linux", environ=nowhere) is None
    assert watch_sleep(lambda: None, platform="win32", environ=nowhere) is None
