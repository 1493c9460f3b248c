"""Decides what is new about the plan, each thing once: much of a window used, a limit reached, extra usage begun."""

from collections.abc import Iterator
from datetime import datetime

from server.status import ExtraUsageStatus, Status, UsageWindow
from tray.menu.plan import ExtraUsageBegun, LimitReached, PlanOccurrence, UsageHigh

# The API's times of one reset differ by a second or so.
_SAME_S = 120.0


class PlanNews:
    """Remembers what it has told about each window of the plan until that window resets."""

    def __init__(self) -> None:
        self._high: dict[str, float | None] = {}
        self._reached: dict[str, float | None] = {}
        self._paid: ExtraUsageStatus | None = None

    def of(self, status: Status, notice_at: int, now: datetime) -> Iterator[PlanOccurrence]:
        """What to tell of `status`. `notice_at`: at how many percent of a window; 0: never."""
        extra = status.extra_usage
        is_paid = extra is not None and extra.state == "in use"
        if extra is not None and is_paid and self._is_new_use(extra):
            yield ExtraUsageBegun(extra, now)
        if extra is not None:
            self._paid = extra if is_paid else None
        for window in status.usage:
            if window.is_reached:
                # While extra usage answers, the limit stops nothing.
                if not is_paid and _is_new(self._reached, window):
                    yield LimitReached(window, now)
            elif notice_at and window.used * 100 >= notice_at and _is_new(self._high, window):
                yield UsageHigh(window, now)

    def _is_new_use(self, extra: ExtraUsageStatus) -> bool:
        return self._paid is None or not _is_same(self._paid.resets_at, extra.resets_at)


def _is_new(told: dict[str, float | None], window: UsageWindow) -> bool:
    """Whether it was not yet told of this window in this period; notes it."""
    is_new = window.name not in told or not _is_same(told[window.name], window.resets_at)
    if is_new:
        told[window.name] = window.resets_at
    return is_new


def _is_same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _SAME_S
