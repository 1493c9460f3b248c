"""Signs in to Claude Code from the menu, in the background."""

from server.errors import DrawbridgeError, ShuttingDown
from server.status import AccountStatus
from server.status_phrases import account_line
from tray.commands import SignIn
from tray.control.background import Background
from tray.control.notifications import Notifications
from tray.control.supervisor import Supervisor
from tray.menu.problems import SignedIn


class SignInFlow:
    """At most one sign-in at a time; its result is notified."""

    def __init__(self, supervisor: Supervisor, background: Background, notifications: Notifications) -> None:
        self._supervisor = supervisor
        self._background = background
        self._notifications = notifications
        self.is_running = False

    def begin(self, command: SignIn) -> None:
        """Begins a sign-in unless one is running. Raises `ShuttingDown` without a running server."""
        server = self._supervisor.server
        if server is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then sign in.")
        if self.is_running:
            return
        self.is_running = True
        self._background.run(lambda: server.sign_in(command.account, lambda _: None), self._on_done)

    def _on_done(self, account: AccountStatus | DrawbridgeError) -> None:
        self.is_running = False
        if isinstance(account, DrawbridgeError):
            raise account
        self._notifications.show(SignedIn(account_line(account)))
