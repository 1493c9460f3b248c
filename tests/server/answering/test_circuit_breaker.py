"""The circuit breaker, by cause, with a clock that the test sets."""

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


class Harness:
    """A circuit breaker, and requests through it."""

    def __init__(self) -> None:
        self.clock, self.changes = Clock(), 0
        self.breaker = CircuitBreaker(self.clock, on_change=self.changed)

    def changed(self) -> None:
        self.changes += 1

    def send(self, model: str | None, error: DrawbridgeError | None = None) -> DrawbridgeError | None:
        """Sends one request that would end with `error`. Returns the error that its caller gets."""
        try:
            permit = self.breaker.enter(model)
        except DrawbridgeError as error_of_circuit:
            return error_of_circuit
        if error is None:
            permit.succeeded()
        else:
            permit.failed(error)
        permit.release()
        return error

    def is_open(self, model: str | None) -> bool:
        """Whether the circuit breaker refuses a request."""
        try:
            self.breaker.enter(model).release()
        except DrawbridgeError:
            return True
        return False


@pytest.fixture
def harness() -> Harness:
    return Harness()


def test_a_refused_sign_in_opens_the_circuit_of_all_models_at_once(harness: Harness) -> None:
    first = SignInNeeded("Claude did not accept the sign-in: expired", status=401)
    harness.send("opus", first)
    refused = harness.send("sonnet")
    assert isinstance(refused, SignInNeeded)
    assert (refused.message, refused.status) == (first.message, 401)
    assert refused is not first
    assert harness.is_open(None)


def test_a_usage_limit_opens_the_circuit_of_its_model_until_its_end(harness: Harness) -> None:
    harness.send("opus", UsageLimit(status=429, retry_after_s=3600, resets_at=NOW + 3600))
    harness.clock.now = NOW + 200
    refused = harness.send("opus")
    assert isinstance(refused, UsageLimit)
    assert refused.retry_after_s == 3400
    assert not harness.is_open("sonnet")
    harness.clock.now = NOW + 3600
    assert harness.breaker.circuits == ()
    assert harness.send("opus") is None


def test_a_probe_finds_a_limit_that_was_lifted_early(harness: Harness) -> None:
    harness.send("opus", UsageLimit(status=429, resets_at=NOW + 3600))
    harness.clock.now = NOW + LIMIT_S - 1
    assert harness.is_open("opus")
    harness.clock.now = NOW + LIMIT_S
    assert harness.send("opus") is None
    assert harness.breaker.circuits == ()


@pytest.mark.parametrize(
    "error", [UsageLimit(retry_after_s=30), UsageLimit(resets_at=NOW - 1), PermissionRefused(), WorkerDied()]
)
def test_an_error_that_says_nothing_about_the_next_request_opens_nothing(
    harness: Harness, error: DrawbridgeError
) -> None:
    for _ in range(2 * FAILURES):
        harness.send("opus", error)
    assert harness.breaker.circuits == ()
    assert harness.changes == 0


def test_an_api_that_keeps_failing_opens_the_circuit(harness: Harness) -> None:
    for _ in range(FAILURES):
        assert not harness.is_open("opus")
        harness.send("opus", UpstreamDown(status=529))
    assert harness.is_open("opus")
    assert not harness.is_open("sonnet")
    refused = harness.send("opus")
    assert isinstance(refused, UpstreamDown)
    # When the next probe is let through is no time that Claude named.
    assert refused.retry_after_s is None


@pytest.mark.parametrize("between", [None, UpstreamRefused(status=400), PromptTooLong()])
def test_failures_count_only_in_a_row(harness: Harness, between: DrawbridgeError | None) -> None:
    for _ in range(3):
        for _ in range(FAILURES - 1):
            harness.send("opus", UpstreamDown(status=500))
        harness.send("opus", between)
    assert not harness.is_open("opus")


def test_a_due_circuit_lets_one_probe_through_and_refuses_the_others(harness: Harness) -> None:
    harness.send("opus", SignInNeeded())
    harness.clock.now += FIRST_S
    probe = harness.breaker.enter("opus")
    assert isinstance(harness.send("opus"), SignInNeeded)
    assert isinstance(harness.send("sonnet"), SignInNeeded)
    probe.succeeded()
    probe.release()
    assert harness.send("sonnet") is None
    assert harness.breaker.circuits == ()


def test_a_probe_without_a_result_lets_the_next_request_probe(harness: Harness) -> None:
    harness.send("opus", SignInNeeded())
    harness.clock.now += FIRST_S
    harness.breaker.enter("opus").release()
    permit = harness.breaker.enter("opus")
    permit.failed(WorkerDied())
    permit.release()
    assert harness.send("opus") is None


def test_each_failed_probe_doubles_the_wait(harness: Harness) -> None:
    harness.send(None, SignInNeeded())
    waits = []
    for _ in range(8):
        (circuit,) = harness.breaker.circuits
        waits.append(circuit.until - harness.clock.now)
        assert circuit.since == NOW
        harness.clock.now = circuit.until
        harness.send(None, SignInNeeded())
    assert waits == [5, 10, 20, 40, 80, 160, 300, 300]


def test_a_success_of_an_earlier_request_closes_the_circuit(harness: Harness) -> None:
    late = harness.breaker.enter("opus")
    harness.send("opus", SignInNeeded())
    late.succeeded()
    late.release()
    assert not harness.is_open("opus")


def test_a_reset_closes_all_circuits(harness: Harness) -> None:
    harness.send("opus", SignInNeeded())
    harness.send("opus", UsageLimit(resets_at=int(NOW) + 3600))
    harness.breaker.reset()
    assert harness.breaker.circuits == ()
    assert not harness.is_open("opus")


def test_on_change_is_called_at_every_change_only(harness: Harness) -> None:
    harness.send("opus")
    assert harness.changes == 0
    harness.send("opus", SignInNeeded())
    assert harness.changes == 1
    harness.send("opus")
    assert harness.changes == 1
    harness.clock.now += FIRST_S
    harness.send("opus")
    assert harness.changes == 2
