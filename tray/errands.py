"""What a click asks of the desktop and not of the server: copies, folders, pages, work that takes long."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from server.config import Config
from server.errors import DrawbridgeError, StartError
from server.machine.settings import SettingsFile
from server.machine.version import project_page
from tray.bulletin import Bulletin
from tray.connect import text_for
from tray.keys import Keys
from tray.model import Copy, Notice, Open, Snapshot
from tray.surroundings import Surroundings
from tray.troubles import Copied

logger = logging.getLogger(__name__)

INSTALL_PAGE = "https://claude.com/claude-code"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Done:
    """What took its time elsewhere is done: `then` goes on with it."""

    then: Callable[[], None]


class Errands:
    """Runs them. `post` brings what follows back to the thread that asked for it."""

    def __init__(self, around: Surroundings, bulletin: Bulletin, keys: Keys, post: Callable[[Done], None]) -> None:
        self._around = around
        self._bulletin = bulletin
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
            self._post(Done(lambda: then(result)))

        threading.Thread(target=run, name="drawbridge-errand", daemon=True).start()

    def copy(self, command: Copy, snapshot: Snapshot, config: Config) -> None:
        """Puts it into the clipboard, and says so."""
        match command.what:
            case "base url":
                self.to_clipboard(snapshot.base_url, "The base URL")
            case "diagnostics":
                self.aside(self._around.diagnose, self._diagnosed)
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
        if (key := self._keys.current(config)) is not None:
            self.to_clipboard(key, "The access key")

    def to_clipboard(self, text: str, what: str) -> None:
        """Raises `DrawbridgeError` where there is no clipboard."""
        self._around.copy(text)
        self._bulletin.tell(Copied(what))

    def is_copied(self, text: str) -> bool:
        """Puts it into the clipboard if there is one; whether there is."""
        try:
            self._around.copy(text)
        except DrawbridgeError:
            return False
        return True

    def open(self, command: Open, snapshot: Snapshot, settings: SettingsFile) -> None:
        """Opens it in the desktop."""
        match command.what:
            case "log folder":
                self._around.desktop.open_folder(self._around.logs)
            case "settings":
                if not settings.path.exists():
                    # An editor would be asked to open nothing.
                    settings.write({})
                self._around.desktop.open_file(settings.path)
            case "page":
                self._around.desktop.open_page(page_of(snapshot))
            case "install page":
                self._around.desktop.open_page(INSTALL_PAGE)
            case "project page":
                # A build that names none has its own documentation.
                self._around.desktop.open_page(project_page() or f"{page_of(snapshot)}docs")
            case "release page":
                self._around.desktop.open_page(self._around.updates().page)
            case _:
                assert_never(command.what)

    def look_at_login(self) -> bool | None:
        """Whether the next login starts us, after a repair where the program has moved; may take a moment."""
        self._around.autostart.repair()
        return self._around.autostart.state()

    def start_at_login(self, *, on: bool) -> bool | None:
        """From the next login on; what the system makes of it. Raises `DrawbridgeError`."""
        self._around.autostart.set(on)
        return self._around.autostart.state()

    def _diagnosed(self, text: str | DrawbridgeError) -> None:
        if isinstance(text, DrawbridgeError):
            raise text
        self.to_clipboard(text, "What Drawbridge found on this computer")

    def tell_error(self, error: DrawbridgeError) -> None:
        """Says once what went wrong."""
        self._bulletin.tell(Notice(error.title, str(error)))


def page_of(snapshot: Snapshot) -> str:
    """The page of the running server."""
    return f"{snapshot.base_url.removesuffix('/v1')}/"
