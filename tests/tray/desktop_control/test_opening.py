"""Where computer use is not possible, and what is imported for it."""

import subprocess
import sys

import pytest

from tests.server.machine.vault import virtual_display
from tray.desktop_control import NotOnThisDesktop, open_desktop_control
from tray.desktop_control.opening import open_devices


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}, "This is a Wayland session"),
        ({"XDG_SESSION_TYPE": "wayland", "DISPLAY": ":0"}, "This is a Wayland session"),
        ({}, "There is no display."),
    ],
)
def test_a_session_without_x11_is_refused(environ: dict[str, str], words: str) -> None:
    with pytest.raises(NotOnThisDesktop) as caught:
        open_devices("linux", environ)
    assert words in str(caught.value)
    assert "X11" in caught.value.hint
    assert caught.value.title == "Computer use is not available here"


# The X11 library leaves a socket open after a failed attempt.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS have no X11")
def test_the_display_of_this_session_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WAYLAND_DISPLAY", "XDG_SESSION_TYPE", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DISPLAY", ":9999")
    with pytest.raises(NotOnThisDesktop, match="The display :9999 does not answer"):
        open_desktop_control()
    with virtual_display() as name:
        monkeypatch.setenv("DISPLAY", name)
        desktop = open_desktop_control()
        assert desktop.screen == (640, 480)
        desktop.close()
        desktop.close()


def test_no_library_of_the_desktop_is_imported_before() -> None:
    theirs = "{'mss', 'Xlib', 'pynput', 'PIL', 'jeepney'}"
    loaded = "{name.partition('.')[0] for name in sys.modules}"
    code = f"import tray.desktop_control, sys; print(sorted({loaded} & {theirs}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"
