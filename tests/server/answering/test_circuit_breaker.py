"""The circuits, each by its cause, at a clock that the test sets."""

import pytest

from server.answering.circuit_breaker import FAILURES, FIRST_S, LIMIT_S, CircuitBreaker
from server.errors import (
    DrawbridgeError,
    PermissionRefused,
    PromptTooLong,
    SignInNeeded,
    UpstreamDown,
    UpstreamRefused,
    UsageLimit,
    WorkerDied,
)

NOW = 1_800_000_000.0


class Clock:
    now = NOW

    def __call__(self) -> float:
        return self.now


class Bench:
    """A breaker and what a request sees of it."""

    def __init__(self) -> None:
        self.clock, self.changes = Clock(), 0
        self.breaker = CircuitBreaker(self.clock, on_change=self.changed)

    def changed(self) -> None:
        self.changes += 1

    def ask(self, model: str | None, error: DrawbridgeError | None = None) -> DrawbridgeError | None:
        """One request that would end with `error`; what its caller is told."""
        try:
            permit = self.breaker.enter(model)
        except DrawbridgeError as refused:
            return refused
        if error is None:
            permit.succeeded()
        else:
            permit.failed(error)
        permit.release()
        return error

    def is_open(self, model: str | None) -> bool:
        """Whether a request is refused without being sent. It is not sent in any case."""
        try:
            self.breaker.enter(model).release()
        except DrawbridgeError:
            return True
        return False


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_refused_sign_in_closes_every_model_at_once(bench: Bench) -> None:
    first = SignInNeeded("Claude did not accept the sign-in: expired", status=401)
    bench.ask("opus", first)
    told = bench.ask("sonnet")
    assert isinstance(told, SignInNeeded)
    assert (told.message, told.status) == (first.message, 401)
    assert told is not first
    assert bench.is_open(None)


def test_a_limit_with_a_known_end_closes_its_model_until_then(bench: Bench) -> None:
    bench.ask("opus", UsageLimit(status=429, retry_after_s=3600, resets_at=NOW + 3600))
    bench.clock.now = NOW + 200
    told = bench.ask("opus")
    assert isinstance(told, UsageLimit)
    assert told.retry_after_s == 3400
    assert not bench.is_open("sonnet")
    bench.clock.now = NOW + 3600
    assert bench.breaker.circuits == ()
    assert bench.ask("opus") is None


def test_a_limit_that_is_lifted_early_is_found_out(bench: Bench) -> None:
    bench.ask("opus", UsageLimit(status=429, resets_at=NOW + 3600))
    bench.clock.now = NOW + LIMIT_S - 1
    assert bench.is_open("opus")
    bench.clock.now = NOW + LIMIT_S
    assert bench.ask("opus") is None
    assert bench.breaker.circuits == ()


@pytest.mark.parametrize(
    "error", [UsageLimit(retry_after_s=30), UsageLimit(resets_at=NOW - 1), PermissionRefused(), WorkerDied()]
)
def test_what_says_nothing_of_the_next_request_closes_nothing(bench: Bench, error: DrawbridgeError) -> None:
    for _ in range(2 * FAILURES):
        bench.ask("opus", error)
    assert bench.breaker.circuits == ()
    assert bench.changes == 0


def test_an_api_that_fails_again_and_again_is_left_alone(bench: Bench) -> None:
    for _ in range(FAILURES):
        assert not bench.is_open("opus")
        bench.ask("opus", UpstreamDown(status=529))
    assert bench.is_open("opus")
    assert not bench.is_open("sonnet")
    told = bench.ask("opus")
    assert isinstance(told, UpstreamDown)
    assert told.retry_after_s == FIRST_S


@pytest.mark.parametrize("between", [None, UpstreamRefused(status=400), PromptTooLong()])
def test_failures_count_only_in_a_row(bench: Bench, between: DrawbridgeError | None) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            bench.ask("opus", UpstreamDown(status=500))
        bench.ask("opus", between)
    assert not bench.is_open("opus")


def test_when_it_is_due_one_request_tries_and_the_others_are_told(bench: Bench) -> None:
    bench.ask("opus", SignInNeeded())
    bench.clock.now += FIRST_S
    probe = bench.breaker.enter("opus")
    assert isinstance(bench.ask("opus"), SignInNeeded)
    assert isinstance(bench.ask("sonnet"), SignInNeeded)
    probe.succeeded()
    probe.release()
    assert bench.ask("sonnet") is None
    assert bench.breaker.circuits == ()


def test_a_probe_that_says_nothing_lets_the_next_one_try(bench: Bench) -> None:
    bench.ask("opus", SignInNeeded())
    bench.clock.now += FIRST_S
    bench.breaker.enter("opus").release()
    permit = bench.breaker.enter("opus")
    permit.failed(WorkerDied())
    permit.release()
    assert bench.ask("opus") is None


def test_each_probe_that_fails_makes_the_next_wait_longer(bench: Bench) -> None:
    bench.ask(None, SignInNeeded())
    waits = []
    for _ in range(8):
        (circuit,) = bench.breaker.circuits
        waits.append(circuit.until - bench.clock.now)
        assert circuit.since == NOW
        bench.clock.now = circuit.until
        bench.ask(None, SignInNeeded())
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_success_of_a_request_that_was_on_its_way_closes_it(bench: Bench) -> None:
    late = bench.breaker.enter("opus")
    bench.ask("opus", SignInNeeded())
    late.succeeded()
    late.release()
    assert not bench.is_open("opus")


def test_another_account_or_other_settings_close_everything(bench: Bench) -> None:
    bench.ask("opus", SignInNeeded())
    bench.ask("opus", UsageLimit(resets_at=int(NOW) + 3600))
    bench.breaker.reset()
    assert bench.breaker.circuits == ()
    assert not bench.is_open("opus")


def test_who_shows_it_hears_of_every_change_and_of_nothing_else(bench: Bench) -> None:
    bench.ask("opus")
    assert bench.changes == 0
    bench.ask("opus", SignInNeeded())
    assert bench.changes == 1
    bench.ask("opus")
    assert bench.changes == 1
    bench.clock.now += FIRST_S
    bench.ask("opus")
    assert bench.changes == 2
