"""`next_step` as a table: the error, what was tried before, and what follows."""

from dataclasses import dataclass, replace

import pytest

from server.answering.retry import (
    LONGEST_DELAY_S,
    OVERLOADED,
    RETRY_WITHIN_S,
    Attempts,
    Fallback,
    NextStep,
    Raise,
    Retry,
    next_step,
)
from server.conversation.request import ModelSettings
from server.errors import (
    AnswerCut,
    DrawbridgeError,
    PermissionRefused,
    PromptTooLong,
    QueueFull,
    SignInNeeded,
    UnexpectedOutput,
    UpstreamDown,
    UpstreamRefused,
    UsageLimit,
    WorkerDied,
)

SETTINGS = ModelSettings(model="haiku")
NONE = Attempts()
OVERLOAD = UpstreamDown(status=OVERLOADED)


@dataclass(frozen=True)
class Case:
    law: str
    error: DrawbridgeError
    expected: NextStep
    attempts: Attempts = NONE
    has_begun: bool = False
    was_sent: bool = True
    elapsed_s: float = 0.0
    retries: int = 2
    fallback: ModelSettings | None = SETTINGS


CASES = [
    Case("a dead worker is replaced at once", WorkerDied(), Retry(0, Attempts(1, 0))),
    Case("and one that surprises", UnexpectedOutput(), Retry(0, Attempts(1, 0))),
    Case("a surprise after a death is raised", UnexpectedOutput(), Raise(), Attempts(1, 0)),
    Case("also late", WorkerDied(), Retry(0, Attempts(1, 0)), elapsed_s=1000),
    Case("once", WorkerDied(), Raise(), Attempts(1, 0)),
    Case("and once more after a failure of the API", WorkerDied(), Retry(0, Attempts(1, 1)), Attempts(0, 1)),
    Case("a failing API is retried", UpstreamDown(status=500), Retry(0.5, Attempts(0, 1))),
    Case("after a longer delay each time", UpstreamDown(), Retry(1.0, Attempts(0, 2)), Attempts(0, 1)),
    Case("of a few seconds", UpstreamDown(), Retry(LONGEST_DELAY_S, Attempts(0, 10)), Attempts(0, 9), retries=10),
    Case("a death before it does not count", UpstreamDown(), Retry(0.5, Attempts(0, 1)), Attempts(1, 0)),
    Case("as often as set", UpstreamDown(status=500), Raise(), Attempts(0, 2)),
    Case("never if set to 0", UpstreamDown(status=500), Raise(), retries=0),
    Case("not late", UpstreamDown(status=500), Raise(), elapsed_s=RETRY_WITHIN_S),
    Case("an overloaded model is retried first", OVERLOAD, Retry(0.5, Attempts(0, 1))),
    Case("then the fallback model answers", OVERLOAD, Fallback(SETTINGS), Attempts(0, 2)),
    Case("if there is one", OVERLOAD, Raise(), Attempts(0, 2), fallback=None),
    Case("it answers at once at a usage limit", UsageLimit(), Fallback(SETTINGS)),
    Case("if there is one then", UsageLimit(), Raise(), fallback=None),
    Case("also where the circuit breaker refused the model", UsageLimit(), Fallback(SETTINGS), was_sent=False),
    Case("for its overload too, without a retry", OVERLOAD, Fallback(SETTINGS), was_sent=False),
    Case("other refusals of the circuit breaker are raised", UpstreamDown(status=500), Raise(), was_sent=False),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.law)
def test_the_next_step(case: Case) -> None:
    assert step_after(case) == case.expected


def step_after(case: Case) -> NextStep:
    return next_step(
        case.error,
        case.attempts,
        has_begun=case.has_begun,
        was_sent=case.was_sent,
        elapsed_s=case.elapsed_s,
        retries=case.retries,
        fallback=case.fallback,
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.law)
def test_an_answer_that_has_begun_is_never_repeated(case: Case) -> None:
    assert step_after(replace(case, has_begun=True)) == Raise()


@pytest.mark.parametrize(
    "error",
    [SignInNeeded(), UpstreamRefused(), PermissionRefused(), AnswerCut(), PromptTooLong(), QueueFull(retry_after_s=1)],
    ids=repr,
)
def test_other_errors_are_raised_at_once(error: DrawbridgeError) -> None:
    assert step_after(Case("", error, Raise())) == Raise()
