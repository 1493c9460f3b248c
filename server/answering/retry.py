"""Decides what follows a failed attempt: a retry, the fallback model, or the error."""

from dataclasses import dataclass

from server.backoff import delay_after
from server.conversation.request import ModelSettings
from server.errors import DrawbridgeError, UnexpectedOutput, UpstreamDown, UsageLimit, WorkerDied

# The delay between two attempts while Claude's API fails. Clients retry too, so delays are few and short.
FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 4.0
# An API failure is not retried later than this after the request arrived: the client may have given up.
RETRY_WITHIN_S = 20.0
OVERLOADED = 529


@dataclass(frozen=True, slots=True)
class Attempts:
    """The failed attempts of a request with one model: workers that failed in a row, and failures of Claude's API."""

    deaths: int = 0
    api_failures: int = 0


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again after a delay; `attempts` is the count from then on."""

    delay_s: float
    attempts: Attempts


@dataclass(frozen=True, slots=True)
class Fallback:
    """Send the request to the fallback model, with these settings."""

    settings: ModelSettings


@dataclass(frozen=True, slots=True)
class Raise:
    """Report the error to the client."""


NextStep = Retry | Fallback | Raise


def next_step(
    error: DrawbridgeError,
    attempts: Attempts,
    *,
    has_begun: bool,
    was_sent: bool,
    elapsed_s: float,
    retries: int,
    fallback: ModelSettings | None,
) -> NextStep:
    """What follows `error`.

    1. An answer that has begun is never repeated: the client has seen part of it.
    2. A worker that died, hung or wrote something unexpected is replaced once.
    3. A failure of Claude's API is retried with back-off: `retries` times, and only for some seconds.
    4. A usage limit and an overloaded model are answered by the fallback model.

    `was_sent`: False if the circuit breaker refused the request; then only the fallback model is left.
    """
    if has_begun:
        return Raise()
    if was_sent and isinstance(error, WorkerDied | UnexpectedOutput) and attempts.deaths == 0:
        return Retry(0.0, Attempts(1, attempts.api_failures))
    if was_sent and isinstance(error, UpstreamDown) and attempts.api_failures < retries and elapsed_s < RETRY_WITHIN_S:
        delay_s = delay_after(attempts.api_failures, first_s=FIRST_DELAY_S, longest_s=LONGEST_DELAY_S)
        return Retry(delay_s, Attempts(0, attempts.api_failures + 1))
    is_of_one_model = isinstance(error, UsageLimit) or (isinstance(error, UpstreamDown) and error.status == OVERLOADED)
    return Fallback(fallback) if is_of_one_model and fallback is not None else Raise()
