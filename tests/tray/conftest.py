"""Fixtures for tests of the desktop: a private session bus, and a tray on it."""

import importlib.util
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.tray.bus import private_bus

if TYPE_CHECKING:
    from tests.tray.trayhost import TrayHost

_HAS_BUS = sys.platform not in ("win32", "darwin")
# They import the D-Bus library, which is installed on Linux only.
_NEED_DBUS = [
    "test_app.py",
    "desktop/test_klipper.py",
    "desktop/test_notifications_linux.py",
    "desktop/test_tray_detection.py",
    "desktop/test_dbus.py",
    "icon/test_linux.py",
    "icon/test_linux_menu.py",
    "icon/test_linux_panel.py",
]
collect_ignore = [] if importlib.util.find_spec("jeepney") else _NEED_DBUS


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a private session bus; programs that the test starts find it too."""
    if not _HAS_BUS:
        pytest.skip("Windows and macOS have no session bus")
    # Not tmp_path: it is too long for the path of a socket.
    with tempfile.TemporaryDirectory(prefix="bus-") as folder, private_bus(Path(folder)) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


@pytest.fixture
def host(bus: str) -> "Iterator[TrayHost]":
    """A tray and a notification daemon on that bus."""
    from tests.tray.trayhost import TrayHost

    with TrayHost(bus) as host:
        yield host
