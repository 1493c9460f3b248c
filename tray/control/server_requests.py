"""Commands that the running server carries out: extra usage, kept contents, the tunnel."""

from server.errors import DrawbridgeError
from server.keys.key_book import KeyBook
from server.keys.tunnel_key import ensure_tunnel_key
from tray.commands import AllowExtraUsage, CloseTunnel, KeepContents, OpenTunnel
from tray.control.background import Background
from tray.control.desktop_actions import DesktopActions
from tray.control.notifications import Notifications
from tray.control.settings.settings import Settings
from tray.control.supervisor import Supervisor
from tray.model import Notice


class ServerRequests:
    """Passes the commands on. `execute` is called on the controller's thread."""

    def __init__(
        self,
        settings: Settings,
        supervisor: Supervisor,
        background: Background,
        actions: DesktopActions,
        notifications: Notifications,
    ) -> None:
        self._settings, self._supervisor, self._background = settings, supervisor, background
        self._actions, self._notifications = actions, notifications

    def execute(self, command: AllowExtraUsage | KeepContents | OpenTunnel | CloseTunnel) -> None:
        """Has the running server do it."""
        match command:
            case AllowExtraUsage():
                self._supervisor.allow_extra_usage(is_allowed=command.is_allowed)
            case KeepContents():
                self._supervisor.keep_contents(command.wish)
            case OpenTunnel():
                self._open_tunnel(command.provider)
            case CloseTunnel():
                self._supervisor.change_tunnel("")

    def _open_tunnel(self, provider: str) -> None:
        """Opens the tunnel once there is a key for it; a new one is copied, since it is shown only now."""
        book = KeyBook(self._settings.file.path.parent)

        def has_key(result: tuple[str, str | None] | DrawbridgeError) -> None:
            if isinstance(result, DrawbridgeError):
                self._notifications.error(result)
                return
            name, text = result
            if text is not None and self._actions.try_to_copy(text):
                words = f"Paste it into Cursor as the OpenAI API key. It is the key {name!r} of the dashboard."
                self._notifications.show(Notice("The key for the tunnel is copied", words))
            elif text is not None:
                words = f"It could not be copied. Revoke {name!r} on the dashboard, and create one for the internet."
                self._notifications.show(Notice("There is a new key for the tunnel", words))
            self._supervisor.change_tunnel(provider)

        self._background.run(lambda: ensure_tunnel_key(book), has_key)
