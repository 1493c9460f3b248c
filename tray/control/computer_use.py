"""Starts and stops Claude's use of the desktop from the menu."""

from collections.abc import Callable
from concurrent.futures import CancelledError
from functools import partial

from server.desktop_tools.actions import ToolError
from server.desktop_tools.current import ComputerRefused
from server.desktop_tools.session import End
from server.errors import DrawbridgeError, ShuttingDown
from tray.commands import AnswerComputerUse, StartComputerUse, StopComputerUse
from tray.control.background import Background
from tray.control.interfaces import ControlledDesktop
from tray.control.notifications import Notifications
from tray.control.settings.settings import Settings
from tray.control.supervisor import Server, Supervisor
from tray.menu.computer import started_notice


class ComputerUseFlow:
    """Opens the desktop in the background and hands it to the server, which closes it. At most one start at a time."""

    def __init__(
        self,
        open_desktop_control: Callable[[], ControlledDesktop],
        settings: Settings,
        supervisor: Supervisor,
        background: Background,
        notifications: Notifications,
    ) -> None:
        self._open_desktop_control = open_desktop_control
        self._settings = settings
        self._supervisor = supervisor
        self._background = background
        self._notifications = notifications
        self._is_starting = False

    def execute(self, command: StartComputerUse | StopComputerUse | AnswerComputerUse) -> None:
        """Carries the command out. Raises `ShuttingDown` for a start without a server, or as `Server.decide`."""
        server = self._supervisor.server
        if isinstance(command, AnswerComputerUse):
            if server is not None:
                server.decide(command.question_id, command.decision)
        elif isinstance(command, StopComputerUse):
            if server is not None:
                server.stop_computer_use("menu")
        elif server is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then let Claude use the desktop.")
        elif not self._is_starting:
            self._is_starting = True
            self._background.run(partial(_start, self._open_desktop_control, server), self._on_started)

    def _on_started(self, hot_key: str | DrawbridgeError) -> None:
        self._is_starting = False
        if isinstance(hot_key, DrawbridgeError):
            self._notifications.error(hot_key)
        else:
            self._notifications.show(started_notice(self._settings.config.computer_minutes, hot_key))


def _start(open_desktop_control: Callable[[], ControlledDesktop], server: Server) -> str:
    """Starts the session and returns its hot key. Blocks. Raises `DrawbridgeError`; then the desktop is closed."""
    stops: list[End] = []

    def on_stop(end: End) -> None:
        stops.append(end)
        server.stop_computer_use(end)

    desktop = open_desktop_control()
    try:
        # Before the session starts, so that there is no moment in which the person cannot stop it.
        desktop.watch(on_stop)
        server.start_computer_use(desktop).result()
    except BaseException as error:
        desktop.close()
        if isinstance(error, ToolError):
            raise ComputerRefused(str(error)) from error
        if isinstance(error, CancelledError):
            raise ShuttingDown from error
        raise
    if stops:
        # It came before the session.
        server.stop_computer_use(stops[0])
    return desktop.hot_key
