"""Delays that grow with each failure and are reset."""

import random

from server.backoff import Backoff


def test_delays_double_up_to_the_longest() -> None:
    backoff = Backoff(first_s=1, longest_s=8, jitter=0)
    assert [backoff.failed() for _ in range(6)] == [1, 2, 4, 8, 8, 8]


def test_a_success_resets_the_delay() -> None:
    backoff = Backoff(first_s=1, longest_s=8, jitter=0)
    backoff.failed()
    backoff.failed()
    backoff.succeeded()
    assert backoff.failed() == 1


def test_each_delay_has_jitter() -> None:
    backoff = Backoff(first_s=10, longest_s=10, jitter=0.1, random=random.Random(7))
    delays = [backoff.failed() for _ in range(200)]
    assert len(set(delays)) > 100
    assert all(9 <= delay <= 11 for delay in delays)


def test_thousands_of_failures_do_not_overflow() -> None:
    backoff = Backoff(first_s=1, longest_s=60, jitter=0)
    assert [backoff.failed() for _ in range(5000)][-1] == 60
