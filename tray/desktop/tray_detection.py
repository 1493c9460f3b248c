"""Which tray of this computer would show the icon, for `drawbridge doctor`; nothing is shown for it."""

import os
import sys
from collections.abc import Mapping
from contextlib import closing

from server.commands.findings import Finding, Verdict
from tray.desktop.dbus import TIMEOUT_S, Body, Bus, BusMissing, CallFailed, Place
from tray.desktop.dbus_names import PROPERTIES, WATCHER, WATCHER_PATH

_ELSE = "Without an icon, 'drawbridge' opens its page and serves"
_GNOME = "GNOME needs the extension 'AppIndicator and KStatusNotifierItem Support'"
_BUS = Place("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def look_at_tray(platform: str = sys.platform, environ: Mapping[str, str] = os.environ) -> Finding:
    """What was found; a few seconds at most. No tray is a note: all that the menu does can be done without one."""
    if platform == "win32":
        return Finding("tray", Verdict.OK, "the notification area of Windows shows the icon")
    if platform == "darwin":
        return Finding("tray", Verdict.OK, "the menu bar shows the icon")
    words = _missing(environ)
    if words:
        return Finding("tray", Verdict.NOTE, f"{words}. {_ELSE}")
    return Finding("tray", Verdict.OK, "the panel of this desktop shows the icon (StatusNotifierItem, over D-Bus)")


def _missing(environ: Mapping[str, str]) -> str:
    """What there is not, as a sentence without its end; empty if all is there."""
    try:
        bus = Bus(lambda _: None, _hear, lambda: None, environ=environ)
    except BusMissing:
        return "no desktop session can be reached: there is no D-Bus session bus, or it does not answer"
    with closing(bus):
        try:
            (is_there,) = bus.ask(_BUS, "NameHasOwner", "s", WATCHER).result(TIMEOUT_S)
            if not is_there:
                return f"no panel of this desktop takes tray icons (nobody is {WATCHER}); {_GNOME}"
            place = Place(WATCHER, WATCHER_PATH, PROPERTIES)
            ((_, shows),) = bus.ask(place, "Get", "ss", WATCHER, "IsStatusNotifierHostRegistered").result(TIMEOUT_S)
        except TimeoutError:
            return "the panel of this desktop does not answer"
        except CallFailed:
            # A watcher that does not know the question is its own host.
            return ""
        return "" if shows else f"icons are taken ({WATCHER}), and no panel shows them"


def _hear(member: str, body: Body) -> None:
    """No signal is of interest."""
