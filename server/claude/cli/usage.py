"""How much of a Claude plan is used, as Claude Code reports it with its answers; unknown before the first answer."""

import math
from collections.abc import Callable, Mapping

from server.status import UsageWindow

# In the order of the menu. Other kinds of limits are ignored.
NAMES: Mapping[str, str] = {
    "five_hour": "5 hours",
    "seven_day": "Week",
    "seven_day_opus": "Week, Opus",
    "seven_day_sonnet": "Week, Sonnet",
}


class UsageBoard:
    """The latest usage windows. `on_change` is called when one of them has changed."""

    def __init__(self, on_change: Callable[[], None] = lambda: None) -> None:
        self._windows: dict[str, UsageWindow] = {}
        self._on_change = on_change

    @property
    def windows(self) -> tuple[UsageWindow, ...]:
        """In the order of the menu."""
        return tuple(self._windows[name] for name in NAMES.values() if name in self._windows)

    def update(self, windows: tuple[UsageWindow, ...]) -> None:
        """Replaces these windows and keeps the others."""
        known = dict(self._windows)
        self._windows |= {window.name: window for window in windows}
        if self._windows != known:
            self._on_change()

    def clear(self) -> None:
        """Forgets all windows: the account may have changed."""
        if self._windows:
            self._windows = {}
            self._on_change()


def windows_from_event(info: Mapping[str, object]) -> tuple[UsageWindow, ...]:
    """Reads the `rate_limit_info` of a `rate_limit_event`: one window, and all of them if the API reported them."""
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
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if is_number else None  # type: ignore[arg-type] # a number, as the line above found
