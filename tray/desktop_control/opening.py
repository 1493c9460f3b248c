"""Chooses the devices for this system and its desktop session."""

import os
import sys
from collections.abc import Mapping

from tray.desktop_control.devices import Devices, NotOnThisDesktop

_ONLY_X11 = "On Linux, computer use needs a desktop session on X11. Choose one at the login screen, often named Xorg."


def open_devices(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Devices:
    """The devices. Raises `NotOnThisDesktop` where there is no screen, or where the system does not allow it."""
    if platform == "win32":
        from tray.desktop_control.windows.devices import open_windows

        return open_windows()
    if platform == "darwin":
        from tray.desktop_control.macos.devices import open_macos

        return open_macos()
    return _open_x11(environ)


def _open_x11(environ: Mapping[str, str]) -> Devices:
    # X programs on Wayland see and reach only each other: pictures would be black, and clicks would go astray.
    if environ.get("XDG_SESSION_TYPE") == "wayland" or environ.get("WAYLAND_DISPLAY"):
        raise NotOnThisDesktop(
            "This is a Wayland session, in which a program sees neither the screen nor other windows.", hint=_ONLY_X11
        )
    name = environ.get("DISPLAY")
    if not name:
        raise NotOnThisDesktop("There is no display.", hint=_ONLY_X11)
    from tray.desktop_control.x11.devices import open_x11

    return open_x11(name, environ)
