"""Puts the desktop app together: the icon first, then the controller, which starts the server."""

import logging
import os
import secrets
import threading
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cache, partial
from typing import TYPE_CHECKING, Protocol

from server.commands.options import as_arguments
from server.commands.output import note, say
from server.commands.serve import logged
from server.config import Config
from server.errors import AlreadyRunning, DrawbridgeError, SettingsInvalid
from server.keys.key_book import KeyBook
from server.machine.billing import has_exported_key
from server.machine.files.assets import asset
from server.machine.files.atomic_files import PRIVATE
from server.machine.files.paths import Folders, find_folders
from server.machine.files.settings_file import Saved, SettingsFile
from server.machine.instance import Claim, Instance, claim, own_instance, read_instance, read_state
from server.machine.keychain import Keychain
from server.machine.network.sockets import Listeners
from server.machine.page_ticket import make_ticket
from server.machine.version import managed_by, own_version, project_page, repository
from tray.commands import Quit, Stop
from tray.control.controller import Controller
from tray.control.interfaces import ControlledDesktop, Platform, Screen
from tray.control.keys.access_key import AccessKey
from tray.control.settings.page_settings import PageSettings
from tray.control.settings.settings import Settings
from tray.control.updates.releases_feed import newest_tag
from tray.control.updates.update_check import CACHE_FILE, UpdateCheck
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
# A little more than the server's own limit for its end.
END_TIMEOUT_S = 60.0
# Enough to start a browser; a slower one continues without this process.
OPENING_S = 5.0
_POLL_S = 0.1


class View(Screen, Protocol):
    """A screen with its event loop."""

    def run(self) -> None:
        """Shows the icon; returns after `stop`."""


class NoView:
    """Stands in for the icon if there is no display."""

    has_host: bool | None = False

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def show(self, snapshot: object) -> None:
        """Draws nothing."""

    def run(self) -> None:
        """Waits for `stop`."""
        self._stopped.wait()

    def stop(self) -> None:
        """Ends `run`."""
        self._stopped.set()


def run_desktop(flags: Mapping[str, object]) -> int:
    """Runs the desktop app until the user quits, or opens the status page of one that runs. Returns the exit code."""
    desktop = desktop_for(icon=_notification_icon())
    try:
        settings = Settings(SettingsFile(find_folders().settings_file), flags=flags, environ=os.environ)
        opening = _open_settings(settings)
        folders = find_folders(settings.config)
        folders.make()
        with claim(folders.data) as claimed, logged(folders, settings.config):
            return _run(settings, opening, folders, claimed, desktop)
    except AlreadyRunning:
        return _hand_over(find_folders(settings.config), desktop)
    except DrawbridgeError as error:
        # After a double click there is no terminal to show the error.
        desktop.notify(Notice(error.title, str(error)), lambda _: None)
        raise
    finally:
        desktop.close()


def _open_settings(settings: Settings) -> Saved | SettingsInvalid:
    """Reads the settings. Returns an error in the file, for the menu to show; raises one in a flag or variable."""
    try:
        return settings.open()
    except SettingsInvalid as error:
        settings.open_without_file()
        return error


def _run(
    settings: Settings, opening: Saved | SettingsInvalid, folders: Folders, claimed: Claim, desktop: Desktop
) -> int:
    token = secrets.token_urlsafe(32)
    publish = partial(_publish, claimed, token)

    def make_server(config: Config, on_status: "Callable[[Status], None]") -> "Runner":
        # Imported here: the icon comes first.
        from server.runtime.runner import Runner

        return Runner(
            config,
            token=token,
            folders=folders,
            on_status=on_status,
            # With neither icon nor page, a stopped app could not be started again.
            on_stop_requested=lambda: controller.post(Quit() if view.has_host is False else Stop()),
            on_quit_requested=lambda: controller.post(Quit()),
            diagnose=partial(_diagnostics, settings.flags),
            on_open=publish,
            settings=PageSettings(settings, controller.post),
        )

    platform = Platform(
        desktop=desktop,
        copy=copy,
        autostart=autostart_for(arguments=as_arguments(settings.config)),
        updates=cache(partial(_update_check, folders, settings)),
        publish=publish,
        is_end_requested=claimed.is_end_requested,
        diagnose=partial(_diagnostics, settings.flags),
        answers=_answers,
        page_ticket=partial(make_ticket, token),
        app_keys=KeyBook(folders.config),
        say=say,
        note=note,
        logs=folders.logs,
        version=own_version,
        project_page=project_page,
        has_exported_key=has_exported_key(os.environ),
        describe=claimed.describe,
        is_background=bool(settings.flags.get("background")),
        is_first_time=partial(_is_first_time, folders),
        open_desktop_control=_open_desktop_control,
    )
    controller = Controller(settings, AccessKey(Keychain(folders.config)), platform, make_server=make_server)
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


def _update_check(folders: Folders, settings: Settings) -> UpdateCheck:
    return UpdateCheck(
        folders.data / CACHE_FILE,
        own=own_version(),
        repository=repository(),
        managed_by=managed_by(),
        fetch=lambda feed: newest_tag(feed, settings.config.proxy),
    )


def _view(controller: Controller, desktop: Desktop) -> View:
    """The icon; `NoView` if its libraries fail, since the server is useful without it."""
    try:
        from tray.icon.view import View as IconView

        view = IconView(controller.post, controller.snapshot)
    except Exception:
        logger.exception("the icon cannot be shown")
        return NoView()
    desktop.use_icon(view.notify)
    view.on_notification_click(desktop.notification_clicked)
    return view


def _show(view: View, controller: Controller) -> None:
    """Shows the icon until the controller has ended, and outlives a failure of the icon."""
    try:
        view.run()
    except Exception:
        logger.exception("the icon has failed; the server continues without it")
        controller.wait()
    if not controller.wait(OPENING_S):
        # The system has ended the icon's event loop: the user logs out.
        controller.post(Quit())
        controller.wait(END_TIMEOUT_S)


def _publish(claimed: Claim, token: str, listeners: Listeners | None) -> None:
    if listeners is None:
        claimed.withdraw()
    else:
        claimed.publish(own_instance(listeners, token))


def _diagnostics(flags: Mapping[str, object]) -> str:
    # Imported here, as above.
    from server.commands.checks.diagnostics import diagnostics
    from tray.desktop.tray_detection import detect_tray

    return diagnostics(flags, tray=detect_tray)


def _open_desktop_control() -> ControlledDesktop:
    # Imported only when the user starts computer use.
    from tray.desktop_control import open_desktop_control

    return open_desktop_control()


def _answers(address: tuple[str, int]) -> bool:
    """Whether the server at this host and port responds."""
    # Imported here: it would delay the icon by 0.1 s.
    import http.client

    try:
        with closing(http.client.HTTPConnection(*address, timeout=PROBE_TIMEOUT_S)) as connection:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def _hand_over(folders: Folders, desktop: Desktop) -> int:
    """A second start: opens the status page of the running app."""
    first = _first(folders)
    if first is None:
        state = read_state(folders.data).rstrip(".") or "Its server is not running"
        text = f"{state}. See the menu of its icon, or run 'drawbridge doctor'."
        desktop.notify(Notice("Drawbridge is open already", text), lambda _: None)
        note(f"Drawbridge is open already. {text}")
        return 0
    note(f"Drawbridge is already running at {first.base_url} (pid {first.pid}).")
    desktop.open_page(f"{first.base_url.removesuffix('/v1')}/#open={make_ticket(first.token)}")
    for thread in threading.enumerate():
        if thread.name == "drawbridge-open":
            thread.join(OPENING_S)
    return 0


def _is_first_time(folders: Folders, name: str) -> bool:
    """Whether this is the first call with this `name`, by a file in the data folder."""
    with suppress(OSError):
        (folders.data / name).touch(PRIVATE, exist_ok=False)
        return True
    return False


def _first(folders: Folders) -> Instance | None:
    """The running server; waits a moment for one that is starting."""
    for _ in range(int(OPENING_S / _POLL_S)):
        if (first := read_instance(folders.data)) is not None:
            return first
        time.sleep(_POLL_S)
    return None


def _notification_icon() -> str:
    """The picture in notifications; empty if it is missing."""
    with suppress(FileNotFoundError):
        return str(asset("icons/drawbridge.png"))
    return ""
