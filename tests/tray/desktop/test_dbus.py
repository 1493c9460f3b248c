"""The connection to D-Bus."""

import threading
from pathlib import Path

import pytest

from tests.tray.icon.shown import until
from tests.tray.trayhost import TIMEOUT_S
from tray.desktop.dbus import TIMEOUT_S as BUS_TIMEOUT_S
from tray.desktop.dbus import Bus, BusUnavailable


def test_connecting_to_the_bus_has_the_same_timeout_as_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """While a desktop starts, it may need more than the library's default of one second."""
    given: list[float] = []

    def busy(address: str, *, auth_timeout: float = 1.0) -> None:
        given.append(auth_timeout)
        raise TimeoutError

    monkeypatch.setattr("tray.desktop.dbus.open_dbus_connection", busy)
    with pytest.raises(BusUnavailable):
        Bus(environ={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/busy"})
    assert given == [BUS_TIMEOUT_S]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files so")
def test_fifty_connections_leave_no_file_or_thread(bus: str) -> None:
    """An icon that runs for months connects again in each session."""

    def used() -> tuple[int, int]:
        return len(list(Path("/proc/self/fd").iterdir())), threading.active_count()

    def connect() -> None:
        connection = Bus(environ={"DBUS_SESSION_BUS_ADDRESS": bus})
        assert connection.request_name("org.example.Drawbridge").result(TIMEOUT_S) == (1,)
        connection.close()

    connect()
    before = used()
    for _ in range(50):
        connect()
    until(lambda: all(now <= then for now, then in zip(used(), before, strict=True)))
