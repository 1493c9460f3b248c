"""The limits of a key under a clock of the test: against a model, and `retry_after_s` is true to the moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.errors import KeyLimited
from server.keys.rate_limit import Meter, MovingWindow
from server.keys.rights import Rights


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 5)), max_size=40), st.integers(1, 10))
def test_the_wait_is_the_shortest_after_which_there_is_room(added: list[tuple[int, int]], limit: int) -> None:
    window, now, all_ = MovingWindow(), 0.0, list[tuple[float, int]]()

    def sum_at(moment: float) -> int:
        return sum(amount for then, amount in all_ if then + 60 > moment)

    for later, amount in added:
        now += later
        assert window.sum(now) == sum_at(now)
        wait = window.wait_s(limit, now)
        assert sum_at(now + wait) < limit
        assert wait == 0 or sum_at(now + wait - 0.5) >= limit
        window.add(amount, now)
        all_.append((now, amount))


def test_requests_over_the_limit_are_refused_with_the_true_wait_and_do_not_count() -> None:
    meter, rights = Meter(), Rights(requests_per_minute=2)
    meter.admit("Talon", rights, 100.0)
    meter.admit("Talon", rights, 110.0)
    for now, wait in ((110.0, 50.0), (159.0, 1.0)):
        with pytest.raises(KeyLimited, match="'Talon' may use 2 requests a minute") as caught:
            meter.admit("Talon", rights, now)
        assert caught.value.retry_after_s == wait
    meter.admit("Talon", rights, 160.0)
    with pytest.raises(KeyLimited):
        meter.admit("Talon", rights, 169.0)


def test_tokens_of_answers_count_and_the_longer_wait_is_named() -> None:
    meter, rights = Meter(), Rights(requests_per_minute=1, tokens_per_minute=100)
    meter.admit("Talon", rights, 0.0)
    meter.tokens.add(500, 30.0)
    with pytest.raises(KeyLimited, match="100 tokens a minute") as caught:
        meter.admit("Talon", rights, 40.0)
    assert caught.value.retry_after_s == 50.0
    meter.admit("Talon", rights, 90.0)


def test_without_limits_nothing_is_refused() -> None:
    meter = Meter()
    for _ in range(1000):
        meter.admit("Talon", Rights(), 0.0)
        meter.tokens.add(10**6, 0.0)
