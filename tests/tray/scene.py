"""The app without a screen: the real controller, settings file and runner, with fakes for the desktop.

The runner holds the engine of `tests.server.fake_server`, or the real one as a demo.
"""

import http.client
import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from server.config import GRACE_S, Config
from server.errors import DrawbridgeError, SettingsInvalid
from server.keys.key_book import KeyBook
from server.machine.files.paths import Folders
from server.machine.files.settings_file import Saved, SettingsFile
from server.machine.keychain import DEADLINE_S, Keychain
from server.machine.network.sockets import Listeners
from server.runtime.runner import Runner
from server.status import State, Status
from tests.server.fake_server import FakeBackend
from tests.tray.doubles import Autostart, Clock, Desktop, FakeControlledDesktop, Memory, Screen
from tray.commands import Quit, Stop
from tray.control.background import Completed
from tray.control.controller import Controller, Event
from tray.control.interfaces import Platform
from tray.control.keys.access_key import AccessKey
from tray.control.settings.settings import Settings
from tray.control.supervisor import Server
from tray.control.updates.update_check import CACHE_FILE, UpdateCheck
from tray.model import Notice, Snapshot

WAIT_S = 60.0
REPOSITORY = "https://github.com/some/bridge"


def wait_for(condition: Callable[[], object], state: Callable[[], object] = lambda: "timeout") -> None:
    """Waits until another thread makes the condition true."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end, state()
        time.sleep(0.01)


def ask(
    port: int, path: str, *, host: str = "127.0.0.1", body: dict[str, Any] | None = None, **headers: str
) -> tuple[int, Any]:
    """Status and JSON of one request."""
    with closing(http.client.HTTPConnection(host, port, timeout=WAIT_S)) as connection:
        heads = {"content-type": "application/json", **headers} if body is not None else headers
        sent = None if body is None else json.dumps(body).encode()
        connection.request("GET" if body is None else "POST", path, sent, heads)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


class _Watched(Runner):
    """The runner; remembers the grace period of each stop."""

    def __init__(self, graces: list[float], config: Config, **more: Any) -> None:
        super().__init__(config, **more)
        self._graces = graces

    def stop(self, grace_s: float = GRACE_S) -> None:
        self._graces.append(grace_s)
        super().stop(grace_s)


@dataclass
class Scene:
    """One app: `start` it, `post` commands, wait `until` the snapshot shows the effect."""

    folder: Path
    flags: dict[str, object] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    is_real: bool = False
    lan: tuple[str, ...] = ("127.0.0.2",)
    make_file: Callable[[Path], SettingsFile] = SettingsFile
    managed_by: str = ""
    repository: str | None = REPOSITORY
    deadline_s: float = DEADLINE_S

    def __post_init__(self) -> None:
        self.folders = Folders(self.folder / "config", self.folder / "data", self.folder / "logs")
        self.settings = self.folders.settings_file
        self.screen, self.desktop, self.autostart, self.memory = Screen(), Desktop(), Autostart(), Memory()
        self.clipboard: list[str] = []
        self.copy_error: DrawbridgeError | None = None
        self.is_copy_certain = True
        self.published: list[str | None] = []
        self.said: list[str] = []
        self.noted: list[str] = []
        self.runners: list[Runner] = []
        self.make_error: BaseException | None = None
        self.answers = True
        self.graces: list[float] = []
        self.probes: list[tuple[str, int]] = []
        self.fetched: list[str] = []
        self.newest: str | None = "v1.3.0"
        self.feed_error: DrawbridgeError | None = None
        self.is_end_requested = False
        self.diagnosis = "all is well\n"
        self.backend = FakeBackend()
        self.clock, self.wall = Clock(time.monotonic), Clock(time.time)
        self.has_started = False
        self.described: list[str] = []
        self.is_background = False
        self.times: list[str] = []
        self.desktops: list[FakeControlledDesktop] = []
        self.hands_error: Exception | None = None
        self.watch_error: Exception | None = None

    def write(self, text: str) -> None:
        """Writes the settings file, as the user would."""
        self.settings.parent.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(text)

    @property
    def saved(self) -> dict[str, Any]:
        """The settings file's values."""
        import tomllib

        return tomllib.loads(self.settings.read_text()) if self.settings.exists() else {}

    def start(self) -> "Scene":
        """Starts the app."""
        settings = Settings(self.make_file(self.settings), flags=self.flags, environ=self.environ)
        opening: Saved | SettingsInvalid
        try:
            opening = settings.open()
        except SettingsInvalid as error:
            settings.open_without_file()
            opening = error
        keychain = Keychain(
            self.folders.config,
            deadline_s=self.deadline_s,
            backend=lambda: self.memory,
            is_unlocked=lambda: self.memory.is_unlocked,
        )
        self.controller = Controller(
            settings,
            AccessKey(keychain),
            self._make_platform(),
            make_server=self._make,
            clock=self.clock,
            wall=self.wall,
        )
        self.controller.start(self.screen, opening)
        self.has_started = True
        return self

    def running(self) -> "Scene":
        """Starts the app and waits until the server runs."""
        self.start()
        self.until(lambda shown: shown.status.state is State.RUNNING)
        return self

    def post(self, *events: Event) -> None:
        """Posts events in order."""
        for event in events:
            self.controller.post(event)

    def pass_time(self, seconds: float) -> None:
        """Advances the clocks and wakes the controller."""
        self.clock.ahead += seconds
        self.wall.ahead += seconds
        self.post(Completed(lambda: None))

    @property
    def shown(self) -> Snapshot:
        """The newest snapshot."""
        return self.controller.snapshot

    @property
    def runner(self) -> Runner:
        """The newest server."""
        return self.runners[-1]

    @property
    def port(self) -> int:
        """Its port."""
        return self.runner.listeners.port

    def until(self, condition: Callable[[Snapshot], object]) -> Snapshot:
        """Waits for a snapshot that meets the condition."""
        wait_for(lambda: condition(self.shown), lambda: self.shown)
        return self.shown

    def until_notified(self, title: str) -> Notice:
        """Waits for the notification with this in its title."""
        wait_for(lambda: any(title in shown for shown in self.desktop.titles), lambda: self.desktop.titles)
        return next(notice for notice in reversed(self.desktop.notices) if title in notice.title)

    def end(self) -> None:
        """Quits without a grace period, and waits for the end."""
        self.backend.go()
        if self.has_started and not self.controller.wait(0):
            self.post(Quit(), Quit())
            assert self.controller.wait(60)

    def _updates(self) -> UpdateCheck:
        return UpdateCheck(
            self.folders.data / CACHE_FILE,
            own="1.2.3",
            repository=self.repository,
            managed_by=self.managed_by,
            fetch=self._newest,
            wall=self.wall,
        )

    def _make_platform(self) -> Platform:
        return Platform(
            desktop=self.desktop,
            copy=self._copy,
            autostart=self.autostart,
            updates=cache(self._updates),
            publish=self._publish,
            is_end_requested=lambda: self.is_end_requested,
            diagnose=lambda: self.diagnosis,
            answers=self._answers,
            say=self.said.append,
            note=self.noted.append,
            logs=self.folders.logs,
            version=lambda: "1.2.3",
            page_ticket=lambda: "ticket",
            app_keys=KeyBook(self.folders.config),
            project_page=lambda: self.repository,
            has_exported_key=False,
            describe=self.described.append,
            is_background=self.is_background,
            is_first_time=self._is_first_time,
            open_desktop_control=self._open_desktop_control,
        )

    def _is_first_time(self, name: str) -> bool:
        self.times.append(name)
        return self.times.count(name) == 1

    def _open_desktop_control(self) -> FakeControlledDesktop:
        if self.hands_error is not None:
            raise self.hands_error
        self.desktops.append(FakeControlledDesktop(self.watch_error))
        return self.desktops[-1]

    def _newest(self, feed: str) -> str | None:
        self.fetched.append(feed)
        if self.feed_error is not None:
            raise self.feed_error
        return self.newest

    def _copy(self, text: str) -> bool:
        if self.copy_error is not None:
            raise self.copy_error
        self.clipboard.append(text)
        return self.is_copy_certain

    def _publish(self, listeners: Listeners | None) -> None:
        self.published.append(None if listeners is None else listeners.base_url)

    def _answers(self, place: tuple[str, int]) -> bool:
        self.probes.append(place)
        return self.answers

    def _make(self, config: Config, on_status: Callable[[Status], None]) -> Server:
        made = {} if self.is_real else {"open_engine": self.backend.open_engine, "create_app": self.backend.create_app}
        self.backend.fails = self.make_error
        runner = _Watched(
            self.graces,
            config,
            token="t",
            folders=self.folders,
            on_status=on_status,
            on_stop_requested=lambda: self.controller.post(Stop()),
            on_quit_requested=lambda: self.controller.post(Quit()),
            hosts=lambda: self.lan,
            **made,  # the fake engine and application
        )
        self.runners.append(runner)
        return runner
