"""How much of a plan is used up, as Claude Code tells it with its answers; before the first one it knows nothing."""

import math
from collections.abc import Callable, Mapping

from server.status import UsageWindow

# In the order of the menu. What is not here is another kind of limit, or one of tomorrow.
NAMES: Mapping[str, str] = {
    "five_hour": "5 hours",
    "seven_day": "Week",
    "seven_day_opus": "Week, Opus",
    "seven_day_sonnet": "Week, Sonnet",
}


class UsageBoard:
    """The windows last heard of. `on_news` is called when one of them has changed."""

    def __init__(self, on_news: Callable[[], None] = lambda: None) -> None:
        self._windows: dict[str, UsageWindow] = {}
        self._on_news = on_news

    @property
    def windows(self) -> tuple[UsageWindow, ...]:
        """In the order of the menu."""
        return tuple(self._windows[name] for name in NAMES.values() if name in self._windows)

    def heard(self, windows: tuple[UsageWindow, ...]) -> None:
        """News of some windows; what is known of the others stays."""
        known = dict(self._windows)
        self._windows |= {window.name: window for window in windows}
        if self._windows != known:
            self._on_news()

    def clear(self) -> None:
        """Another account may use us from now on."""
        if self._windows:
            self._windows = {}
            self._on_news()


def windows_from_event(info: Mapping[str, object]) -> tuple[UsageWindow, ...]:
    """Reads the `rate_limit_info` of a `rate_limit_event`: shares of 1, and Unix times.

    It names one window, and where the API told them, all.
    """
    rows: dict[str, Mapping[str, object]] = {}
    if isinstance(kind := info.get("rateLimitType"), str):
        rows[kind] = info
    if isinstance(unified := info.get("unifiedWindows"), dict):
        rows |= {kind: row for kind, row in unified.items() if isinstance(row, dict)}
    windows = []
    for kind, name in NAMES.items():
        row = rows.get(kind, {})
        is_rejected = row.get("status") == "rejected"
        used = _number(row.get("utilization"))
        if used is not None or is_rejected:
            windows.append(_window(name, used or 0.0, _number(row.get("resetsAt")), is_rejected=is_rejected))
    return tuple(windows)


def _window(name: str, used: float, resets_at: float | None, *, is_rejected: bool) -> UsageWindow:
    is_reached = is_rejected or used >= 1
    return UsageWindow(name, 1.0 if is_rejected else min(max(used, 0.0), 1.0), resets_at, is_reached=is_reached)


def _number(value: object) -> float | None:
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_one else None  # type: ignore[arg-type] # a number, as the line above found
