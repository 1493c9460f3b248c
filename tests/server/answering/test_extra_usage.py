"""Paid extra usage: when requests are stopped, and how they go on."""

from itertools import product

import pytest

from server.answering.extra_usage import PROBE_S, ExtraUsage, Use, refusing
from server.claude.cli.extra_usage import ExtraUsageReport
from server.dialects.common.openai_errors import error_reply
from server.dialects.messages.errors import error_reply as messages_error_reply
from server.errors import ExtraUsageStopped
from server.status import ExtraUsageStatus

RESET = 2_000.0
PAID = ExtraUsageReport("in use", RESET)
PLAN = ExtraUsageReport("not in use")


class Scene:
    """Extra usage under a clock and a setting of the test."""

    def __init__(self, *, stops: bool = True) -> None:
        self.now, self.stops, self.changes = 1_000.0, stops, 0
        self.extra = ExtraUsage(lambda: self.stops, lambda: self.now, self._changed)

    def _changed(self) -> None:
        self.changes += 1

    def is_refused(self, model: str | None = "sonnet") -> bool:
        try:
            self.extra.enter(model)
        except ExtraUsageStopped:
            return True
        return False


@pytest.mark.parametrize("stops", [False, True])
def test_requests_are_refused_only_if_the_settings_say_so(stops: bool) -> None:  # a case
    scene = Scene(stops=stops)
    scene.extra.observe(PLAN)
    assert not scene.is_refused()
    scene.extra.observe(PAID)
    assert scene.is_refused() is stops
    assert scene.extra.status == ExtraUsageStatus("in use", RESET, is_stopped=stops)


def test_a_refusal_says_when_the_plan_resets() -> None:
    scene = Scene()
    scene.extra.observe(PAID)
    with pytest.raises(ExtraUsageStopped) as refused:
        scene.extra.enter("sonnet")
    assert (refused.value.retry_after_s, refused.value.resets_at) == (1_000.0, RESET)
    for reply in (error_reply(refused.value), messages_error_reply(refused.value, "req_1")):
        assert (reply.status, reply.headers["retry-after"]) == (429, "1000")


def test_the_plan_pays_again_after_its_reset_without_any_request() -> None:
    scene = Scene()
    scene.extra.observe(PAID)
    scene.now = RESET - 0.5
    assert scene.is_refused()
    scene.now = RESET
    assert scene.extra.status == ExtraUsageStatus("not in use")
    assert not scene.is_refused()


def test_the_user_goes_on_until_that_window_resets_and_no_longer() -> None:
    scene = Scene()
    scene.extra.observe(PAID)
    scene.extra.allow()
    assert not scene.is_refused()
    assert scene.extra.status == ExtraUsageStatus("in use", RESET, is_allowed=True)
    scene.extra.observe(ExtraUsageReport("in use", RESET + 3_600))
    assert not scene.is_refused()
    scene.now = RESET
    assert scene.is_refused()


def test_going_on_ends_when_the_user_chooses_to_stop_again() -> None:
    scene = Scene()
    scene.extra.observe(PAID)
    scene.extra.allow()
    scene.extra.withdraw()
    assert scene.extra.status == ExtraUsageStatus("in use", RESET, is_stopped=True)
    assert scene.is_refused()


def test_without_a_known_reset_one_request_passes_now_and_then() -> None:
    scene = Scene()
    scene.extra.observe(ExtraUsageReport("in use"))
    with pytest.raises(ExtraUsageStopped, match="not known") as refused:
        scene.extra.enter("sonnet")
    assert refused.value.retry_after_s is None
    for _ in range(2):
        scene.now += PROBE_S
        assert [scene.is_refused() for _ in range(3)] == [False, True, True]
    scene.extra.observe(PLAN)
    assert not scene.is_refused()


def test_a_window_of_one_model_stops_only_that_model() -> None:
    scene = Scene()
    scene.extra.observe(ExtraUsageReport("in use", RESET, model="opus"))
    assert (scene.is_refused("opus"), scene.is_refused("sonnet")) == (True, False)
    scene.extra.observe(ExtraUsageReport("not in use", model="sonnet"))
    assert scene.is_refused("opus")
    scene.extra.observe(ExtraUsageReport("not in use", model="opus"))
    assert not scene.is_refused("opus")


def test_only_news_is_reported_and_an_account_takes_its_state_along() -> None:
    scene = Scene()
    for report in (PAID, PAID, None, PLAN):
        scene.extra.observe(report)
    assert scene.changes == 2
    scene.extra.observe(PAID)
    scene.extra.clear()
    assert scene.extra.status is None
    assert not scene.is_refused()


def test_no_use_refuses_for_ever() -> None:
    """For every use there is a later time at which a request passes, without any answer meanwhile."""
    for model, resets_at, allowed in product((None, "opus"), (None, RESET), (0.0, RESET)):
        use = Use(model, 1_000.0, resets_at, 1_000.0 + PROBE_S, allowed)
        later = max(RESET, 1_000.0 + PROBE_S)
        assert refusing([use], "opus", stops=True, now=later) is None
