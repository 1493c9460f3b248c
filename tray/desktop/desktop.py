"""What the desktop does for us: opens folders, files and pages, and shows notifications. Never waits, never raises."""

import logging
import os
import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from server.machine.guards import desktop_environment
from server.machine.spawn import SpawnOptions, own_session
from tray.commands import Command
from tray.model import Notice

logger = logging.getLogger(__name__)

# Some openers end at once, others stay as long as the browser: those that live so long have succeeded.
SETTLED_S = 10.0
CREATE_NO_WINDOW = 0x08000000

OnClick = Callable[[Command], None]
Attempt = Callable[[], bool]


class Notifier(Protocol):
    """Shows notifications."""

    def show(self, notice: Notice, on_click: OnClick) -> None:
        """Shows `notice` soon; returns at once."""
        ...

    def use(self, show: Callable[[str, str], None]) -> None:
        """Offers the icon's way of showing a title and a text."""
        ...

    def close(self) -> None:
        """Lets go of what it holds. Bounded."""
        ...


class Opener(Protocol):
    """Ways to open a thing, to be tried in this order; the first that says True has done it."""

    def folder(self, path: Path) -> Sequence[Attempt]:
        """In the file manager."""
        ...

    def file(self, path: Path) -> Sequence[Attempt]:
        """In an editor."""
        ...

    def page(self, url: str) -> Sequence[Attempt]:
        """In the browser."""
        ...


class Desktop:
    """The user's desktop. Each method returns at once; what fails is in the log."""

    def __init__(self, opener: Opener, notifier: Notifier) -> None:
        self._opener = opener
        self._notifier = notifier

    def open_folder(self, path: Path) -> None:
        """Shows the folder in the file manager."""
        _in_the_background(self._opener.folder(path.absolute()), str(path))

    def open_file(self, path: Path) -> None:
        """Opens a text file in an editor; where none is known for it, its folder."""
        attempts = (*self._opener.file(path.absolute()), *self._opener.folder(path.absolute().parent))
        _in_the_background(attempts, str(path))

    def open_page(self, url: str) -> None:
        """Opens a page of the web in the browser, and nothing else that an address can mean."""
        if not url.startswith(("http://", "https://")):
            logger.warning("%r is no page", url)
            return
        _in_the_background(self._opener.page(url), url)

    def notify(self, notice: Notice, on_click: OnClick) -> None:
        """Shows a notification. Where the system tells of a click, `on_click` gets its action, in another thread."""
        logger.info("notification: %s", notice.title)
        try:
            self._notifier.show(notice, on_click)
        except Exception as error:  # noqa: BLE001 - the promise: a notification is never worth a crash
            logger.info("no notification: %s: %s", type(error).__name__, error)

    def use_icon(self, show: Callable[[str, str], None]) -> None:
        """Tells that the icon is there: `show` takes a title and a text, and may block. Nothing happens on Linux."""
        self._notifier.use(show)

    def close(self) -> None:
        """Lets go of the desktop. Bounded."""
        self._notifier.close()


class IconNotifier:
    """Windows and macOS: the tray's icon shows notifications, on a thread of ours, since that of macOS blocks.

    The icon comes later than we do: until `use` is called, notifications wait. They cannot be clicked.
    """

    def __init__(self) -> None:
        self._notices: queue.SimpleQueue[Notice | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def use(self, show: Callable[[str, str], None]) -> None:
        """`show` takes a title and a text; it may block and may raise. Called once, by who made the icon."""
        self._thread = threading.Thread(target=self._run, args=(show,), name="drawbridge-notices", daemon=True)
        self._thread.start()

    def show(self, notice: Notice, on_click: OnClick) -> None:  # noqa: ARG002 # these systems tell of no click
        """Shows `notice` soon."""
        self._notices.put(notice)

    def close(self) -> None:
        """Ends the thread."""
        self._notices.put(None)
        if self._thread is not None:
            self._thread.join(1.0)

    def _run(self, show: Callable[[str, str], None]) -> None:
        while (notice := self._notices.get()) is not None:
            try:
                show(notice.title, notice.text)
            except Exception as error:  # noqa: BLE001 - the edge of this thread: the icon may be gone
                logger.info("no notification: %s: %s", type(error).__name__, error)


class LinuxOpener:
    """By the desktop's own programs, whichever are installed."""

    def __init__(self, environ: Mapping[str, str], which: Callable[[str], str | None] = shutil.which) -> None:
        self._environment = desktop_environment(environ)
        self._which = which

    def folder(self, path: Path) -> Sequence[Attempt]:
        """See `page`."""
        return self._attempts(str(path))

    def file(self, path: Path) -> Sequence[Attempt]:
        """See `page`."""
        return self._attempts(str(path))

    def page(self, url: str) -> Sequence[Attempt]:
        """By xdg-open, else by gio."""
        return self._attempts(url)

    def _attempts(self, thing: str) -> list[Attempt]:
        commands = [
            [program, *more] for name, *more in (["xdg-open"], ["gio", "open"]) if (program := self._which(name))
        ]
        return [_running([*command, thing], self._environment, own_session()) for command in commands]


class MacOpener:
    """By `open`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environment = desktop_environment(environ)

    def folder(self, path: Path) -> Sequence[Attempt]:
        """In the Finder."""
        return [self._open(str(path))]

    def file(self, path: Path) -> Sequence[Attempt]:
        """In the user's editor for plain text: no app may have claimed the name's ending."""
        return [self._open("-t", str(path))]

    def page(self, url: str) -> Sequence[Attempt]:
        """In the browser."""
        return [self._open(url)]

    def _open(self, *arguments: str) -> Attempt:
        return _running(["/usr/bin/open", *arguments], self._environment, own_session())


class WindowsOpener:
    """By the Explorer and the shell's own "open". `start` is `os.startfile`."""

    def __init__(self, environ: Mapping[str, str], start: Callable[[str], object]) -> None:
        self._environment = desktop_environment(environ)
        self._start = start

    def folder(self, path: Path) -> Sequence[Attempt]:
        """The Explorer; its exit code is 1 whatever happened."""
        return [_running(["explorer.exe", str(path)], self._environment, _NO_WINDOW, successes={0, 1})]

    def file(self, path: Path) -> Sequence[Attempt]:
        """The program for its ending, else the Notepad, which every Windows has."""
        return [self._starting(str(path)), _running(["notepad.exe", str(path)], self._environment, {})]

    def page(self, url: str) -> Sequence[Attempt]:
        """The browser."""
        return [self._starting(url)]

    def _starting(self, thing: str) -> Attempt:
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
) -> Attempt:
    """Runs `command`; it has done it if it ends with one of `successes`, or does not end for a while."""

    def run() -> bool:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Never our own folder: as long as it lives, Windows would not let anybody rename that.
            cwd=Path.home(),
            env=dict(environment),
            **options,
        )
        try:
            return process.wait(SETTLED_S) in successes
        except subprocess.TimeoutExpired:
            # To its end all the same, so that it does not stay in the process table.
            process.wait()
            return True

    return run


def _in_the_background(attempts: Sequence[Attempt], thing: str) -> None:
    def run() -> None:
        for attempt in attempts:
            try:
                if attempt():
                    return
            except Exception as error:  # noqa: BLE001 - the edge of this thread: the next attempt may do it
                logger.info("opening %s: %s: %s", thing, type(error).__name__, error)
        logger.warning("nothing on this desktop opens %s", thing)

    threading.Thread(target=run, name="drawbridge-open", daemon=True).start()


def desktop_for(platform: str = sys.platform, environ: Mapping[str, str] = os.environ, *, icon: str = "") -> Desktop:
    """The desktop of this system. `icon`: a picture's file, for systems where notifications have one."""
    if platform == "win32":
        return Desktop(WindowsOpener(environ, os.startfile), IconNotifier())  # type: ignore[attr-defined,unused-ignore] # there only
    if platform == "darwin":
        return Desktop(MacOpener(environ), IconNotifier())
    # Lazy: other systems have no D-Bus.
    from tray.desktop.notifications_linux import BusNotifier

    return Desktop(LinuxOpener(environ), BusNotifier(icon=icon))
