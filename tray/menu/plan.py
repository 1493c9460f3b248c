"""The menu's lines, problems and notices about a plan: its windows, its limits and its paid extra usage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from server.status import ExtraUsageStatus, Status, UsageWindow
from server.status_phrases import extra_usage_line, moment, percent, usage_line
from tray.commands import AllowExtraUsage, ChangeSetting, Open
from tray.menu.item import SEPARATOR, Item, text_line
from tray.menu.phrases import set_by
from tray.model import Fix, Notice, Problem, Snapshot


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A usage limit of the plan is reached."""

    window: UsageWindow
    now: datetime | None


@dataclass(frozen=True, slots=True)
class UsageHigh:
    """Much of a window of the plan is used."""

    window: UsageWindow
    now: datetime | None


@dataclass(frozen=True, slots=True)
class ExtraUsageBegun:
    """The plan is used up: paid extra usage answers from now on, or requests are refused."""

    extra: ExtraUsageStatus
    now: datetime | None


PlanOccurrence = LimitReached | UsageHigh | ExtraUsageBegun


def plan_items(snapshot: Snapshot) -> Iterator[Item]:
    """How much of the plan is used, and what follows when it is used up. Nothing without a plan."""
    status = snapshot.status
    if not (status.usage or status.extra_usage or (status.account.payer == "plan" and not status.demo)):
        return
    windows = [text_line(usage_line(window, snapshot.now)) for window in status.usage]
    extra = [] if status.extra_usage is None else [text_line(extra_usage_line(status.extra_usage, snapshot.now))]
    yield Item(
        "Plan usage",
        items=(
            *(windows or [text_line("Shown after the first answer")]),
            *extra,
            *_change_items(status.extra_usage),
            SEPARATOR,
            _stop_item(snapshot),
        ),
    )


def _stop_item(snapshot: Snapshot) -> Item:
    stops = snapshot.on_extra_usage == "stop"
    if pinned := set_by(snapshot, "on_extra_usage"):
        return text_line(f"Paid extra usage: {snapshot.on_extra_usage}{pinned}")
    return Item("Stop before paid extra usage", ChangeSetting("on_extra_usage", "go on" if stops else "stop"), stops)


def _change_items(extra: ExtraUsageStatus | None) -> Iterator[Item]:
    if extra is not None and extra.is_stopped:
        yield Item("Go on and pay until the plan resets", AllowExtraUsage())
    elif extra is not None and extra.is_allowed:
        yield Item("Stop again until the plan resets", AllowExtraUsage(is_allowed=False))


def plan_problem(status: Status, now: datetime | None) -> Problem | None:
    """The limit that keeps requests from being answered."""
    extra = status.extra_usage
    if extra is not None and extra.state == "in use":
        return _stopped(extra, now) if extra.is_stopped else None
    reached = [window for window in status.usage if window.is_reached]
    if not reached:
        return None
    return limit_problem(
        max((window.resets_at for window in reached if window.resets_at is not None), default=None), now
    )


def _stopped(extra: ExtraUsageStatus, now: datetime | None) -> Problem:
    resets = moment(extra.resets_at, now)
    title = f"Plan used up, stopped{f'; resets {resets}' if resets else ''}"
    until = f"until the plan resets {resets}" if resets else "until the plan resets, at a time that is not known"
    message = f"The plan is used up, and answers would be billed as extra usage. Requests are refused {until}."
    return Problem(title, message, "To go on and pay, choose that in the menu.", Fix.EXTRA_USAGE)


def limit_problem(resets_at: float | None, now: datetime | None) -> Problem:
    """A usage limit that ends at `resets_at`."""
    again = moment(resets_at, now)
    if not again:
        return Problem("Claude's usage limit is reached", "Claude isn't accepting requests right now.", "", Fix.NOTHING)
    return Problem(
        f"Usage limit reached, resets {again}",
        f"Claude's usage limit is reached. Claude answers again {again}.",
        "",
        Fix.NOTHING,
    )


def plan_notice(what: PlanOccurrence) -> Notice:
    """The notification for it."""
    match what:
        case LimitReached():
            problem = limit_problem(what.window.resets_at, what.now)
            return Notice(problem.title, f"{problem.message} ({what.window.name})")
        case UsageHigh():
            resets = moment(what.window.resets_at, what.now)
            text = f"{what.window.name}: {percent(what.window.used)}% used{f', resets {resets}' if resets else ''}."
            return Notice("Most of your Claude plan is used", text, Open("page"), "Open dashboard")
        case ExtraUsageBegun() if what.extra.is_stopped:
            problem = _stopped(what.extra, what.now)
            # No button allows it: on some desktops a click anywhere on the notification presses it, and it costs money.
            return Notice(problem.title, f"{problem.message} {problem.hint}")
        case ExtraUsageBegun():
            resets = moment(what.extra.resets_at, what.now)
            until = f" until it resets {resets}" if resets else ""
            text = f"Your plan is used up. Answers are paid as extra usage{until}."
            return Notice("Paid extra usage has begun", text, Open("page"), "Open dashboard")
