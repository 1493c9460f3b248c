"""Circuit breaker: while Claude cannot answer, requests fail at once with the reason, and probes test for recovery.

A circuit opens for one of three causes: a refused sign-in, at the first refusal and for all models; a usage limit with
a known end, for its model until then; an API that fails several times in a row, for its model.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from server.backoff import delay_after
from server.errors import DrawbridgeError, EngineError, PermissionRefused, SignInNeeded, UpstreamDown, UsageLimit
from server.status import CircuitStatus

Cause = Literal["sign in", "limit", "upstream"]
Key = tuple[Cause, str | None]

FAILURES = 4
# Seconds until the next probe; they double with each probe that fails.
FIRST_S = 5.0
LONGEST_S: dict[Cause, float] = {"sign in": 300.0, "upstream": 60.0}
# A usage limit may be lifted early.
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """An open circuit: requests for `model` (None: all) fail with `error` until `until`. One after `due` is a probe."""

    cause: Cause
    model: str | None
    error: DrawbridgeError
    since: float
    until: float
    due: float
    tries: int = 0
    is_probing: bool = False


class CircuitBreaker:
    """Call `enter` before each request, and report the result to the permit. `clock` returns Unix times."""

    def __init__(self, clock: Callable[[], float] = time.time, on_change: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._on_change = on_change
        self._circuits: dict[Key, Circuit] = {}
        self._failures: dict[str | None, int] = {}

    @property
    def circuits(self) -> tuple[Circuit, ...]:
        """The open circuits, oldest first. Those of a usage limit close when the limit ends."""
        now = self._clock()
        return tuple(one for one in self._circuits.values() if one.cause != "limit" or now < one.until)

    @property
    def status(self) -> tuple[CircuitStatus, ...]:
        """The open circuits, for the server's status."""
        return tuple(
            CircuitStatus(one.cause, one.model, one.error.title, one.since, one.until) for one in self.circuits
        )

    def enter(self, model: str | None) -> "Permit":
        """Admits a request for `model`, or raises the error of the open circuit."""
        now, probed = self._clock(), []
        for key in self._keys(model):
            circuit = self._circuits.get(key)
            if circuit is None:
                continue
            if circuit.cause == "limit" and now >= circuit.until:
                self._put(key, None)
            elif now < circuit.due or circuit.is_probing:
                raise _current_error(circuit, now)
            else:
                probed.append(key)
        for key in probed:
            self._circuits[key] = replace(self._circuits[key], is_probing=True)
        return Permit(self, model, tuple(probed))

    def reset(self) -> None:
        """Closes all circuits: earlier failures mean nothing after a change of the account or the settings."""
        self._failures.clear()
        if self._circuits:
            self._circuits.clear()
            self._on_change()

    def succeeded(self, model: str | None) -> None:
        """Claude has begun to answer, or has refused a request for its content."""
        self._failures.pop(model, None)
        for key in self._keys(model):
            self._put(key, None)

    def failed(self, model: str | None, error: DrawbridgeError) -> None:
        """A request has failed before its first event."""
        now = self._clock()
        match error:
            case SignInNeeded():
                self._open(("sign in", None), error, now)
            case UsageLimit(resets_at=until) if until is not None and until > now:
                due = min(until, now + LIMIT_S)
                self._put(("limit", model), Circuit("limit", model, error, since=now, until=until, due=due))
            case UpstreamDown():
                self._failures[model] = self._failures.get(model, 0) + 1
                if self._failures[model] >= FAILURES:
                    self._open(("upstream", model), error, now)
            case UsageLimit() | PermissionRefused() | EngineError():
                # Such an error tells nothing about the sign-in, the API or the end of a limit.
                pass
            case _:
                self.succeeded(model)

    def released(self, keys: tuple[Key, ...]) -> None:
        """A probe has ended: circuits that are still open may be probed again."""
        for key in keys:
            if (circuit := self._circuits.get(key)) is not None:
                self._circuits[key] = replace(circuit, is_probing=False)

    def _open(self, key: Key, error: DrawbridgeError, now: float) -> None:
        before = self._circuits.get(key)
        tries = 0 if before is None else before.tries + 1
        until = now + delay_after(tries, first_s=FIRST_S, longest_s=LONGEST_S[key[0]])
        since = now if before is None else before.since
        self._put(key, Circuit(key[0], key[1], error, since=since, until=until, due=until, tries=tries))

    def _put(self, key: Key, circuit: Circuit | None) -> None:
        before = self._circuits.get(key)
        if circuit is None:
            self._circuits.pop(key, None)
        else:
            self._circuits[key] = circuit
        if (before and before.until) != (circuit and circuit.until):
            self._on_change()

    @staticmethod
    def _keys(model: str | None) -> tuple[Key, ...]:
        return ("sign in", None), ("limit", model), ("upstream", model)


class Permit:
    """A request that the circuit breaker has admitted. Call `release` at its end, whatever the result."""

    def __init__(self, breaker: CircuitBreaker, model: str | None, probed: tuple[Key, ...]) -> None:
        self._breaker = breaker
        self._model = model
        self._probed = probed
        self._has_succeeded = False

    def succeeded(self) -> None:
        """Claude has begun to answer."""
        self._has_succeeded = True
        self._breaker.succeeded(self._model)

    def failed(self, error: DrawbridgeError) -> None:
        """The request has failed. Ignored once Claude has begun to answer."""
        if not self._has_succeeded:
            self._breaker.failed(self._model, error)

    def release(self) -> None:
        """The request is over."""
        self._breaker.released(self._probed)


def _current_error(circuit: Circuit, now: float) -> DrawbridgeError:
    """The circuit's error, with the time left if Claude named the end."""
    error = circuit.error.fresh()
    if isinstance(error, UsageLimit) and circuit.cause == "limit":
        error.retry_after_s = max(1.0, circuit.until - now)
    return error
