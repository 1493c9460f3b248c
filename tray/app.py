"""The composition root of the desktop: the icon first, then the controller, which starts the server."""

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

from server.commands.output import note, say
from server.commands.serve import logged
from server.config import Config
from server.errors import AlreadyRunning, DrawbridgeError, SettingsInvalid
from server.machine.assets import asset
from server.machine.billing import has_exported_key
from server.machine.instance import Claim, Instance, claim, read_instance
from server.machine.keychain import Keychain
from server.machine.paths import Folders, find_folders
from server.machine.settings_file import Saved, SettingsFile
from server.machine.sockets import Listeners
from server.machine.version import managed_by, own_version, repository
from tray.commands import Quit
from tray.control.access_key import Keys
from tray.control.controller import Controller
from tray.control.interfaces import Platform, Screen
from tray.control.settings import Settings
from tray.control.update_check import MEMO, Updates
from tray.desktop.autostart.autostart import autostart_for
from tray.desktop.clipboard import copy
from tray.desktop.desktop import Desktop, desktop_for
from tray.desktop.signals import handling_termination
from tray.desktop.sleep_detection import Woke, watch_sleep
from tray.model import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from server.runtime.runner import Runner
    from server.status import Status

logger = logging.getLogger(__name__)

PROBE_TIMEOUT_S = 5.0
# The server's own bound for its end, and some.
END_TIMEOUT_S = 60.0
# A browser is started in less; what is slower goes on without us.
OPENING_S = 5.0
_LOOK_S = 0.1


class View(Screen, Protocol):
    """A screen with the loop that draws it."""

    def run(self) -> None:
        """Shows the icon until `stop`."""
        ...


class NoView:
    """The screen where there is none: it only waits for the end."""

    has_host: bool | None = False

    def __init__(self) -> None:
        self._over = threading.Event()

    def show(self, snapshot: object) -> None:
        """Nobody looks."""

    def run(self) -> None:
        """Until `stop`."""
        self._over.wait()

    def stop(self) -> None:
        """Lets `run` return."""
        self._over.set()


def run_desktop(flags: Mapping[str, object]) -> int:
    """The desktop app, until it is quit; the exit code. Raises `DrawbridgeError` for what keeps it from starting.

    Where it runs already, that one's page is opened instead.
    """
    desktop = desktop_for(icon=_picture())
    try:
        preferences = Settings(SettingsFile(find_folders().settings_file), flags=flags, environ=os.environ)
        opening = _opened(preferences)
        folders = find_folders(preferences.config)
        folders.make()
        with claim(folders.data) as claimed, logged(folders, preferences.config):
            return _run(preferences, opening, folders, claimed, desktop)
    except AlreadyRunning:
        return _hand_over(find_folders(preferences.config), desktop)
    except DrawbridgeError as error:
        # Started by a double click there is no terminal that would show it.
        desktop.notify(Notice(error.title, str(error)), lambda _: None)
        raise
    finally:
        desktop.close()


def _opened(preferences: Settings) -> Saved | SettingsInvalid:
    """The settings of this start; what is wrong in the file alone is a problem of the app, not its end."""
    try:
        return preferences.load(set_aside=True)
    except SettingsInvalid as error:
        preferences.load_without_file()
        return error


def _run(
    preferences: Settings, opening: Saved | SettingsInvalid, folders: Folders, claimed: Claim, desktop: Desktop
) -> int:
    token = secrets.token_urlsafe(32)

    def make_server(config: Config, on_status: "Callable[[Status], None]") -> "Runner":
        # Lazy: the icon is there first.
        from server.runtime.runner import Runner

        return Runner(
            config,
            token=token,
            folders=folders,
            on_status=on_status,
            on_stop_asked=lambda: controller.post(Quit()),
        )

    platform = Platform(
        desktop=desktop,
        copy=copy,
        autostart=autostart_for(),
        updates=cache(partial(_updates, folders)),
        publish=partial(_publish, claimed, token),
        is_end_requested=claimed.is_end_requested,
        diagnose=partial(_diagnostics, preferences.flags),
        answers=_answers,
        say=say,
        note=note,
        logs=folders.logs,
        version=own_version,
        has_exported_key=has_exported_key(os.environ),
    )
    controller = Controller(preferences, Keys(Keychain(folders.config)), platform, make_server=make_server)
    view = _view(controller, desktop)
    watch = watch_sleep(lambda: controller.post(Woke()))
    try:
        with handling_termination(lambda: controller.post(Quit())):
            controller.start(view, opening)
            _show(view, controller)
    finally:
        if watch is not None:
            watch.close()
    return controller.exit_code


def _updates(folders: Folders) -> Updates:
    return Updates(folders.data / MEMO, own=own_version(), repository=repository(), managed_by=managed_by())


def _view(controller: Controller, desktop: Desktop) -> View:
    """The icon; where its libraries find no screen to draw on, none: the server is worth more than its icon."""
    try:
        from tray.icon.view import View as IconView

        view = IconView(controller.post, controller.snapshot)
    except Exception:
        logger.exception("there can be no icon")
        return NoView()
    desktop.use_icon(view.notify)
    return view


def _show(view: View, controller: Controller) -> None:
    """Until the controller has ended. An icon that fails is no reason to."""
    try:
        view.run()
    except Exception:
        logger.exception("the icon is gone; the server goes on without it")
        controller.wait()
    if not controller.wait(OPENING_S):
        # The system has ended the icon's loop: the session ends.
        controller.post(Quit())
        controller.wait(END_TIMEOUT_S)


def _publish(claimed: Claim, token: str, listeners: Listeners | None) -> None:
    if listeners is None:
        claimed.withdraw()
    else:
        claimed.publish(Instance(os.getpid(), *listeners.control, token, own_version(), listeners.base_url))


def _diagnostics(flags: Mapping[str, object]) -> str:
    # Lazy, as above.
    from server.commands.diagnostics import diagnostics
    from tray.desktop.tray_detection import detect_tray

    return diagnostics(flags, tray=detect_tray)


def _answers(place: tuple[str, int]) -> bool:
    """Whether the server at this host and port still replies."""
    # Lazy: 0.1 s before the icon, and hardly ever asked.
    import http.client

    try:
        with closing(http.client.HTTPConnection(*place, timeout=PROBE_TIMEOUT_S)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def _hand_over(folders: Folders, desktop: Desktop) -> int:
    """A second start: the first one's page is what its user wants to see."""
    first = _first(folders)
    if first is None:
        words = "Its server is stopped: choose 'Start' in the menu of its icon."
        desktop.notify(Notice("Drawbridge is open already", words), lambda _: None)
        note(f"Drawbridge is open already. {words}")
        return 0
    note(f"Drawbridge is already running, at {first.base_url} (pid {first.pid}).")
    desktop.open_page(f"{first.base_url.removesuffix('/v1')}/")
    for thread in threading.enumerate():
        if thread.name == "drawbridge-open":
            thread.join(OPENING_S)
    return 0


def _first(folders: Folders) -> Instance | None:
    """The running server; one that just starts says in a moment where it is."""
    for _ in range(int(OPENING_S / _LOOK_S)):
        if (first := read_instance(folders.data)) is not None:
            return first
        time.sleep(_LOOK_S)
    return None


def _picture() -> str:
    """The picture beside a notification."""
    with suppress(FileNotFoundError):
        return str(asset("icons/drawbridge.png"))
    return ""
