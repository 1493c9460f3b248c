"""A circuit breaker for each cause: while Claude cannot answer, requests are told why at once, and some of them try.

Three causes open it. A sign-in that Claude refuses, for all models, at the first refusal. A usage limit whose end is
known, for its model, until then. An API that fails several times in a row, for its model.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from server.errors import DrawbridgeError, EngineError, PermissionRefused, SignInNeeded, UpstreamDown, UsageLimit

Cause = Literal["sign in", "limit", "upstream"]
Key = tuple[Cause, str | None]

FAILURES = 4
# Seconds until a request may try again: they double with each that fails.
FIRST_S = 5.0
LONGEST_S: dict[Cause, float] = {"sign in": 300.0, "upstream": 60.0}
# A limit may be lifted before its time.
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Circuit:
    """An open circuit: requests for `model` (None: all) get `error` until `until`; times are Unix times.

    From `due` on one request is the probe, and the others go on being told. `tries`: how often it has been tried and
    failed.
    """

    cause: Cause
    model: str | None
    error: DrawbridgeError
    since: float
    until: float
    due: float
    tries: int = 0
    is_probed: bool = False


class Breaker:
    """`enter` before each request; what comes of it is told to the passage. `clock` gives Unix times.

    `on_change` is called when a circuit has opened or closed.
    """

    def __init__(self, clock: Callable[[], float] = time.time, on_change: Callable[[], None] = lambda: None) -> None:
        self._clock = clock
        self._on_change = on_change
        self._circuits: dict[Key, Circuit] = {}
        self._failures: dict[str | None, int] = {}

    @property
    def circuits(self) -> tuple[Circuit, ...]:
        """What is open now, in the order in which it opened. A limit is over at its time."""
        now = self._clock()
        return tuple(one for one in self._circuits.values() if one.cause != "limit" or now < one.until)

    def enter(self, model: str | None) -> "Passage":
        """Lets a request for `model` pass, or raises the error of what is open."""
        now, probed = self._clock(), []
        for key in self._keys(model):
            circuit = self._circuits.get(key)
            if circuit is None:
                continue
            if circuit.cause == "limit" and now >= circuit.until:
                self._put(key, None)
            elif now < circuit.due or circuit.is_probed:
                raise _as_of(circuit, now)
            else:
                probed.append(key)
        for key in probed:
            self._circuits[key] = replace(self._circuits[key], is_probed=True)
        return Passage(self, model, tuple(probed))

    def reset(self) -> None:
        """Another account or other settings: nothing of what was seen counts any more."""
        self._failures.clear()
        if self._circuits:
            self._circuits.clear()
            self._on_change()

    def succeeded(self, model: str | None) -> None:
        """Claude has begun to answer, or has refused a request for what it says."""
        self._failures.pop(model, None)
        for key in self._keys(model):
            self._put(key, None)

    def failed(self, model: str | None, error: DrawbridgeError) -> None:
        """A request has failed before its first word."""
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
                # Says nothing of the sign-in, of the API's health or of a limit's end.
                pass
            case _:
                self.succeeded(model)

    def released(self, keys: tuple[Key, ...]) -> None:
        """A probe ended: where it said nothing of them, these may be tried again at once."""
        for key in keys:
            if (circuit := self._circuits.get(key)) is not None:
                self._circuits[key] = replace(circuit, is_probed=False)

    def _open(self, key: Key, error: DrawbridgeError, now: float) -> None:
        before = self._circuits.get(key)
        tries = 0 if before is None else before.tries + 1
        until = now + min(LONGEST_S[key[0]], FIRST_S * 2.0 ** min(tries, 30))
        since = now if before is None else before.since
        self._put(key, Circuit(key[0], key[1], error, since=since, until=until, due=until, tries=tries))

    def _put(self, key: Key, circuit: Circuit | None) -> None:
        before = self._circuits.get(key)
        if circuit is None:
            self._circuits.pop(key, None)
        else:
            self._circuits[key] = circuit
        if (before is None) is not (circuit is None) or (circuit is not None and circuit.until != before.until):  # type: ignore[union-attr] # both are there then
            self._on_change()

    @staticmethod
    def _keys(model: str | None) -> tuple[Key, ...]:
        return ("sign in", None), ("limit", model), ("upstream", model)


class Passage:
    """One request behind the breaker; `left` must be called at its end, whatever came of it."""

    def __init__(self, breaker: Breaker, model: str | None, probed: tuple[Key, ...]) -> None:
        self._breaker = breaker
        self._model = model
        self._probed = probed
        self._is_told = False

    def succeeded(self) -> None:
        """Claude has begun to answer."""
        self._is_told = True
        self._breaker.succeeded(self._model)

    def failed(self, error: DrawbridgeError) -> None:
        """It failed before the first word; once Claude has begun, a failure is that of an answer."""
        if not self._is_told:
            self._breaker.failed(self._model, error)

    def left(self) -> None:
        """It is over."""
        self._breaker.released(self._probed)


def _as_of(circuit: Circuit, now: float) -> DrawbridgeError:
    """The error as it is now."""
    error = circuit.error.fresh()
    if isinstance(error, UsageLimit | UpstreamDown):
        error.retry_after_s = max(1.0, circuit.until - now)
    return error
