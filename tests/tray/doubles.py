"""What a scene has instead of the desktop: a clock, a screen, autostart, a keyring, a desktop that Claude uses."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from server.desktop_tools.session import End
from server.errors import DrawbridgeError
from server.machine.files.settings_file import SettingsFile
from tests.server.desktop_tools.fake_desktop import FakeDesktop
from tray.commands import Command
from tray.desktop.desktop import Desktop as RealDesktop
from tray.model import Notice, Snapshot


class Clock:
    """A real clock that the test can advance."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._clock() + self.ahead


class Screen:
    """Remembers what was shown."""

    has_host: bool | None = True

    def __init__(self) -> None:
        self.shown: list[Snapshot] = []
        self.stopped = threading.Event()

    def show(self, snapshot: Snapshot) -> None:
        self.shown.append(snapshot)

    def stop(self) -> None:
        self.stopped.set()


class Desktop(RealDesktop):
    """Remembers notifications and what was opened."""

    def __init__(self) -> None:
        self.notices: list[Notice] = []
        self.opened: list[str] = []

    def notify(self, notice: Notice, on_click: Callable[[Command], None]) -> None:
        self.notices.append(notice)

    def open_folder(self, path: Path) -> None:
        self.opened.append(f"folder {path}")

    def open_file(self, path: Path) -> None:
        assert path.exists()
        self.opened.append(f"file {path}")

    def open_page(self, url: str) -> None:
        self.opened.append(f"page {url}")

    @property
    def titles(self) -> list[str]:
        return [notice.title for notice in self.notices]


class Autostart:
    """Start at login in memory."""

    def __init__(self) -> None:
        self.on: bool | None = False
        self.refreshes = 0

    def state(self) -> bool | None:
        return self.on

    def set(self, on: bool) -> None:
        self.on = on

    def refresh(self) -> bool:
        self.refreshes += 1
        return False


class Memory:
    """A keyring in memory. Every call raises `error` if it is set, and blocks while `gate` is closed."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.error: Exception | None = None
        self.is_unlocked: bool | None = None
        self.calls = 0
        self.gate = threading.Event()
        self.gate.set()

    def get_password(self, service: str, username: str) -> str | None:
        self._check()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._check()
        self.kept[(service, username)] = password

    def delete_password(self, service: str, username: str) -> None:
        self._check()
        del self.kept[(service, username)]

    def _check(self) -> None:
        self.calls += 1
        self.gate.wait()
        if self.error is not None:
            raise self.error

    @property
    def key(self) -> str | None:
        """The stored access key."""
        return next((value for (_, name), value in self.kept.items() if name == "access key"), None)


class FakeControlledDesktop(FakeDesktop):
    """The desktop that Claude uses; `stopped` is what the hot key and the corner call."""

    hot_key = "Ctrl+Alt+Escape"

    def __init__(self, watch_error: Exception | None = None) -> None:
        super().__init__()
        self._watch_error = watch_error
        self.stopped: Callable[[End], None] = lambda _: None

    def watch(self, on_stop: Callable[[End], None]) -> None:
        if self._watch_error is not None:
            raise self._watch_error
        self.stopped = on_stop


class WriteProtected(SettingsFile):
    """A settings file that cannot be written."""

    def write(self, changes: Mapping[str, object]) -> tuple[str, ...]:
        raise DrawbridgeError("The disk is full.", title="The settings are not saved")
