"""Whether the screen is locked, as the desktop's screen saver and the system's login service tell it over D-Bus."""

import logging
from collections.abc import Mapping
from contextlib import suppress

from tray.desktop.dbus import Bus, BusUnavailable, CallFailed, RemoteInterface
from tray.desktop.dbus_names import PROPERTIES

logger = logging.getLogger(__name__)

_TIMEOUT_S = 2.0
_SAVERS = tuple(
    RemoteInterface(name, "/" + name.replace(".", "/"), name)
    for name in (
        "org.freedesktop.ScreenSaver",
        "org.gnome.ScreenSaver",
        "org.cinnamon.ScreenSaver",
        "org.mate.ScreenSaver",
        "org.xfce.ScreenSaver",
    )
)
_LOGIN = "org.freedesktop.login1"
_SYSTEM_BUS = "unix:path=/run/dbus/system_bus_socket"


class Lock:
    """Keeps its two connections. Where no service answers, the screen counts as not locked."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._buses: dict[str, Bus] = {}

    def is_locked(self) -> bool:
        """Whether any service tells that the screen is locked."""
        return self._is_saver_active() or self._is_session_locked()

    def close(self) -> None:
        """Disconnects."""
        while self._buses:
            self._buses.popitem()[1].close()

    def _is_saver_active(self) -> bool:
        bus = self._bus("session", self._environ)
        if bus is None:
            return False
        for saver in _SAVERS:
            with suppress(CallFailed, TimeoutError):
                # A call would start a screen saver that the desktop does not use.
                if bus.has_owner(saver.owner) and bus.call(saver, "GetActive").result(_TIMEOUT_S) == (True,):
                    return True
        return False

    def _is_session_locked(self) -> bool:
        address = self._environ.get("DBUS_SYSTEM_BUS_ADDRESS") or _SYSTEM_BUS
        bus = self._bus("system", {"DBUS_SESSION_BUS_ADDRESS": address})
        if bus is None:
            return False
        session = RemoteInterface(_LOGIN, "/org/freedesktop/login1/session/auto", PROPERTIES)
        with suppress(CallFailed, TimeoutError):
            hint = bus.call(session, "Get", "ss", f"{_LOGIN}.Session", "LockedHint").result(_TIMEOUT_S)
            return hint == (("b", True),)
        return False

    def _bus(self, name: str, environ: Mapping[str, str]) -> Bus | None:
        if name not in self._buses:
            try:
                self._buses[name] = Bus(on_lost=lambda: self._forget(name), environ=environ)
            except BusUnavailable as error:
                logger.info("the %s bus does not tell whether the screen is locked: %s", name, error)
                return None
        return self._buses[name]

    def _forget(self, name: str) -> None:
        """The next question connects anew."""
        bus = self._buses.pop(name, None)
        if bus is not None:
            bus.close()
