"""What the app tells about a plan, and how often."""

from datetime import UTC, datetime

from server.status import ExtraUsageStatus, Status, UsageWindow
from tray.control.plan_news import PlanNews
from tray.menu.plan import ExtraUsageBegun, LimitReached, UsageHigh

NOW = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
RESET = NOW.timestamp() + 3_600


class Scene:
    """The news of a series of states."""

    def __init__(self, notice_at: int = 80) -> None:
        self.news, self.notice_at = PlanNews(), notice_at

    def of(self, used: float, resets_at: float | None = RESET, extra: ExtraUsageStatus | None = None) -> list[type]:
        window = UsageWindow("5 hours", used, resets_at, is_reached=used >= 1)
        return [type(one) for one in self.news.of(Status(usage=(window,), extra_usage=extra), self.notice_at, NOW)]


def test_much_usage_is_told_once_a_period_of_a_window() -> None:
    scene = Scene()
    assert scene.of(0.79) == []
    assert scene.of(0.8) == [UsageHigh]
    assert scene.of(0.9, RESET + 1) == []
    assert scene.of(0.1, RESET + 18_000) == []
    assert scene.of(0.85, RESET + 18_000) == [UsageHigh]


def test_the_percentage_is_a_setting_and_nought_tells_nothing() -> None:
    assert Scene(50).of(0.5) == [UsageHigh]
    assert Scene(0).of(0.99) == []
    assert Scene(0).of(1.0) == [LimitReached]


def test_a_reached_limit_is_not_told_as_much_usage_too() -> None:
    scene = Scene()
    assert scene.of(1.0) == [LimitReached]
    assert scene.of(1.0) == []


def test_extra_usage_is_told_when_it_begins_and_again_only_after_its_end() -> None:
    scene, paid, plan = Scene(), ExtraUsageStatus("in use", RESET), ExtraUsageStatus("not in use")
    assert scene.of(1.0, extra=paid) == [ExtraUsageBegun]
    assert scene.of(1.0, extra=ExtraUsageStatus("in use", RESET, is_near_limit=True)) == []
    # Unknown, as after a restart of the server: not an end.
    assert scene.of(0.1, extra=None) == []
    assert scene.of(1.0, extra=paid) == []
    assert scene.of(0.1, RESET + 18_000, extra=plan) == []
    assert scene.of(1.0, RESET + 18_000, extra=ExtraUsageStatus("in use", RESET + 18_000)) == [ExtraUsageBegun]


def test_a_limit_is_told_once_extra_usage_no_longer_answers() -> None:
    scene = Scene()
    assert scene.of(1.0, extra=ExtraUsageStatus("in use", RESET)) == [ExtraUsageBegun]
    assert scene.of(1.0, extra=ExtraUsageStatus("at its limit")) == [LimitReached]
