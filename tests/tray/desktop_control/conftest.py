"""A real X server for each module, and its desktop."""

import importlib.util
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.server.machine.vault import virtual_display
from tray.desktop_control import LocalDesktop
from tray.desktop_control.opening import open_devices

# They import the libraries of X11 and of D-Bus, which are installed on Linux only.
collect_ignore = (
    []
    if all(sys.modules.get(name, name) and importlib.util.find_spec(name) for name in ("Xlib", "jeepney"))
    else [
        "test_keyboard.py",
        "test_lock.py",
        "test_pictures.py",
        "test_pointer.py",
        "test_watching.py",
        "test_windows.py",
    ]
)


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """The name of an invisible screen that is larger than the pictures of it: 1600 by 1000."""
    with virtual_display("1600x1000") as name:
        yield name


@pytest.fixture
def local_desktop(display: str) -> Iterator[LocalDesktop]:
    """Without a session bus, so that no screen saver of the tester's is asked."""
    environ = {"DISPLAY": display, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    with closing(LocalDesktop(lambda: open_devices("linux", environ))) as local_desktop:
        yield local_desktop
