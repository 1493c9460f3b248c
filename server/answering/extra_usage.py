"""Refuses requests that would be billed as extra usage of a plan, if the settings say so.

Extra usage shows only with an answer that it has paid. So the requests that run when it begins are paid, and the
later ones are refused until the plan's window resets, or until the user allows them.
"""

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from server.claude.cli.extra_usage import ExtraUsageReport
from server.errors import ExtraUsageStopped
from server.status import ExtraUsageState, ExtraUsageStatus
from server.status_phrases import moment

# Without a known end one request passes after this time, since only an answer shows that the plan pays again.
PROBE_S = 300.0


@dataclass(frozen=True, slots=True)
class Use:
    """Extra usage answers requests for `model` (None: all) until the plan's window resets.

    `allowed_until`: the user allows it until then. `probe_at`: if the reset is not known, one request may pass then.
    """

    model: str | None
    since: float
    resets_at: float | None
    probe_at: float
    allowed_until: float = 0.0

    def is_over(self, now: float) -> bool:
        """Whether the plan's window has reset, so that the plan pays again."""
        return self.resets_at is not None and now >= self.resets_at


def refusing(uses: Iterable[Use], model: str | None, *, stops: bool, now: float) -> Use | None:
    """The use for which a request for `model` is refused; None if it may be sent. `stops`: the setting."""
    if not stops:
        return None
    for use in uses:
        is_meant = use.model is None or use.model == model
        is_probe = use.resets_at is None and now >= use.probe_at
        if is_meant and not use.is_over(now) and now >= use.allowed_until and not is_probe:
            return use
    return None


class ExtraUsage:
    """Call `enter` before each request. `stops` returns the setting, `clock` Unix times."""

    def __init__(
        self,
        stops: Callable[[], bool],
        clock: Callable[[], float] = time.time,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self._stops = stops
        self._clock = clock
        self._on_change = on_change
        self._state: ExtraUsageState | None = None
        self._is_near_limit = False
        self._uses: dict[str | None, Use] = {}

    @property
    def status(self) -> ExtraUsageStatus | None:
        """What is known now; None before the first answer of a plan."""
        now = self._clock()
        uses = [use for use in self._uses.values() if not use.is_over(now)]
        if not uses:
            # After a reset the plan pays again, and the next answer says more.
            state = "not in use" if self._state == "in use" else self._state
            return None if state is None else ExtraUsageStatus(state)
        ends = [use.resets_at for use in uses]
        return ExtraUsageStatus(
            "in use",
            resets_at=max((end for end in ends if end is not None), default=None) if None not in ends else None,
            is_near_limit=self._is_near_limit,
            is_stopped=self._stops() and all(now >= use.allowed_until for use in uses),
            is_allowed=self._stops() and any(now < use.allowed_until for use in uses),
        )

    def observe(self, report: ExtraUsageReport | None) -> None:
        """Takes what an answer reported."""
        if report is None:
            return
        now, before = self._clock(), (self._state, self._is_near_limit, dict(self._uses))
        self._state, self._is_near_limit = report.state, report.is_near_limit
        if report.state == "in use":
            known = self._uses.get(report.model) or Use(report.model, now, report.resets_at, now + PROBE_S)
            self._uses[report.model] = replace(known, resets_at=report.resets_at)
        else:
            self._uses.pop(None, None)
            self._uses.pop(report.model, None)
        if (self._state, self._is_near_limit, self._uses) != before:
            self._on_change()

    def enter(self, model: str | None) -> None:
        """Admits a request for `model`. Raises `ExtraUsageStopped`."""
        now = self._clock()
        self._uses = {key: use for key, use in self._uses.items() if not use.is_over(now)}
        use = refusing(self._uses.values(), model, stops=self._stops(), now=now)
        if use is not None:
            raise _error(use, now)
        for key, other in self._uses.items():
            if other.model in {None, model} and now >= other.probe_at:
                self._uses[key] = replace(other, probe_at=now + PROBE_S)

    def allow(self) -> None:
        """The user allows paid extra usage until the plan's window resets."""
        now = self._clock()
        self._uses = {
            key: replace(use, allowed_until=math.inf if use.resets_at is None else use.resets_at)
            for key, use in self._uses.items()
            if not use.is_over(now)
        }
        self._on_change()

    def withdraw(self) -> None:
        """The user wants to stop again: `allow` holds no longer."""
        self._uses = {key: replace(use, allowed_until=0.0) for key, use in self._uses.items()}
        self._on_change()

    def clear(self) -> None:
        """Forgets everything: the account may have changed."""
        self._state, self._is_near_limit, self._uses = None, False, {}


def _error(use: Use, now: float) -> ExtraUsageStopped:
    if use.resets_at is None:
        minutes = math.ceil((use.probe_at - now) / 60)
        until = f"When it resets is not known, so one request is tried in {minutes} min."
        return ExtraUsageStopped(f"The plan is used up, and the settings stop paid extra usage. {until}", status=429)
    resets = moment(use.resets_at, datetime.fromtimestamp(now).astimezone())
    return ExtraUsageStopped(
        f"The plan is used up and resets {resets}, and the settings stop paid extra usage.",
        status=429,
        retry_after_s=max(1.0, use.resets_at - now),
        resets_at=use.resets_at,
    )
