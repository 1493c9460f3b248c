"""What `doctor` and its self-test say of each thing that they look at."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    """What a finding means. NOTE: it is not as it could be, and nothing needs it."""

    OK = "ok"
    NOTE = "note"
    MISSING = "MISSING"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    words: str


LookAtTray = Callable[[], Finding]
"""Says where the icon would be shown; it belongs to the desktop."""
