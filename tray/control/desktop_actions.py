"""Commands that concern only the desktop: copy something, or open a file, folder or page."""

from typing import assert_never
from urllib.parse import quote

from server.config import Config
from server.connect.clients import TITLES
from server.connect.instructions import Setup, instructions_for
from server.errors import DrawbridgeError
from server.machine.files.settings_file import SettingsFile
from tray.commands import AppKey, Copy, Open
from tray.control.background import Background
from tray.control.interfaces import Platform
from tray.control.keys.access_key import AccessKey
from tray.control.keys.app_keys import change_app_key
from tray.control.notifications import Notifications
from tray.menu.problems import Copied, DiagnosticsCopied
from tray.model import Snapshot

INSTALL_PAGE = "https://claude.com/claude-code"


class DesktopActions:
    """Carries them out, each copy with a notification."""

    def __init__(
        self, platform: Platform, notifications: Notifications, access_key: AccessKey, background: Background
    ) -> None:
        self._platform = platform
        self._notifications = notifications
        self._access_key = access_key
        self._background = background

    def copy(self, command: Copy, snapshot: Snapshot, config: Config) -> None:
        """Raises `DrawbridgeError` if there is no clipboard."""
        match command.what:
            case "base url":
                self.copy_text(snapshot.base_url, "The base URL")
            case "diagnostics":
                self._background.run(self._platform.diagnose, self._on_diagnostics)
            case client:
                key = config.local_key
                setup = Setup(snapshot.base_url, config.model, requires_key=key is not None, key=key)
                what = "The curl command" if client == "curl" else f"The settings for {TITLES[client]}"
                self.copy_text(instructions_for(client, setup).snippets[0].text, what)

    def copy_key(self, config: Config) -> None:
        """Copies the access key, whether or not it is required."""
        if config.api_key is not None:
            self._on_key(config.api_key)
        else:
            self._background.run(lambda: self._access_key.get(config), self._on_key)

    def change_app_key(self, command: AppKey, config: Config) -> None:
        """Creates and copies a key of an app, or revokes it. Raises `DrawbridgeError`."""
        change_app_key(command, self._platform.app_keys, config, self._platform.copy, self._notifications)

    def copy_text(self, text: str, what: str) -> None:
        """Copies `text` and names it in the notification. Raises `DrawbridgeError` if there is no clipboard."""
        self._notifications.show(Copied(what, is_certain=self._platform.copy(text)))

    def try_to_copy(self, text: str) -> bool:
        """Copies without a notification; returns whether it certainly worked."""
        try:
            return self._platform.copy(text)
        except DrawbridgeError:
            return False

    def open(self, command: Open, snapshot: Snapshot, settings: SettingsFile) -> None:
        """Opens it in the user's file manager, editor or browser."""
        desktop = self._platform.desktop
        match command.what:
            case "log folder":
                desktop.open_folder(self._platform.logs)
            case "settings":
                if not settings.path.exists():
                    # Editors open existing files only.
                    settings.write({})
                desktop.open_file(settings.path)
            case "page":
                desktop.open_page(self.page_with_ticket(snapshot))
            case "question":
                place = f"live?question={question}" if (question := snapshot.status.approvals.id) else ""
                desktop.open_page(self.page_with_ticket(snapshot, place))
            case "connect":
                desktop.open_page(self.page_with_ticket(snapshot, "connect"))
            case "settings page":
                desktop.open_page(self.page_with_ticket(snapshot, "settings"))
            case "install page":
                desktop.open_page(INSTALL_PAGE)
            case "project page":
                # The menu has no such line in a build without a project page.
                desktop.open_page(self._platform.project_page() or page_of(snapshot))
            case "release page":
                desktop.open_page(self._platform.updates().page)
            case _:
                assert_never(command.what)

    def page_with_ticket(self, snapshot: Snapshot, section: str = "") -> str:
        """The address that opens the dashboard, at a section, without asking for the key; valid once, for a minute."""
        place = f"&section={quote(section)}" if section else ""
        return f"{page_of(snapshot)}#open={self._platform.page_ticket()}{place}"

    def _on_key(self, key: str | DrawbridgeError | None) -> None:
        if isinstance(key, DrawbridgeError):
            raise key
        if key is not None:
            self.copy_text(key, "The access key")

    def _on_diagnostics(self, text: str | DrawbridgeError) -> None:
        if isinstance(text, DrawbridgeError):
            raise text
        self._notifications.show(DiagnosticsCopied(is_certain=self._platform.copy(text)))


def page_of(snapshot: Snapshot) -> str:
    """The server's status page."""
    return f"{snapshot.base_url.removesuffix('/v1')}/"
