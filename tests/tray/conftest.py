"""For the tests of the desktop: a private session bus and a tray on it."""

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
# It is about the bus from its first import on, and the library for that is installed on Linux only.
collect_ignore = [] if _HAS_BUS else ["test_presence.py", "test_sni.py"]


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
