"""How boots have gone: what the last ones say of the next, when it may be tried, and what is wrong."""

from server.backoff import Backoff
from server.errors import CliMisnamed, CliMissing, DrawbridgeError, SignInNeeded
from server.pool.plan import Prospect
from server.status import Lack

PROBATION_S = 30.0
_ENOUGH = 2


class Boots:
    """The record of boots. A spare that ends by itself soon after its boot counts as a boot that failed."""

    def __init__(self, backoff: Backoff) -> None:
        self._backoff = backoff
        self._good_since: float | None = None
        self.prospect = Prospect.UNKNOWN
        self.boot_from = 0.0
        self.trouble: DrawbridgeError | None = None

    @property
    def lacks(self) -> Lack | None:
        """What is not there, where the trouble is that."""
        match self.trouble:
            case CliMisnamed():
                return "the claude code that is named"
            case CliMissing():
                return "claude code"
            case _:
                return None

    def succeeded(self, now: float) -> None:
        """A worker has come up: nothing is wrong. The delays start anew only when one has been of use, or lived."""
        self.prospect, self.trouble = Prospect.GOOD, None
        if self._good_since is None:
            self._good_since = now

    def proved(self) -> None:
        """A worker has begun an answer: whatever failed before is over."""
        self._backoff.succeeded()
        self.boot_from = 0.0

    def failed(self, error: DrawbridgeError, now: float) -> None:
        """A boot has failed: the next one waits, longer each time."""
        # No boot starts in the back-off, so one that fails in it began before: the same mishap, counted once.
        if now >= self.boot_from:
            if self._good_since is not None and now >= self._good_since + PROBATION_S:
                self._backoff.succeeded()
            self.boot_from = now + self._backoff.failed()
        self._good_since = None
        self.trouble = error
        if isinstance(error, CliMissing | SignInNeeded):
            self.prospect = Prospect.NONE
        else:
            self.prospect = Prospect.POOR if self._backoff.failures >= _ENOUGH else Prospect.UNKNOWN

    def forgive(self) -> None:
        """The settings have changed: the next boot may be tried at once."""
        self._backoff.succeeded()
        self.boot_from = 0.0
