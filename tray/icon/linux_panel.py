"""Whether the panel is light or dark: KDE Plasma's follows the desktop's colour scheme; of others it is unknown."""

from collections.abc import Mapping

from tray.desktop.dbus import Body, RemoteInterface
from tray.icon.pystray_types import Panel

SETTINGS = RemoteInterface(
    "org.freedesktop.portal.Desktop", "/org/freedesktop/portal/desktop", "org.freedesktop.portal.Settings"
)
SCHEME = ("org.freedesktop.appearance", "color-scheme")
_PREFERS_DARK = 1


def follows_scheme(environ: Mapping[str, str]) -> bool:
    """Whether this desktop's panel is light or dark with its windows."""
    return "KDE" in environ.get("XDG_CURRENT_DESKTOP", "").split(":")


def panel_from(body: Body) -> Panel:
    """The panel from the portal's value, in one or two variants. "No preference" means Plasma's light default."""
    value = body[-1]
    while isinstance(value, tuple):
        value = value[1]
    return Panel.DARK if value == _PREFERS_DARK else Panel.LIGHT
