"""Copies text to the desktop's clipboard."""

import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing

from server.errors import DrawbridgeError
from server.machine.processes.environment import desktop_environment

logger = logging.getLogger(__name__)

_TIMEOUT_S = 5.0


class ClipboardMissing(DrawbridgeError):
    """There is no clipboard: no display, or it does not answer."""

    title = "It could not be copied"


def copy(
    text: str,
    *,
    environ: Mapping[str, str] = os.environ,
    which: Callable[[str], str | None] = shutil.which,
) -> bool:
    """Copies `text` without logging it, for at least as long as this process runs. Raises `ClipboardMissing`.

    Returns False if the text may not have arrived.
    """
    # On Wayland the library goes through X11, and several compositors pass that on only while an X11 window has the
    # focus, which a tray icon never has. wl-copy speaks Wayland itself, and KDE's clipboard takes texts over D-Bus.
    is_wayland = sys.platform == "linux" and bool(environ.get("WAYLAND_DISPLAY"))
    if is_wayland:
        wl_copy = which("wl-copy")
        if (wl_copy is not None and _run(wl_copy, text, environ)) or _copy_with_klipper(text, environ):
            return True
    # Lazy: the import is slow, and rarely needed.
    import copykitten

    try:
        copykitten.copy(text)
    except copykitten.CopykittenError as error:
        logger.info("no clipboard: %s", error)
        raise _missing(sys.platform, environ) from error
    return not is_wayland


def _run(program: str, text: str, environ: Mapping[str, str]) -> bool:
    """Whether `program` accepted the text; it then stays in the background as the clipboard's owner."""
    try:
        done = subprocess.run(
            [program, "--type", "text/plain;charset=utf-8"],
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            check=False,
            env=desktop_environment(environ),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        logger.info("%s: %s", program, type(error).__name__)
        return False
    return done.returncode == 0


def _copy_with_klipper(text: str, environ: Mapping[str, str]) -> bool:
    """Whether Klipper, the clipboard manager of KDE, runs and accepted the text."""
    # Lazy: other systems have no D-Bus.
    from tray.desktop.dbus import TIMEOUT_S, Bus, BusUnavailable, CallFailed, RemoteInterface

    klipper = RemoteInterface("org.kde.klipper", "/klipper", "org.kde.klipper.klipper")
    try:
        with closing(Bus(environ=environ)) as bus:
            # A call would start Klipper on a desktop that does not use it.
            if not bus.has_owner(klipper.owner):
                return False
            bus.call(klipper, "setClipboardContents", "s", text).result(TIMEOUT_S)
    except (BusUnavailable, CallFailed, TimeoutError) as error:
        logger.info("Klipper: %s: %s", type(error).__name__, error)
        return False
    return True


def _missing(platform: str, environ: Mapping[str, str]) -> ClipboardMissing:
    if platform != "linux":
        return ClipboardMissing("The clipboard does not answer.", hint="Another program may hold it: try again.")
    if environ.get("WAYLAND_DISPLAY"):
        return ClipboardMissing("This desktop's clipboard cannot be reached.", hint="Install the package wl-clipboard.")
    if environ.get("DISPLAY"):
        return ClipboardMissing("The display does not answer.", hint="Try again.")
    return ClipboardMissing("There is no display, so there is no clipboard.")
