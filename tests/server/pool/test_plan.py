"""`plan` as a table of cases.

A slot is written `P:x=c`: parked, kind x, conversation c. A waiter is written `x=c@99`: kind x, continues the
conversation c, has waited 99 s (9 s if not given); `~x` is a background request. Slots have the keys 9, 8, 7...; each
entered its state a second after the one before. Waiters have the keys 1, 2, 3...
"""

from dataclasses import dataclass, replace

import pytest

from server.config import Isolation
from server.pool.plan import plan
from server.pool.types import BootOutlook, Grant, Limits, Plan, PoolHistory, Refusal, Refused, Slot, Waiter, WorkerState

NOW = 10_000.0
_STATES = {
    "B": WorkerState.BOOTING,
    "R": WorkerState.RAW,
    "A": WorkerState.ANSWERING,
    "a": WorkerState.ANSWERING,  # its first token has not come
    "P": WorkerState.PARKED,
    "C": WorkerState.CLOSING,
}
GOOD = PoolHistory(last_used=NOW, outlook=BootOutlook.GOOD)
NEW = PoolHistory(last_used=NOW)
QUIET = replace(GOOD, last_used=NOW - 600)
BACKING_OFF = replace(GOOD, boot_from=NOW + 4)
ONE_FAILURE = PoolHistory(last_used=NOW, boot_from=NOW + 1)
POOR = PoolHistory(last_used=NOW, outlook=BootOutlook.POOR, boot_from=NOW + 4)
NO_CLI = PoolHistory(last_used=NOW, outlook=BootOutlook.IMPOSSIBLE, boot_from=NOW + 4)
STOPPING = replace(GOOD, is_stopping=True)


def slots_of(text: str) -> list[Slot]:
    slots = []
    for number, word in enumerate(text.split()):
        state, _, configured = word.partition(":")
        kind, _, conversation = configured.partition("=")
        used, has_begun = NOW - 99 + number, state == "A"
        slots.append(Slot(9 - number, _STATES[state], used, has_begun, kind or None, conversation or None))
    return slots


def waiters_of(text: str) -> list[Waiter]:
    waiters = []
    for number, word in enumerate(text.split(), start=1):
        wanted, _, waited = word.partition("@")
        kind, _, conversation = wanted.partition("=")
        is_background = kind.startswith("~")
        since = NOW - float(waited or 9)
        waiters.append(Waiter(number, kind.removeprefix("~"), since, conversation or None, is_background))
    return waiters


def plan_of(text: str) -> Plan:
    """The plan written as `1 gets 9 spare, refuse 2 timeout, close 8 7, boot 1, defer 3, wake 4`."""
    found = Plan()
    for item in filter(None, text.split(", ")):
        match item.split():
            case [waiter, "gets", slot, way]:
                found = replace(found, grants=(*found.grants, Grant(int(waiter), int(slot), way)))  # type: ignore[arg-type] # a way
            case ["refuse", waiter, why]:
                found = replace(found, refusals=(*found.refusals, Refusal(int(waiter), Refused(why))))
            case ["close", *keys]:
                found = replace(found, closes=tuple(map(int, keys)))
            case ["boot", number]:
                found = replace(found, boots=int(number))
            case ["defer", seconds]:
                found = replace(found, deferred_since=NOW - float(seconds))
            case ["wake", seconds]:
                found = replace(found, wake_at=NOW + float(seconds))
            case _:
                raise ValueError(item)
    return found


@dataclass(frozen=True)
class Case:
    law: str
    slots: str
    waiting: str
    expected: str
    size: int = 3
    history: PoolHistory = GOOD


# Where each conversation has its own process. The expected plan is complete.
PROCESS = [
    # Grants.
    Case("a request gets the oldest raw worker", "R R R", "x@0", "1 gets 9 process"),
    Case("first come, first served", "R R", "x x@8 x@7", "1 gets 9 process, 2 gets 8 process, wake 293", size=2),
    Case("only raw workers are granted; workers parked before the switch close", "B P C", "x", "close 8, wake 291"),
    Case("a grant wins over a timeout at the same time", "R", "x@300", "1 gets 9 process", size=1),
    # Waiting.
    Case("a request times out", "A A A", "x@300 x@299", "refuse 1 timeout, wake 1"),
    Case("a stopping pool grants nothing", "R", "x@1", "refuse 1 stopping, close 9", history=STOPPING),
    # Boots.
    Case("an empty pool boots one first", "", "", "boot 1", history=NEW),
    Case("one first even when many wait", "", "x@0 x@0 x@0", "boot 1, wake 300", history=NEW),
    Case("the first boot has to succeed before the next", "B", "", "", history=NEW),
    Case("then the others boot", "R", "", "boot 2"),
    Case("the size caps boots", "R R R", "", "wake 600"),
    Case("closing processes count", "R C C", "", ""),
    Case("answering processes count", "A A R", "", ""),
    Case("all boots for waiters start at once", "C", "x@1 x@1", "boot 2, wake 299"),
    Case("a running boot counts for a waiter", "B C", "x@1", "boot 1, wake 299"),
    # Boots of spares are deferred.
    Case("a spare does not boot before a running answer has begun", "a", "", "defer 0, wake 5"),
    Case("nor before one that is granted now", "R", "x@0", "1 gets 9 process, defer 0, wake 5"),
    Case("an answer that has begun defers nothing", "A", "", "boot 2"),
    Case("a boot for a waiter is not deferred", "a C", "x@1", "boot 1, defer 0, wake 5", size=4),
    Case("the deferral keeps its start", "a", "", "defer 3, wake 2", history=replace(GOOD, deferred_since=NOW - 3)),
    Case("after 5 s spares boot anyway", "a", "", "boot 2", history=replace(GOOD, deferred_since=NOW - 5)),
    Case("the deferral ends when answers begin", "A", "", "boot 2", history=replace(GOOD, deferred_since=NOW - 3)),
    Case(
        "spares that may not boot yet keep their deferral",
        *("a", "", "boot 1, defer 5"),
        history=replace(NEW, deferred_since=NOW - 5),
    ),
    # Shrinking.
    Case("after ten idle minutes the newest spare is left", "R R R", "", "close 9 8", history=QUIET),
    Case("one spare is kept", "R", "", "", history=QUIET),
    Case("an unused empty pool gets a spare", "", "", "boot 1", history=QUIET),
    Case("a pool that answers is not idle", "A R R", "", "", history=QUIET),
    Case(
        "an idle pool wakes when it has been idle for long enough",
        *("R R", "", "wake 10"),
        size=2,
        history=replace(GOOD, last_used=NOW - 590),
    ),
    Case("parked workers close before the spare", "R P", "", "close 8", size=2, history=QUIET),
    Case("a smaller size closes boots, then parked workers, then spares", "R P B R", "", "close 7 8 9", size=1),
    Case("a smaller size never ends an answer", "A A A", "", "", size=1),
    Case("a smaller size closes idle workers beside answers", "A A R", "", "close 7", size=2),
    Case("closing workers are not closed twice for a smaller size", "C C R", "", "", size=1),
    # Failed boots.
    Case("no boot during back-off", "R", "", "wake 4", history=POOR),
    Case("one boot after back-off", "", "", "boot 1", history=replace(POOR, boot_from=NOW)),
    Case("after one failed boot requests keep waiting", "", "x@0", "wake 1", history=ONE_FAILURE),
    Case(
        "after several failed boots, without a worker, requests get the error",
        *("", "x@0 x@0", "refuse 1 engine, refuse 2 engine, wake 4"),
        history=POOR,
    ),
    Case("a closing worker is no hope", "C", "x@0", "refuse 1 engine, wake 4", size=2, history=POOR),
    Case("nor is one that must close now", "B A", "x@0", "refuse 1 engine, close 9", size=1, history=NO_CLI),
    Case("a running answer is hope while boots fail for passing reasons", "A", "x@0", "wake 4", history=POOR),
    Case("it is none where the CLI is missing", "A", "x@0", "refuse 1 engine, wake 4", history=NO_CLI),
    Case("a running boot is hope", "B", "x@0", "wake 4", history=NO_CLI),
    Case(
        "a spare still serves where the CLI is missing",
        *("R", "x@0 x@0", "1 gets 9 process, refuse 2 engine, defer 0, wake 5"),
        history=NO_CLI,
    ),
    Case(
        "after back-off the next request has one boot tried",
        *("", "x@0", "boot 1, wake 300"),
        history=replace(NO_CLI, boot_from=NOW),
    ),
    # Stopping.
    Case("a stopping pool closes idle workers and lets answers end", "R A B C", "", "close 7 9", 4, STOPPING),
    Case("a stopping pool boots nothing", "", "", "", history=STOPPING),
]

# Where workers are reused. `defer` and `wake` are compared where they are given.
WARM = [
    # Matches.
    Case("a conversation continues on the worker that holds it", "P:x=c P:x=d R", "x=d", "1 gets 8 continued"),
    Case("of two that hold it, on the one parked longest", "P:x=c P:x=c R", "x=c", "1 gets 9 continued"),
    Case(
        "two equal conversations continue on one worker each",
        *("P:x=c P:x=c R", "x=c x=c", "1 gets 9 continued, 2 gets 8 continued"),
    ),
    Case(
        "a third one gets what is left",
        *("P:x=c P:x=c R", "x=c x=c x=c", "1 gets 9 continued, 2 gets 8 continued, 3 gets 7 spare"),
    ),
    Case("an equal conversation of another kind is another one", "P:y=c A:x R", "x=c", "1 gets 7 spare"),
    Case("a parked worker is not shared with another kind", "P:X=c A:x R", "x=c", "1 gets 7 spare"),
    Case("nor for a new conversation", "P:X A:x R", "x", "1 gets 7 spare"),
    Case("a new conversation gets the least recently used worker", "P:x=c P:x=d R", "x", "1 gets 9 reset"),
    Case("so does one that no worker holds", "P:x=c P:x=d R", "x=e", "1 gets 9 reset"),
    Case("an empty worker serves any conversation of its kind", "P:x R A:x", "x", "1 gets 9 reset"),
    Case(
        "a new conversation does not take the one that another waiter continues",
        *("P:x=c P:x=d R", "x x=c", "1 gets 8 reset, 2 gets 9 continued"),
    ),
    Case("it takes a raw worker instead", "P:x=c A:x R", "x x=c", "1 gets 7 spare, 2 gets 9 continued"),
    Case(
        "a waiter of another kind does not continue it",
        *("P:x=c P:x=d R", "x X=c", "1 gets 9 reset, 2 gets 7 spare"),
    ),
    Case("without another worker the first waiter takes it", "P:x=c", "x x=c", "1 gets 9 reset", size=1),
    Case("a background request keeps a conversation and gets a raw worker", "P:x=c R A:x", "~x", "1 gets 8 spare"),
    Case("or an empty one", "P:x=c R P:x", "~x", "1 gets 7 reset"),
    Case("or the one that boots", "P:x=c B A:x", "~x", ""),
    Case("two background requests get one each", "P:x=c R P:x", "~x ~x", "1 gets 7 reset, 2 gets 8 spare"),
    Case("the first of two gets the one that is there", "P:x=c B A:x", "~x ~x", "1 gets 9 reset"),
    Case("without another worker it takes the conversation", "P:x=c A:x", "~x", "1 gets 9 reset", size=2),
    Case("the least recently used one", "P:x=c P:x=d A:x", "~x", "1 gets 9 reset"),
    Case("also while nothing can boot", "P:x=c A:x", "~x", "1 gets 9 reset", history=BACKING_OFF),
    Case("but not with a raw worker", "P:x=c R A:x", "~x", "1 gets 8 spare", history=BACKING_OFF),
    Case("of raw workers the oldest", "R R A:x", "x", "1 gets 9 spare"),
    Case("a raw worker that booted after the request came was cold", "R A:x A:x", "x@99.5", "1 gets 9 cold"),
    Case("only raw and parked workers are granted", "B A:x C", "x=c", ""),
    # Evictions for waiters.
    Case("the least recently used worker is evicted for a waiter", "P:y=c P:y=d P:z=e", "x", "close 9"),
    Case("a worker of another kind too", "P:X=c P:x=d P:x=e", "y", "close 9"),
    Case("one for each of two waiters", "P:y=c P:y=d P:z=e", "x X", "close 9 8"),
    Case("none while a worker boots", "P:y=c P:y=d B", "x", ""),
    Case("none while a worker closes", "P:y=c P:y=d C", "x", ""),
    Case("none while a place is free", "P:y=c P:y=d", "x", "boot 1"),
    Case("one if two waiters have one free place", "P:y=c P:y=d C", "x X", "close 9"),
    Case("an answer is never evicted", "A:y A:y A:y", "x", ""),
    Case("none if a raw worker serves", "R P:y=c A:y", "x", "1 gets 9 spare"),
    Case(
        "a conversation that a waiter continues is evicted last",
        *("P:y=c P:y=d A:z", "x y=c y=c", "2 gets 9 continued, close 8"),
    ),
    Case("but also for a waiter in front of that one", "P:y=c", "x y=c", "close 9", size=1),
    Case("not if a place becomes free anyway", "P:y=c C", "x y=c", "2 gets 9 continued", size=2),
    Case("not while nothing can boot in its place", "P:y=c", "x y=c", "2 gets 9 continued", 1, BACKING_OFF),
    Case("not for a waiter that times out", "P:y=c", "x@300 y=c", "2 gets 9 continued, refuse 1 timeout", size=1),
    Case("no eviction during back-off; it wakes afterwards", "P:y=c", "x", "wake 4", size=1, history=BACKING_OFF),
    Case("an empty worker is evicted first", "P:x=c P:z A:x", "y", "close 8"),
    Case("and serves a new conversation first", "P:x=c P:x R", "x", "1 gets 8 reset"),
    # Evictions for spares.
    Case("a pool of one keeps its conversation and no spare", "P:x=c", "", "", size=1),
    Case("a pool of two keeps one conversation and one spare", "P:x=c P:x=d", "", "close 9", size=2),
    Case("a pool of three two and one", "P:x=c P:x=d P:y=e", "", "close 9"),
    Case("the last parked worker is never evicted for a spare", "P:x=c A:x", "", "", size=2),
    Case("nor beside more answers", "A:x P:x=c A:x", "", ""),
    Case("one of two is evicted for a spare beside an answer", "P:x=c A:x P:x=d", "", "close 9"),
    Case("none while there is a spare", "P:x=c P:x=d R", "", ""),
    Case("none while a spare boots", "P:x=c P:x=d B", "", ""),
    Case("none while a place becomes free", "P:x=c P:x=d C", "", ""),
    Case("none while a place is free for a spare", "P:x=c P:x=d", "", "boot 1"),
    Case("none for a spare that could not boot", "P:x=c P:x=d", "", "wake 4", size=2, history=BACKING_OFF),
    Case("an empty worker is evicted first for a spare", "P:x=c P:x", "", "close 8", size=2),
    Case("of whatever kind", "P:x=c P:y", "", "close 8", size=2),
    # Shrinking and stopping.
    Case("a smaller size closes empty workers first", "P:x=c P:x", "", "close 8", size=1),
    Case("then the least recently used", "P:x=c P:x=d R", "", "close 9 8", size=1),
    Case("a smaller size and a waiter: room is made for both", "P:y=c P:y=d P:y=e", "x", "close 9 8", size=2),
    Case("and for two", "P:y=c P:y=d P:y=e P:y=f P:y=g", "x X", "close 9 8 7 6 5", size=2),
    Case("a boot over the size serves a waiter instead", "P:y=c P:y=d B", "x", "close 9", size=2),
    Case("after ten idle minutes one is left", "P:x=c P:x=d R", "", "close 9 8", history=QUIET),
    Case("a stopping pool closes parked workers", "P:x=c A:x R", "", "close 9 7", history=STOPPING),
    # Without a CLI.
    Case("a running answer of the same kind is hope", "A:x", "x", "", history=NO_CLI),
    Case("one of another kind is none", "A:y", "x", "refuse 1 engine", history=NO_CLI),
    Case("nor is a parked worker of another kind", "P:y=c", "x", "refuse 1 engine", history=NO_CLI),
    Case("a worker granted now is hope", "R", "x x y", "1 gets 9 spare, refuse 3 engine", history=NO_CLI),
]


@pytest.mark.parametrize(
    ("case", "isolation"),
    [(case, "process") for case in PROCESS] + [(case, "warm") for case in WARM],
    ids=lambda value: getattr(value, "law", value),
)
def test_a_plan(case: Case, isolation: Isolation) -> None:
    limits = Limits(size=case.size, isolation=isolation)
    decided = plan(slots_of(case.slots), waiters_of(case.waiting), limits, NOW, case.history)
    expected = plan_of(case.expected)
    if isolation == "warm" and expected.wake_at is None:
        decided = replace(decided, wake_at=None)
    if isolation == "warm" and expected.deferred_since is None:
        decided = replace(decided, deferred_since=None)
    assert decided == expected


def test_beside_workers_that_take_every_request_a_pool_keeps_no_spare() -> None:
    limits = Limits(isolation="warm", keeps_spare=False)
    slots = slots_of("P:x=c P:x=d P:y=e")
    assert plan(slots, [], limits, NOW, GOOD).closes == ()
    assert plan(slots, waiters_of("x"), limits, NOW, GOOD).grants == (Grant(1, 9, "reset"),)
    assert plan(slots, waiters_of("z"), limits, NOW, GOOD).closes == (9,)


def test_workers_parked_before_the_switch_to_processes_serve_no_request_and_close() -> None:
    decided = plan(slots_of("P:x=c R P:x=d"), waiters_of("x=c"), Limits(isolation="process"), NOW, GOOD)
    assert decided.grants == (Grant(1, 8, "process"),)
    assert decided.closes == (9, 7)
