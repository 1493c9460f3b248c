"""Opens folders, files and web pages on the desktop, and shows notifications; never blocks and never raises."""

import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

from server.machine.processes.environment import desktop_environment
from server.machine.processes.spawn import SpawnOptions, own_session
from tray.commands import Command
from tray.model import Notice

logger = logging.getLogger(__name__)

# Some openers exit at once, others with the browser. One that still runs after this time has succeeded.
SETTLED_S = 10.0
CREATE_NO_WINDOW = 0x08000000

OnClick = Callable[[Command], None]
OpenAttempt = Callable[[], bool]


class Notifier(Protocol):
    """Shows notifications."""

    def show(self, notice: Notice, on_click: OnClick) -> None:
        """Shows `notice` soon, without blocking."""

    def use(self, show: Callable[[str, str], None]) -> None:
        """Sets the icon's function that shows a title and a text."""

    def close(self) -> None:
        """Releases everything, within a bounded time."""


class Opener(Protocol):
    """Returns attempts at opening something, in order of preference; the first that returns True has succeeded."""

    def folder(self, path: Path) -> Sequence[OpenAttempt]:
        """In the file manager."""

    def file(self, path: Path) -> Sequence[OpenAttempt]:
        """In an editor."""

    def page(self, url: str) -> Sequence[OpenAttempt]:
        """Opens the URL in the browser."""


class Desktop:
    """The user's desktop. No method blocks; failures are logged."""

    def __init__(self, opener: Opener, notifier: Notifier) -> None:
        self._opener = opener
        self._notifier = notifier

    def open_folder(self, path: Path) -> None:
        """Shows the folder in the file manager."""
        self._open(self._opener.folder(path.absolute()), str(path))

    def open_file(self, path: Path) -> None:
        """Opens a text file in an editor, or its folder if there is no editor for it."""
        attempts = (*self._opener.file(path.absolute()), *self._opener.folder(path.absolute().parent))
        self._open(attempts, str(path))

    def open_page(self, url: str) -> None:
        """Opens a web page in the browser; ignores other URL schemes."""
        if not url.startswith(("http://", "https://")):
            logger.warning("%r is not a web page", url)
            return
        # Without the ticket, which is for the browser only.
        self._open(self._opener.page(url), url.partition("#open=")[0])

    def _open(self, attempts: Sequence[OpenAttempt], thing: str) -> None:
        failed = Notice("It could not be opened", f"No program on this desktop opens {thing}")
        _run_attempts(attempts, thing, lambda: self.notify(failed, lambda _: None))

    def notify(self, notice: Notice, on_click: OnClick) -> None:
        """Shows a notification. If the system reports a click, `on_click` gets the action on another thread."""
        logger.info("notification: %s", notice.title)
        try:
            self._notifier.show(notice, on_click)
        except Exception as error:  # noqa: BLE001 - a failed notification must not crash the app
            logger.info("no notification: %s: %s", type(error).__name__, error)

    def use_icon(self, show: Callable[[str, str], None]) -> None:
        """Sets the icon's function that shows a title and a text; it may block. Not used on Linux."""
        self._notifier.use(show)

    def notification_clicked(self) -> None:
        """The icon reports a click on a notification: on Windows."""
        if isinstance(self._notifier, IconNotifier):
            self._notifier.clicked()

    def close(self) -> None:
        """Releases everything, within a bounded time."""
        self._notifier.close()


class IconNotifier:
    """Windows and macOS: shows notifications through the icon once it exists, on a thread.

    Windows reports clicks, to `clicked`.
    """

    def __init__(self) -> None:
        self._notices: queue.SimpleQueue[tuple[Notice, OnClick] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._on_click: Callable[[], None] = lambda: None

    def clicked(self) -> None:
        """The user clicked a notification: the one shown last, as systems show only one at a time."""
        self._on_click()

    def use(self, show: Callable[[str, str], None]) -> None:
        """Sets the function that shows a title and a text; it may block and may raise. Call it once."""
        self._thread = threading.Thread(target=self._run, args=(show,), name="drawbridge-notices", daemon=True)
        self._thread.start()

    def show(self, notice: Notice, on_click: OnClick) -> None:
        """Shows `notice` soon."""
        self._notices.put((notice, on_click))

    def close(self) -> None:
        """Ends the thread."""
        self._notices.put(None)
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self, show: Callable[[str, str], None]) -> None:
        while (job := self._notices.get()) is not None:
            notice, on_click = job
            self._on_click = partial(on_click, notice.action) if notice.action is not None else lambda: None
            try:
                show(notice.title, notice.text)
            except Exception as error:  # noqa: BLE001 - the edge of this thread: the icon may be gone
                logger.info("no notification: %s: %s", type(error).__name__, error)


class LinuxOpener:
    """Opens with xdg-open, else with gio."""

    def __init__(self, environ: Mapping[str, str], which: Callable[[str], str | None] = shutil.which) -> None:
        self._environment = desktop_environment(environ)
        self._which = which

    def folder(self, path: Path) -> Sequence[OpenAttempt]:
        """See `page`."""
        return self._attempts(str(path))

    def file(self, path: Path) -> Sequence[OpenAttempt]:
        """See `page`."""
        return self._attempts(str(path))

    def page(self, url: str) -> Sequence[OpenAttempt]:
        """The same for folders, files and pages."""
        return self._attempts(url)

    def _attempts(self, thing: str) -> list[OpenAttempt]:
        commands = [
            [program, *more] for name, *more in (["xdg-open"], ["gio", "open"]) if (program := self._which(name))
        ]
        return [_running([*command, thing], self._environment, own_session()) for command in commands]


class MacOpener:
    """Opens with `open`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environment = desktop_environment(environ)

    def folder(self, path: Path) -> Sequence[OpenAttempt]:
        """In the Finder."""
        return [self._open(str(path))]

    def file(self, path: Path) -> Sequence[OpenAttempt]:
        """In the user's editor for plain text: there may be no app for the file's suffix."""
        return [self._open("-t", str(path))]

    def page(self, url: str) -> Sequence[OpenAttempt]:
        """Opens the URL in the browser."""
        return [self._open(url)]

    def _open(self, *arguments: str) -> OpenAttempt:
        return _running(["/usr/bin/open", *arguments], self._environment, own_session())


class WindowsOpener:
    """Opens with Explorer and `start`, which is `os.startfile`."""

    def __init__(self, environ: Mapping[str, str], start: Callable[[str], object]) -> None:
        self._environment = desktop_environment(environ)
        self._start = start

    def folder(self, path: Path) -> Sequence[OpenAttempt]:
        """Opens the folder in Explorer, which always exits with code 1."""
        return [_running(["explorer.exe", str(path)], self._environment, _NO_WINDOW, successes={0, 1})]

    def file(self, path: Path) -> Sequence[OpenAttempt]:
        """Opens the file in the program for its suffix, else in Notepad."""
        return [self._starting(str(path)), _running(["notepad.exe", str(path)], self._environment, {})]

    def page(self, url: str) -> Sequence[OpenAttempt]:
        """Opens the URL in the browser."""
        return [self._starting(url)]

    def _starting(self, thing: str) -> OpenAttempt:
        def start() -> bool:
            self._start(thing)
            return True

        return start


_NO_WINDOW: SpawnOptions = {"creationflags": CREATE_NO_WINDOW}


def _running(
    command: Sequence[str],
    environment: Mapping[str, str],
    options: SpawnOptions,
    *,
    successes: frozenset[int] | set[int] = frozenset({0}),
) -> OpenAttempt:
    """Runs `command`, which succeeds with one of these exit codes or by running longer than `SETTLED_S`."""

    def run() -> bool:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Not our own folder: Windows would not allow to rename it while the process runs.
            cwd=Path.home(),
            env=dict(environment),
            **options,
        )
        try:
            return process.wait(SETTLED_S) in successes
        except subprocess.TimeoutExpired:
            # Wait for the end, so that it does not stay a zombie.
            process.wait()
            return True

    return run


def _run_attempts(attempts: Sequence[OpenAttempt], thing: str, on_failure: Callable[[], None]) -> None:
    def run() -> None:
        for attempt in attempts:
            try:
                if attempt():
                    return
            except Exception as error:  # noqa: BLE001 - the edge of this thread: the next attempt may succeed
                logger.info("opening %s: %s: %s", thing, type(error).__name__, error)
        logger.warning("no program on this desktop could open %s", thing)
        on_failure()

    threading.Thread(target=run, name="drawbridge-open", daemon=True).start()


def desktop_for(platform: str = sys.platform, environ: Mapping[str, str] = os.environ, *, icon: str = "") -> Desktop:
    """The desktop of this system. `icon`: a picture file for notifications, where they show one."""
    if platform == "win32":
        return Desktop(WindowsOpener(environ, os.startfile), IconNotifier())  # type: ignore[attr-defined,unused-ignore] # there only
    if platform == "darwin":
        return Desktop(MacOpener(environ), IconNotifier())
    # Lazy: other systems have no D-Bus.
    from tray.desktop.notifications_linux import BusNotifier

    return Desktop(LinuxOpener(environ), BusNotifier(icon=icon))
