"""Signs in to Claude Code from the menu, in the background."""

from concurrent.futures import CancelledError, Future
from functools import partial

from server.errors import DrawbridgeError, ShuttingDown
from server.status import AccountStatus, SignInAccount
from server.status_phrases import account_line
from tray.commands import SignIn
from tray.control.background import Background
from tray.control.notifications import Notifications
from tray.control.supervisor import Supervisor
from tray.menu.problems import SignedIn


class SignInFlow:
    """At most one sign-in at a time; its result is notified. `account`: what the user is signing in to now."""

    def __init__(self, supervisor: Supervisor, background: Background, notifications: Notifications) -> None:
        self._supervisor = supervisor
        self._background = background
        self._notifications = notifications
        self._running: Future[AccountStatus] | None = None
        self.account: SignInAccount | None = None

    def begin(self, command: SignIn) -> None:
        """Begins a sign-in, which opens the browser; an earlier one is cancelled, since its tab may be closed.

        Raises `ShuttingDown` without a running server.
        """
        server = self._supervisor.server
        if server is None:
            raise ShuttingDown("The server is not running.", hint="Start it, then sign in.")
        self.cancel()
        running = server.sign_in(command.account)
        self._running, self.account = running, command.account
        self._background.run(partial(_result, running), partial(self._on_done, running))

    def cancel(self) -> None:
        """Ends a running sign-in and its process, without a notification."""
        running, self._running, self.account = self._running, None, None
        if running is not None:
            running.cancel()

    def _on_done(self, running: Future[AccountStatus], account: AccountStatus | DrawbridgeError) -> None:
        if running is not self._running:
            return
        self._running = self.account = None
        if isinstance(account, DrawbridgeError):
            raise account
        self._notifications.show(SignedIn(account_line(account)))


def _result(running: Future[AccountStatus]) -> AccountStatus:
    """Waits for the sign-in. Raises `DrawbridgeError`, also when the server stops."""
    try:
        return running.result()
    except CancelledError as error:
        raise ShuttingDown from error
