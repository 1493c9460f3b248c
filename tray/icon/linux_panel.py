"""Whether the panel is dark. Most are, whatever the theme; that of KDE Plasma goes with the colours of the desktop."""

from collections.abc import Mapping

from tray.desktop.dbus import Body, Place
from tray.icon.pystray_types import Panel

SETTINGS = Place("org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings")
SCHEME = ("org.freedesktop.appearance", "color-scheme")
_PREFERS_DARK = 1


def follows_scheme(environ: Mapping[str, str]) -> bool:
    """Whether the panel of this desktop is light or dark as its windows are."""
    return "KDE" in environ.get("XDG_CURRENT_DESKTOP", "").split(":")


def panel_from(body: Body) -> Panel:
    """What the settings say, as the reply to Read or the arguments of SettingChanged give it.

    The value comes wrapped, once or twice, depending on the age of the portal. No preference is Plasma's light default.
    """
    value = body[-1]
    while isinstance(value, tuple):
        value = value[1]
    return Panel.DARK if value == _PREFERS_DARK else Panel.LIGHT
