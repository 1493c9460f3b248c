"""Back-off: delays that double with each failure."""

from dataclasses import dataclass, field
from random import Random


def delay_after(failures: int, *, first_s: float, longest_s: float) -> float:
    """The delay after so many earlier failures: it doubles from `first_s` to `longest_s`."""
    return min(longest_s, first_s * 2.0 ** min(failures, 30))


@dataclass(slots=True)
class Backoff:
    """Counts failures and gives the delay before the next attempt, with jitter so that clients do not synchronize."""

    first_s: float = 1.0
    longest_s: float = 60.0
    jitter: float = 0.1
    random: Random = field(default_factory=Random)
    failures: int = 0

    def failed(self) -> float:
        """Counts a failure and returns the seconds to wait."""
        delay_s = delay_after(self.failures, first_s=self.first_s, longest_s=self.longest_s)
        self.failures += 1
        return delay_s * (1.0 + self.random.uniform(-self.jitter, self.jitter))

    def succeeded(self) -> None:
        """Resets the delay."""
        self.failures = 0
