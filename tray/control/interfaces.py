"""What the controller uses of this computer, as small ports: real ones in the app, fakes in its tests."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from server.machine.sockets import Listeners
from tray.commands import Command
from tray.control.update_check import Updates
from tray.model import Notice, Snapshot


class Screen(Protocol):
    """Where snapshots are shown; `tray.icon.view.View`."""

    @property
    def has_host(self) -> bool | None:
        """Whether a tray shows the icon; None: nobody knows."""
        ...

    def show(self, snapshot: Snapshot) -> None:
        """Draws it soon."""
        ...

    def stop(self) -> None:
        """Takes the icon away."""
        ...


class Desktop(Protocol):
    """The user's desktop; `tray.desktop.desktop.Desktop`. Nothing waits, nothing raises."""

    def notify(self, notice: Notice, on_click: Callable[[Command], None]) -> None:
        """A notification."""
        ...

    def open_folder(self, path: Path) -> None:
        """In the file manager."""
        ...

    def open_file(self, path: Path) -> None:
        """In an editor."""
        ...

    def open_page(self, url: str) -> None:
        """In the browser."""
        ...


class Autostart(Protocol):
    """Start at login; see `tray.desktop.autostart.autostart`."""

    def state(self) -> bool | None:
        """What the next login will do."""
        ...

    def set(self, on: bool) -> None:  # noqa: FBT001 # as its implementations have it
        """From the next login on. Raises `DrawbridgeError`."""
        ...

    def repair(self) -> bool:
        """Where the program has moved."""
        ...


@dataclass(frozen=True, slots=True)
class Platform:
    """The computer we run on. `copy` may raise `DrawbridgeError`; `diagnose` and `answers` take a while.

    `publish` tells the commands where the server is, None: nowhere; `is_end_requested` reaches an app without one.
    `answers` says whether it replies at a host and port. `say` and `note` are the terminal's stdout and stderr, if
    there is one. `version` and `updates` are asked when the icon is there.
    """

    desktop: Desktop
    copy: Callable[[str], None]
    autostart: Autostart
    updates: Callable[[], Updates]
    publish: Callable[[Listeners | None], None]
    is_end_requested: Callable[[], bool]
    diagnose: Callable[[], str]
    answers: Callable[[tuple[str, int]], bool]
    say: Callable[[str], None]
    note: Callable[[str], None]
    logs: Path
    version: Callable[[], str]
    has_exported_key: bool
