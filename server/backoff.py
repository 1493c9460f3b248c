"""How long to wait before trying again."""

from dataclasses import dataclass, field
from random import Random


@dataclass(slots=True)
class Backoff:
    """Delays that double from `first_s` to `longest_s`, each a little random so that many do not come back at once."""

    first_s: float = 1.0
    longest_s: float = 60.0
    jitter: float = 0.1
    random: Random = field(default_factory=Random)
    failures: int = 0

    def failed(self) -> float:
        """Counts one failure and gives the seconds to wait now."""
        delay_s = min(self.longest_s, self.first_s * 2.0 ** min(self.failures, 30))
        self.failures += 1
        return delay_s * (1.0 + self.random.uniform(-self.jitter, self.jitter))

    def succeeded(self) -> None:
        """The next failure waits the first delay again."""
        self.failures = 0
