"""What the controller uses of the computer it runs on: real in the app, fakes in the tests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.desktop_tools.current import OpenDesktop
from server.desktop_tools.session import End
from server.keys.key_book import KeyBook
from server.machine.network.sockets import Listeners
from tray.control.updates.update_check import UpdateCheck
from tray.desktop.autostart.entry import Autostart
from tray.desktop.desktop import Desktop
from tray.model import Snapshot


class Screen(Protocol):
    """Shows snapshots; see `tray.icon.view.View`."""

    @property
    def has_host(self) -> bool | None:
        """Whether a tray shows the icon; None: not known yet."""

    def show(self, snapshot: Snapshot) -> None:
        """Draws it soon."""

    def stop(self) -> None:
        """Removes the icon."""


class ControlledDesktop(OpenDesktop, Protocol):
    """The desktop that Claude uses; see `tray.desktop_control`."""

    @property
    def hot_key(self) -> str:
        """The keys that stop it, as the person reads them; empty if there are none."""

    def watch(self, on_stop: Callable[[End], None]) -> None:
        """Calls `on_stop` once, in another thread, when the person stops it by hot key or corner. May raise."""


@dataclass(frozen=True, slots=True)
class Platform:
    """The computer as the controller sees it. `diagnose` and `answers` block.

    `copy` raises `DrawbridgeError`, and returns False if the text may not have arrived on the clipboard. `app_keys`:
    the keys of apps, which other processes may change. `page_ticket`: a new ticket that opens the server's page
    without the key. `publish` stores the server's addresses for the commands; None: no server. `is_end_requested`: a
    command asks the app to end. `answers`: whether a server responds at a host and port. `say` and `note` write to
    stdout and stderr. `version`, `project_page` and `updates` are read only once the icon is shown, since they are
    slow to load. `open_desktop_control` opens the desktop for Claude; it blocks, and raises `NotOnThisDesktop`.
    """

    desktop: Desktop
    copy: Callable[[str], bool]
    autostart: Autostart
    updates: Callable[[], UpdateCheck]
    publish: Callable[[Listeners | None], None]
    is_end_requested: Callable[[], bool]
    diagnose: Callable[[], str]
    answers: Callable[[tuple[str, int]], bool]
    say: Callable[[str], None]
    note: Callable[[str], None]
    page_ticket: Callable[[], str]
    app_keys: KeyBook
    logs: Path
    version: Callable[[], str]
    project_page: Callable[[], str | None]
    has_exported_key: bool
    describe: Callable[[str], None]
    is_background: bool
    is_first_time: Callable[[str], bool]
    open_desktop_control: Callable[[], ControlledDesktop]
