"""The boot history: outcome of recent worker starts, back-off until the next attempt, and the last error."""

from server.backoff import Backoff
from server.errors import CliMisnamed, CliMissing, DrawbridgeError, SignInNeeded
from server.pool.types import BootOutlook
from server.status import Lack

PROBATION_S = 30.0
_ENOUGH = 2


class BootHistory:
    """Records how boots went. A spare that dies soon after its boot counts as a failed boot."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._good_since: float | None = None
        self.outlook = BootOutlook.UNKNOWN
        self.boot_from = 0.0
        self.problem: DrawbridgeError | None = None

    @property
    def lacks(self) -> Lack | None:
        """What is missing, if that is the problem."""
        match self.problem:
            case CliMisnamed():
                return "the claude code that is named"
            case CliMissing():
                return "claude code"
            case _:
                return None

    def succeeded(self, now: float) -> None:
        """A worker has booted. The back-off is reset only once a worker has answered, or has lived for a while."""
        self.outlook, self.problem = BootOutlook.GOOD, None
        if self._good_since is None:
            self._good_since = now

    def proved(self) -> None:
        """A worker has begun an answer: resets the back-off."""
        self._backoff.succeeded()
        self.boot_from = 0.0

    def failed(self, error: DrawbridgeError, now: float) -> None:
        """A boot has failed: the next one waits, longer each time."""
        # No boot starts during back-off, so a boot that fails during it started earlier and has the same cause.
        if now >= self.boot_from:
            if self._good_since is not None and now >= self._good_since + PROBATION_S:
                self._backoff.succeeded()
            self.boot_from = now + self._backoff.failed()
        self._good_since = None
        self.problem = error
        if isinstance(error, CliMissing | SignInNeeded):
            self.outlook = BootOutlook.IMPOSSIBLE
        else:
            self.outlook = BootOutlook.POOR if self._backoff.failures >= _ENOUGH else BootOutlook.UNKNOWN

    def forgive(self) -> None:
        """The settings have changed: the next boot may start at once."""
        self._backoff.succeeded()
        self.boot_from = 0.0
