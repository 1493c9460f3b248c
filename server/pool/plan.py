"""Decides what the pool does next: grants, refusals, closes and boots, as a pure function of its state.

`Pool` calls `plan` after every event and every tick, and carries the result out.

    state        next state   when
    BOOTING      RAW          the boot has succeeded
    RAW          ANSWERING    a request leases it
    ANSWERING    PARKED       the lease ends and keeps it
    ANSWERING    as before    the request was cancelled before it used the worker
    PARKED       ANSWERING    a request of its kind leases it
    any          CLOSING      surplus, evicted, retired or dead; during an answer only its lease closes it
    CLOSING      none         its process has ended

    step         decides                                                  functions
    1 grant      idle workers for waiters, in order                       grants_for, match_for
    2 close      workers reserved for other waiters; those over the size  grants_for, surplus
    3 refuse     waiters that timed out or have no hope of a worker       refusals_for
    4 shrink     an unused pool; one of several parked, for a spare       surplus, lacks_capacity
    5 boot       for waiters, then spares                                 missing, deferred_since, bootable
    6 wake       the next time at which the clock alone changes the plan
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import replace

from server.pool.types import (
    BootOutlook,
    Grant,
    Kind,
    Limits,
    Plan,
    PoolHistory,
    Refusal,
    Refused,
    Slot,
    Waiter,
    Way,
    WorkerState,
)


def plan(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, history: PoolHistory) -> Plan:
    """What to do now. `waiting` is in queue order. Once a plan is carried out, the next one is empty."""
    # 1. Grant idle workers, first come, first served.
    grants, reserved = ((), ()) if history.is_stopping else grants_for(slots, waiting, limits, now, history)
    slots = _granted(slots, waiting, grants)
    waiting = _without(waiting, {grant.waiter for grant in grants})
    # 2. Close the parked workers reserved for waiters, and those over the size.
    slots = _closing(slots, reserved)
    oversize = surplus(slots, limits, quiet=False, stopping=history.is_stopping)
    slots = _closing(slots, oversize)
    # 3. Refuse waiters that timed out or have no prospect of a worker.
    refusals = refusals_for(slots, waiting, limits, now, history)
    waiting = _without(waiting, {refusal.waiter for refusal in refusals})
    # 4. Shrink an unused pool; make room for a spare.
    busy = bool(waiting) or any(slot.state is WorkerState.ANSWERING for slot in slots)
    quiet = not busy and now >= history.last_used + limits.idle_shrink_s
    unused = surplus(slots, limits, quiet=quiet, stopping=history.is_stopping)
    slots = _closing(slots, unused)
    lacking = lacks_capacity(slots, waiting, limits)
    may_evict = lacking and now >= history.boot_from
    evicted = (in_eviction_order(slots, waiting)[0].key,) if may_evict else ()
    slots = _closing(slots, evicted)
    # 5. Boot what is missing: for waiters at once, spares when no answer is about to begin.
    awaited, spares = (0, 0) if history.is_stopping else missing(slots, waiting, limits, quiet=quiet)
    since = deferred_since(slots, now, history) if spares else None
    is_deferred = since is not None and now < since + limits.defer_boots_s
    wanted = awaited if is_deferred else awaited + spares
    boots = bootable(wanted, slots, now, history)
    # 6. Plan again when time alone changes the result.
    times = [times_out_at(waiter, limits) for waiter in waiting]
    if is_deferred and since is not None:
        times.append(since + limits.defer_boots_s)
    if (wanted > boots or lacking) and now < history.boot_from:
        times.append(history.boot_from)
    if len(idle_in_closing_order(slots)) > 1 and not busy:
        times.append(history.last_used + limits.idle_shrink_s)
    return Plan(
        grants,
        refusals,
        closes=reserved + oversize + unused + evicted,
        boots=boots,
        deferred_since=since if awaited + spares > boots else None,
        wake_at=min(times, default=None),
    )


def grants_for(
    slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, history: PoolHistory
) -> tuple[tuple[Grant, ...], tuple[int, ...]]:
    """The grants, each of the best worker left for its waiter, and the parked workers to evict for the other waiters.

    A waiter that matches no idle worker reserves capacity: a free place, else the first parked worker in the order of
    eviction, which later waiters may then no longer take. This prevents the starvation of new kinds. While no
    process may boot, nothing is reserved: nothing could use the capacity.
    """
    grants: list[Grant] = []
    reserved: list[int] = []
    idle = [slot for slot in slots if slot.state in {WorkerState.RAW, WorkerState.PARKED}]
    places = free_places(slots, limits)
    # Background requests that wait for a boot, by kind. A later one that needs none gives way to them.
    passed: defaultdict[Kind, deque[Waiter]] = defaultdict(deque)
    for waiter in waiting:
        can_boot = history.boot_from <= now and places > 0
        match = match_for(waiter, idle, waiting, limits, can_boot=can_boot)
        if waiter.is_background and (match is None or match[1] == "reset"):
            passed[waiter.kind].append(waiter)
        if match is not None:
            slot, way = match
            idle.remove(slot)
            places -= slot.state is WorkerState.RAW
            served = passed[waiter.kind].popleft() if waiter.is_background and way == "reset" else waiter
            grants.append(Grant(served.key, slot.key, way))
        elif history.boot_from <= now < times_out_at(waiter, limits):
            while places <= 0 and (parked := in_eviction_order(idle, waiting)):
                idle.remove(parked[0])
                reserved.append(parked[0].key)
                places += 1
            places -= 1
    return tuple(grants), tuple(reserved)


def match_for(
    waiter: Waiter, idle: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, *, can_boot: bool
) -> tuple[Slot, Way] | None:
    """The best of the idle workers for one request, and the way it was found; None if the request has to wait.

    1. continued: parked with this conversation.
    2. reset: parked, of the same kind, in the order of eviction. A raw worker is preferred to one whose conversation
       another waiter wants to continue. For a background request any conversation is kept if there is a raw worker, or
       one can boot.
    3. spare or cold: raw, the oldest. It is cold if the request waited for its boot.
    """
    raw = min((slot for slot in idle if slot.state is WorkerState.RAW), key=_age, default=None)
    if limits.isolation == "process":
        return (raw, "process") if raw is not None else None
    same = [slot for slot in idle if slot.state is WorkerState.PARKED and slot.kind == waiter.kind]
    if waiter.conversation_key is not None:
        holders = [slot for slot in same if slot.conversation_key == waiter.conversation_key]
        if holders:
            return min(holders, key=_age), "continued"
    parked = in_eviction_order(same, waiting)
    if parked:
        is_kept = waiter.is_background and parked[0].conversation_key is not None and (can_boot or raw is not None)
        is_wanted = raw is not None and _held(parked[0]) in wanted_conversations(waiting)
        if not is_kept and not is_wanted:
            return parked[0], "reset"
    if raw is not None:
        return raw, "cold" if raw.last_used > waiter.since else "spare"
    return None


def in_eviction_order(slots: Sequence[Slot], waiting: Sequence[Waiter]) -> list[Slot]:
    """The parked workers: empty ones first, then the least recently used, last those a waiter wants to continue."""
    wanted = wanted_conversations(waiting)
    parked = [slot for slot in slots if slot.state is WorkerState.PARKED]
    return sorted(parked, key=lambda slot: (_held(slot) in wanted, slot.conversation_key is not None, _age(slot)))


def free_places(slots: Sequence[Slot], limits: Limits) -> int:
    """The places without an answer or a parked worker: empty, booting, raw or closing. Negative beyond the size."""
    return limits.size - sum(slot.state in {WorkerState.ANSWERING, WorkerState.PARKED} for slot in slots)


def lacks_capacity(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits) -> bool:
    """Whether to evict a parked worker: for a waiter, or to keep a spare beside another parked worker."""
    parked = sum(slot.state is WorkerState.PARKED for slot in slots)
    can_evict = parked > 0 if waiting else parked > 1 and limits.keeps_spare
    return can_evict and free_places(slots, limits) < max(1, len(waiting))


def wanted_conversations(waiting: Sequence[Waiter]) -> frozenset[tuple[Kind, str]]:
    """The conversations that a waiter wants to continue."""
    return frozenset((one.kind, one.conversation_key) for one in waiting if one.conversation_key is not None)


def _held(slot: Slot) -> tuple[Kind, str | None]:
    return slot.kind, slot.conversation_key


def _age(slot: Slot) -> tuple[float, int]:
    return slot.last_used, slot.key


def refusals_for(
    slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, history: PoolHistory
) -> tuple[Refusal, ...]:
    """Refuses all waiters when the pool stops, else those without a prospect of a worker and those that timed out."""
    if history.is_stopping:
        return tuple(Refusal(waiter.key, Refused.STOPPING) for waiter in waiting)
    refusals = []
    for waiter in waiting:
        if is_hopeless(waiter, slots, limits, now, history):
            refusals.append(Refusal(waiter.key, Refused.ENGINE))
        elif now >= times_out_at(waiter, limits):
            refusals.append(Refusal(waiter.key, Refused.TIMEOUT))
    return tuple(refusals)


def is_hopeless(waiter: Waiter, slots: Sequence[Slot], limits: Limits, now: float, history: PoolHistory) -> bool:
    """Whether boots fail, the next one is not due, and no living worker could serve the request.

    One failed boot is worth a second try. Where the CLI or the sign-in is missing, a used worker can serve only
    requests of its own kind, and only if it is reused.
    """
    if now >= history.boot_from:
        return False
    living = [slot for slot in slots if slot.state is not WorkerState.CLOSING]
    if history.outlook is BootOutlook.IMPOSSIBLE:
        return not any(
            slot.state in {WorkerState.BOOTING, WorkerState.RAW}
            or (limits.isolation == "warm" and slot.kind == waiter.kind)
            for slot in living
        )
    return history.outlook is BootOutlook.POOR and not living


def times_out_at(waiter: Waiter, limits: Limits) -> float:
    """When the request times out. A changed timeout also applies to requests that already wait."""
    return waiter.since + limits.queue_timeout_s


def surplus(slots: Sequence[Slot], limits: Limits, *, quiet: bool, stopping: bool) -> tuple[int, ...]:
    """The idle workers to close: all when stopping, those over the pool size, all but one if the pool is unused.

    With the setting "one process per conversation", also workers that were parked before it was set.
    """
    idle = idle_in_closing_order(slots)
    over = sum(slot.state is not WorkerState.CLOSING for slot in slots) - limits.size
    many = len(idle) if stopping else max(0, over, len(idle) - 1 if quiet else 0)
    stranded = [slot for slot in idle[many:] if slot.state is WorkerState.PARKED and limits.isolation == "process"]
    return tuple(slot.key for slot in idle[:many] + stranded)


def idle_in_closing_order(slots: Sequence[Slot]) -> list[Slot]:
    """The workers without an answer, the least useful first: booting, empty, conversations, spares; oldest first."""
    order = (WorkerState.BOOTING, WorkerState.PARKED, WorkerState.RAW)
    idle = [slot for slot in slots if slot.state in order]
    return sorted(idle, key=lambda slot: (order.index(slot.state), slot.conversation_key is not None, _age(slot)))


def missing(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, *, quiet: bool) -> tuple[int, int]:
    """How many boots are wanted for waiters, and how many for spares.

    Spares fill the size, so that a burst of new conversations finds them raw. An unused pool keeps one idle worker of
    any kind: a spare beside it would be closed by the next plan, and booted again, for ever.
    """
    free = max(0, limits.size - len(slots))
    if quiet:
        return 0, min(free, 0 if idle_in_closing_order(slots) else 1)
    coming = sum(slot.state in {WorkerState.RAW, WorkerState.BOOTING} for slot in slots)
    awaited = min(free, max(0, len(waiting) - coming))
    return awaited, free - awaited


def deferred_since(slots: Sequence[Slot], now: float, history: PoolHistory) -> float | None:
    """Since when boots of spares are deferred, if they are: a boot takes CPU time from answers that have not begun."""
    if not any(slot.state is WorkerState.ANSWERING and not slot.has_first_token for slot in slots):
        return None
    return now if history.deferred_since is None else history.deferred_since


def bootable(wanted: int, slots: Sequence[Slot], now: float, history: PoolHistory) -> int:
    """How many of the wanted boots may start: none during back-off; one until a boot has succeeded; then all."""
    if now < history.boot_from:
        return 0
    if history.outlook is BootOutlook.GOOD:
        return wanted
    return 0 if any(slot.state is WorkerState.BOOTING for slot in slots) else min(1, wanted)


def _granted(slots: Sequence[Slot], waiting: Sequence[Waiter], grants: Sequence[Grant]) -> list[Slot]:
    leased = {grant.slot: waiter for grant in grants for waiter in waiting if waiter.key == grant.waiter}
    return [
        Slot(slot.key, WorkerState.ANSWERING, slot.last_used, kind=leased[slot.key].kind)
        if slot.key in leased
        else slot
        for slot in slots
    ]


def _closing(slots: Sequence[Slot], keys: Sequence[int]) -> list[Slot]:
    return [replace(slot, state=WorkerState.CLOSING) if slot.key in keys else slot for slot in slots]


def _without(waiting: Sequence[Waiter], keys: set[int]) -> list[Waiter]:
    return [waiter for waiter in waiting if waiter.key not in keys]
