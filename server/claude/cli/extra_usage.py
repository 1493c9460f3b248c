"""Whether a plan's paid extra usage answers, as Claude Code reports it with its answers.

Claude Code reads it from the headers `anthropic-ratelimit-unified-overage-*`, which the API sends for accounts with a
plan. Extra usage is in use while a window of the plan is rejected and the overage is allowed.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from server.status import ExtraUsageState

# Windows that hold for every model. Any other one concerns the model whose answer reported it.
_OF_ALL_MODELS = frozenset({"five_hour", "seven_day", "overage"})
# Reasons for which extra usage is switched on, but used up.
_USED_UP = frozenset({"out_of_credits", "org_level_disabled_until"})


@dataclass(frozen=True, slots=True)
class ExtraUsageReport:
    """What one answer reported. `resets_at`: when the plan pays again, as a Unix time, if it does not now.

    `model`: the only model that this is about; None: all.
    """

    state: ExtraUsageState
    resets_at: float | None = None
    is_near_limit: bool = False
    model: str | None = None


def extra_usage_from_event(info: Mapping[str, object], model: str | None) -> ExtraUsageReport | None:
    """Reads the `rate_limit_info` of a `rate_limit_event` that came with an answer of `model`; None if it lacks it."""
    allowed, is_using = info.get("overageStatus"), info.get("isUsingOverage")
    if allowed is None and not isinstance(is_using, bool):
        return None
    if is_using is True:
        is_of_all = info.get("rateLimitType") in _OF_ALL_MODELS or info.get("rateLimitType") is None
        is_near = allowed == "allowed_warning"
        return ExtraUsageReport("in use", _plan_resets_at(info), is_near, None if is_of_all else model)
    state: ExtraUsageState = "off"
    if allowed in {"allowed", "allowed_warning"}:
        state = "not in use"
    elif allowed == "rejected" and _is_used_up(info):
        state = "at its limit"
    return ExtraUsageReport(state, model=model)


def _is_used_up(info: Mapping[str, object]) -> bool:
    # A member's own limit may be an empty object.
    is_capped = bool(info.get("dailyCapPaused") or info.get("limitScope")) or "memberSpendLimit" in info
    return is_capped or info.get("overageDisabledReason") in _USED_UP


def _plan_resets_at(info: Mapping[str, object]) -> float | None:
    """When all rejected windows of the plan have reset; None if that is not known."""
    windows = info.get("unifiedWindows")
    rows = [row for row in windows.values() if isinstance(row, dict)] if isinstance(windows, dict) else []
    times = [_time(row.get("resetsAt")) for row in rows if row.get("status") == "rejected"]
    if not times and info.get("rateLimitType") != "overage":
        # The time of "overage" is that of the extra usage itself.
        times = [_time(info.get("resetsAt"))]
    known = [time for time in times if time is not None]
    return max(known) if known and len(known) == len(times) else None


def _time(value: object) -> float | None:
    is_time = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    return float(value) if is_time else None  # type: ignore[arg-type] # a number, as the line above found
