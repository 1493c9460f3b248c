"""What a click asks of the desktop and not of the server: copies, folders, pages, work that takes long."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from server.config import Config
from server.errors import DrawbridgeError, StartError
from server.machine.settings_file import SettingsFile
from server.machine.version import project_page
from tray.commands import Copy, Open
from tray.control.access_key import Keys
from tray.control.interfaces import Platform
from tray.control.notifications import Notifications
from tray.menu.client_setup import text_for
from tray.menu.problems import Copied
from tray.model import Notice, Snapshot

logger = logging.getLogger(__name__)

INSTALL_PAGE = "https://claude.com/claude-code"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Completed:
    """What took its time elsewhere is done: `then` goes on with it."""

    then: Callable[[], None]


class Errands:
    """Runs them. `post` brings what follows back to the thread that asked for it."""

    def __init__(
        self, platform: Platform, notifications: Notifications, keys: Keys, post: Callable[[Completed], None]
    ) -> None:
        self._platform = platform
        self._notifications = notifications
        self._keys = keys
        self._post = post

    def aside(self, work: Callable[[], T], then: Callable[[T | DrawbridgeError], None]) -> None:
        """Does `work` on a short thread; `then` gets its result, or its error as one of ours, back on our own."""

        def run() -> None:
            try:
                result: T | DrawbridgeError = work()
            except DrawbridgeError as error:
                result = error
            except Exception as error:
                logger.exception("a mistake of ours")
                result = StartError(f"{type(error).__name__}: {error}.", title="Something went wrong")
            self._post(Completed(lambda: then(result)))

        threading.Thread(target=run, name="drawbridge-errand", daemon=True).start()

    def soon(self, then: Callable[[], None]) -> None:
        """Does it on our own thread, after what waits there."""
        self._post(Completed(then))

    def copy(self, command: Copy, snapshot: Snapshot, config: Config) -> None:
        """Puts it into the clipboard, and says so."""
        match command.what:
            case "base url":
                self.to_clipboard(snapshot.base_url, "The base URL")
            case "diagnostics":
                self.aside(self._platform.diagnose, self._diagnosed)
            case app:
                text = text_for(
                    app,
                    base_url=snapshot.base_url,
                    model=config.model,
                    key_required=config.api_key is not None,
                    key=config.api_key,
                )
                self.to_clipboard(text, f"The text for {app if app == 'curl' else app.title()}")

    def copy_key(self, config: Config) -> None:
        """The access key, whether or not it is asked for."""
        if config.api_key is not None:
            self._found_key(config.api_key)
        else:
            self.aside(lambda: self._keys.current(config), self._found_key)

    def to_clipboard(self, text: str, what: str) -> None:
        """Raises `DrawbridgeError` where there is no clipboard."""
        self._platform.copy(text)
        self._notifications.tell(Copied(what))

    def is_copied(self, text: str) -> bool:
        """Puts it into the clipboard if there is one; whether there is."""
        try:
            self._platform.copy(text)
        except DrawbridgeError:
            return False
        return True

    def open(self, command: Open, snapshot: Snapshot, settings: SettingsFile) -> None:
        """Opens it in the desktop."""
        match command.what:
            case "log folder":
                self._platform.desktop.open_folder(self._platform.logs)
            case "settings":
                if not settings.path.exists():
                    # An editor would be asked to open nothing.
                    settings.write({})
                self._platform.desktop.open_file(settings.path)
            case "page":
                self._platform.desktop.open_page(page_of(snapshot))
            case "install page":
                self._platform.desktop.open_page(INSTALL_PAGE)
            case "project page":
                # A build that names none has its own documentation.
                self._platform.desktop.open_page(project_page() or f"{page_of(snapshot)}docs")
            case "release page":
                self._platform.desktop.open_page(self._platform.updates().page)
            case _:
                assert_never(command.what)

    def look_at_login(self) -> bool | None:
        """Whether the next login starts us, after a repair where the program has moved; may take a moment."""
        self._platform.autostart.repair()
        return self._platform.autostart.state()

    def start_at_login(self, *, on: bool) -> bool | None:
        """From the next login on; what the system makes of it. Raises `DrawbridgeError`."""
        self._platform.autostart.set(on)
        return self._platform.autostart.state()

    def _found_key(self, key: str | DrawbridgeError | None) -> None:
        if isinstance(key, DrawbridgeError):
            raise key
        if key is not None:
            self.to_clipboard(key, "The access key")

    def _diagnosed(self, text: str | DrawbridgeError) -> None:
        if isinstance(text, DrawbridgeError):
            raise text
        self.to_clipboard(text, "What Drawbridge found on this computer")

    def tell_error(self, error: DrawbridgeError) -> None:
        """Says once what went wrong."""
        self._notifications.tell(Notice(error.title, str(error)))


class Turns:
    """Steps on our own thread, one after another, also where one of them waits for what is done aside."""

    def __init__(self, errands: Errands) -> None:
        self._errands = errands
        self._steps: deque[Callable[[], None]] = deque()
        self._is_aside = False

    def take(self, step: Callable[[], None]) -> None:
        """Does `step`, at once or when those before it are done. Raises what it raises, if it is done at once."""
        self._steps.append(step)
        if len(self._steps) == 1:
            self._do_first()

    def aside(self, work: Callable[[], T], then: Callable[[T | DrawbridgeError], None]) -> None:
        """As `Errands.aside`, for a step that is over only when `then` is."""
        self._is_aside = True

        def done(result: T | DrawbridgeError) -> None:
            try:
                then(result)
            finally:
                self._go_on()

        self._errands.aside(work, done)

    def _do_first(self) -> None:
        self._is_aside = False
        try:
            self._steps[0]()
        finally:
            if not self._is_aside:
                self._go_on()

    def _go_on(self) -> None:
        self._steps.popleft()
        if self._steps:
            self._errands.soon(self._do_first)


def page_of(snapshot: Snapshot) -> str:
    """The page of the running server."""
    return f"{snapshot.base_url.removesuffix('/v1')}/"
