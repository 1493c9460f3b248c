"""For the tests of the desktop: a private session bus and a tray on it."""

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
# They are about the bus from their first import on, and the library for that is installed on Linux only.
_OF_THE_BUS = ["test_app.py", "test_notifier.py", "test_presence.py", "test_sni.py"]
collect_ignore = [] if importlib.util.find_spec("jeepney") else _OF_THE_BUS


@pytest.fixture
def bus(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a session bus that nobody else is on; programs that the test starts find it too."""
    if not _HAS_BUS:
        pytest.skip("Windows and macOS have no session bus")
    # Not tmp_path: the path of a socket has no room for pytest's folders.
    with tempfile.TemporaryDirectory(prefix="bus-") as folder, private_bus(Path(folder)) as address:
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        yield address


@pytest.fixture
def host(bus: str) -> "Iterator[TrayHost]":
    """A tray and a notification daemon on that bus."""
    from tests.tray.trayhost import TrayHost

    with TrayHost(bus) as host:
        yield host
