"""Detects which tray would show the icon, for `drawbridge doctor`, without showing one."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing

from server.commands.checks.findings import Finding, Level
from tray.desktop.dbus import TIMEOUT_S, Bus, BusUnavailable, CallFailed, RemoteInterface
from tray.desktop.dbus_names import PROPERTIES, WATCHER, WATCHER_PATH

_WITHOUT_ICON = "Without an icon, 'drawbridge' opens the dashboard and serves"
_GNOME = "GNOME needs the extension 'AppIndicator and KStatusNotifierItem Support'"


def detect_tray(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Finding:
    """The result, after a few seconds at most. A missing tray is only a note: everything works without one."""
    if platform == "win32":
        return Finding("tray", Level.OK, "the notification area of Windows shows the icon")
    if platform == "darwin":
        return Finding("tray", Level.OK, "the menu bar shows the icon")
    missing = _missing(environ)
    if missing:
        return Finding("tray", Level.NOTE, f"{missing}. {_WITHOUT_ICON}")
    return Finding("tray", Level.OK, "the panel of this desktop shows the icon (StatusNotifierItem, over D-Bus)")


def _missing(environ: Mapping[str, str]) -> str:
    """What is missing, as a sentence without a full stop; empty if nothing is."""
    try:
        bus = Bus(environ=environ)
    except BusUnavailable:
        return "no desktop session can be reached: there is no D-Bus session bus, or it does not answer"
    with closing(bus):
        try:
            if not bus.has_owner(WATCHER):
                return f"no panel of this desktop takes tray icons (there is no {WATCHER}); {_GNOME}"
            properties = RemoteInterface(WATCHER, WATCHER_PATH, PROPERTIES)
            ((_, shows),) = bus.call(properties, "Get", "ss", WATCHER, "IsStatusNotifierHostRegistered").result(
                TIMEOUT_S
            )
        except TimeoutError:
            return "the panel of this desktop does not answer"
        except CallFailed:
            # A watcher without this property is its own host.
            return ""
        return "" if shows else f"tray icons are registered ({WATCHER}), but no panel shows them"
