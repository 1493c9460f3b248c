"""What the pool does next, decided by pure functions: who gets which worker, what boots and closes, when to look again.

The laws are the small functions; `plan` applies them in the order of the numbered steps. Nothing here waits, reads a
clock or touches a process: `Pool` asks after every arrival, departure, birth, death and tick, and carries it out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Literal

from server.config import Isolation
from server.conversation.request import Profile

"""Whether workers go on to other conversations behind a boundary, or each conversation has a process of its own."""

Way = Literal["continued", "profile", "spare", "cold", "process"]
"""How a request found its worker: it (1) holds this very conversation, (2) was configured with the same profile, (3)
was raw, or (4) had to boot first. Where each conversation has a process of its own, it is always "process"."""


class WorkerState(Enum):
    """The life of a worker: BOOTING -> RAW -> ANSWERING <-> PARKED -> CLOSING. From each of them it may close."""

    BOOTING = "booting"
    RAW = "raw"
    ANSWERING = "answering"
    PARKED = "parked"
    CLOSING = "closing"


@dataclass(frozen=True, slots=True)
class Slot:
    """A process that counts, from before its birth until its end has been seen.

    `last_used` is when it came into its state. `spoke`: the first token of the running answer has come. `profile` and
    `conversation` are what it was configured with and what it holds; None while it is raw. `is_modest`: whom it
    answers took no conversation's place.
    """

    key: int
    state: WorkerState
    last_used: float = 0.0
    spoke: bool = False
    profile: Profile | None = None
    conversation: str | None = None
    is_modest: bool = False


@dataclass(frozen=True, slots=True)
class Waiter:
    """A request without a worker, waiting since `since`. `past` is the key of the conversation it goes on, if any.

    One that is modest comes after all others, and no parked conversation ends for it.
    """

    key: int
    profile: Profile
    since: float
    past: str | None = None
    is_modest: bool = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What the pool may do. `size` caps the processes alive, closing ones included; times are seconds.

    `put_off_s`: how long at most a boot yields to answers that have not begun.
    """

    size: int = 3
    max_waiting: int = 100
    queue_timeout_s: float = 300.0
    idle_shrink_s: float = 600.0
    put_off_s: float = 5.0
    isolation: Isolation = "process"


class Prospect(Enum):
    """What the last boots say of the next one."""

    UNKNOWN = "unknown"  # nothing has booted yet, or one boot failed: one at a time
    GOOD = "good"
    POOR = "poor"  # several boots failed in a row
    NONE = "none"  # it cannot work until somebody does something: no CLI, no sign-in


@dataclass(frozen=True, slots=True)
class Past:
    """What the slots do not show: the last time anybody asked, and how boots went.

    `boot_from`: no boot before this time. `put_off_since`: since when boots yield, None if they do not.
    """

    asked_at: float = 0.0
    prospect: Prospect = Prospect.UNKNOWN
    boot_from: float = 0.0
    put_off_since: float | None = None
    stopping: bool = False


@dataclass(frozen=True, slots=True)
class Grant:
    """The waiter gets the worker in the slot."""

    waiter: int
    slot: int
    way: Way = "process"


class Refused(Enum):
    """Why a waiter gets no worker."""

    TIMEOUT = "timeout"
    ENGINE = "engine"
    STOPPING = "stopping"
    PLACE = "place"  # no place but that of a conversation, for one who is modest


@dataclass(frozen=True, slots=True)
class Refusal:
    """The waiter gets an error."""

    waiter: int
    why: Refused


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do now, and when to ask again though nothing happened (None: never). `closes` are keys of slots."""

    grants: tuple[Grant, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    closes: tuple[int, ...] = ()
    boots: int = 0
    put_off_since: float | None = None
    wake_at: float | None = None


def plan(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, past: Past) -> Plan:
    """What to do now. `waiting` stands in its order; a plan carried out leaves nothing to do at the same time."""
    waiting = sorted(waiting, key=lambda waiter: waiter.is_modest)
    # 1. Who waits gets what is there, the first one first.
    grants = grants_for(slots, waiting, limits, now, past) if not past.stopping else ()
    slots = _granted(slots, waiting, grants)
    waiting = _without(waiting, {grant.waiter for grant in grants})
    # 2. What must go goes, and from then on is no hope for those who wait.
    closes = surplus(slots, limits, quiet=False, stopping=past.stopping)
    slots = _closing(slots, closes)
    # 3. Who waits in vain is told so.
    refusals = refusals_for(slots, waiting, limits, now, past)
    waiting = _without(waiting, {refusal.waiter for refusal in refusals})
    # 4. What nobody needs goes, or what somebody else needs more.
    quiet = is_quiet(slots, waiting, limits, now, past)
    spared = surplus(slots, limits, quiet=quiet, stopping=past.stopping)
    slots = _closing(slots, spared)
    given_up = victims(slots, waiting, limits) if limits.isolation == "warm" else ()
    if now >= past.boot_from:
        spared += given_up
        slots = _closing(slots, given_up)
    closes += spared
    # 5. What is missing boots: for those who wait at once, spares when they hold no answer up.
    awaited, spares = (0, 0) if past.stopping else missing(slots, waiting, limits, quiet=quiet)
    held_since = held_back_since(slots, now, past) if spares else None
    is_held = held_since is not None and now < held_since + limits.put_off_s
    wanted = awaited if is_held else awaited + spares
    boots = bootable(wanted, slots, now, past)
    # 6. Look again when the clock alone changes the answer.
    times = [time_is_over_at(waiter, limits) for waiter in waiting]
    if is_held and held_since is not None:
        times.append(held_since + limits.put_off_s)
    if (wanted > boots or given_up) and now < past.boot_from:
        times.append(past.boot_from)
    if len(idle_in_closing_order(slots)) > 1 and not is_busy(slots, waiting):
        times.append(past.asked_at + limits.idle_shrink_s)
    put_off_since = held_since if awaited + spares > boots else None
    return Plan(grants, refusals, closes, boots, put_off_since, min(times, default=None))


def grants_for(
    slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, past: Past
) -> tuple[Grant, ...]:
    """First come, first served, each with the best worker that is left for it.

    Whom nothing fits waits for a place: a free one, or else that of a parked conversation, which nobody behind gets any
    more. Without this, one who comes with a new profile would wait for as long as others keep the workers warm.
    """
    grants = []
    free = [slot for slot in slots if slot.state in {WorkerState.RAW, WorkerState.PARKED}]
    places = free_places(slots, limits)
    for waiter in waiting:
        found = match_for(waiter, free, waiting, limits)
        if found is not None:
            slot, way = found
            free.remove(slot)
            places -= slot.state is WorkerState.RAW
            grants.append(Grant(waiter.key, slot.key, way))
        elif not waiter.is_modest and past.boot_from <= now < time_is_over_at(waiter, limits):
            if places <= 0 and (parked := giving_way(free, waiting)):
                free.remove(parked[0])
            places -= 1
    return tuple(grants)


def match_for(
    waiter: Waiter, free: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits
) -> tuple[Slot, Way] | None:
    """The worker for one request among the free ones, and how it was found; None if it has to wait.

    1. continued: parked with this very conversation.
    2. profile: parked with the same profile, the least recently used; but rather raw than one that somebody waits to
       go on with, and such a one last.
    3. spare or cold: raw, the longest up. It is cold when the request came first and waited for the boot.
    """
    raw = min((slot for slot in free if slot.state is WorkerState.RAW), key=_age, default=None)
    if limits.isolation == "process":
        return (raw, "process") if raw is not None else None
    same = [slot for slot in free if slot.state is WorkerState.PARKED and slot.profile == waiter.profile]
    if waiter.is_modest:
        same = [slot for slot in same if slot.conversation is None]
    if waiter.past is not None:
        holder = min((slot for slot in same if slot.conversation == waiter.past), key=_age, default=None)
        if holder is not None:
            return holder, "continued"
    wanted = pasts_of(waiting)
    parked = giving_way(same, waiting)
    if parked and not (raw is not None and _holds(parked[0], wanted)):
        return parked[0], "profile"
    if raw is not None:
        return raw, "cold" if raw.last_used > waiter.since else "spare"
    return None


def victims(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits) -> tuple[int, ...]:
    """The parked workers that are given up: one for each request that has no place where a process could boot.

    For one who is modest only those that hold nothing. When nobody else waits and there is no place for a spare, one
    of several gives way to it, unless the spare is lent to one who is modest; the last one never does.
    """
    parked, places = giving_way(slots, waiting), max(0, free_places(slots, limits))
    others = sum(not waiter.is_modest for waiter in waiting)
    given = max(0, others - places)
    if not others and not places and len(parked) > 1 and not any(slot.is_modest for slot in slots):
        given = places = 1
    lacking = max(0, len(waiting) - others - max(0, places - others))
    empty = [slot for slot in parked[given:] if slot.conversation is None]
    return tuple(slot.key for slot in parked[:given] + empty[:lacking])


def giving_way(slots: Sequence[Slot], waiting: Sequence[Waiter]) -> list[Slot]:
    """The parked ones: first what holds nothing, then the least recently used, last what somebody waits to resume."""
    wanted = pasts_of(waiting)
    parked = [slot for slot in slots if slot.state is WorkerState.PARKED]
    return sorted(parked, key=lambda slot: (_holds(slot, wanted), slot.conversation is not None, _age(slot)))


def free_places(slots: Sequence[Slot], limits: Limits) -> int:
    """How many places no answer and no parked conversation takes: what is in them boots, is raw, or makes room."""
    return limits.size - sum(slot.state in {WorkerState.ANSWERING, WorkerState.PARKED} for slot in slots)


def pasts_of(waiting: Sequence[Waiter]) -> frozenset[tuple[Profile, str]]:
    """The conversations that somebody waits to go on with, which nobody does who is modest."""
    return frozenset((one.profile, one.past) for one in waiting if one.past is not None and not one.is_modest)


def _holds(slot: Slot, wanted: frozenset[tuple[Profile, str]]) -> bool:
    return slot.profile is not None and (slot.profile, slot.conversation) in wanted


def _age(slot: Slot) -> tuple[float, int]:
    return slot.last_used, slot.key


def refusals_for(
    slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, past: Past
) -> tuple[Refusal, ...]:
    """Everyone when the pool stops or there is no hope for a worker; else those whose time is over."""
    if past.stopping:
        return tuple(Refusal(waiter.key, Refused.STOPPING) for waiter in waiting)
    refusals = []
    for waiter in waiting:
        if waiter.is_modest and is_held(slots, limits):
            refusals.append(Refusal(waiter.key, Refused.PLACE))
        elif is_hopeless(waiter, slots, limits, now, past):
            refusals.append(Refusal(waiter.key, Refused.ENGINE))
        elif now >= time_is_over_at(waiter, limits):
            refusals.append(Refusal(waiter.key, Refused.TIMEOUT))
    return tuple(refusals)


def is_hopeless(waiter: Waiter, slots: Sequence[Slot], limits: Limits, now: float, past: Past) -> bool:
    """Whether to wait is in vain: boots fail, the next try is not due, and nothing that lives could serve.

    One failed boot is a hiccup and worth a second try. Where the CLI or the sign-in is missing, a configured worker
    is a hope only if it goes on, for who has the same profile.
    """
    if now >= past.boot_from:
        return False
    living = [slot for slot in slots if slot.state is not WorkerState.CLOSING]
    if past.prospect is Prospect.NONE:
        return not any(
            slot.state in {WorkerState.BOOTING, WorkerState.RAW}
            or (limits.isolation == "warm" and slot.profile == waiter.profile)
            for slot in living
        )
    return past.prospect is Prospect.POOR and not living


def is_held(slots: Sequence[Slot], limits: Limits) -> bool:
    """Whether a conversation has the only place: no spare ever comes there."""
    return limits.size == 1 and any(
        slot.state is WorkerState.PARKED and slot.conversation is not None for slot in slots
    )


def time_is_over_at(waiter: Waiter, limits: Limits) -> float:
    """When a waiter has waited long enough. A new time-out holds for those who wait already."""
    return waiter.since + limits.queue_timeout_s


def room(slots: Sequence[Slot], limits: Limits) -> int:
    """How many processes may be added: those that close live until their end has been seen."""
    return max(0, limits.size - len(slots))


def surplus(slots: Sequence[Slot], limits: Limits, *, quiet: bool, stopping: bool) -> tuple[int, ...]:
    """Which idle workers are too many: all when stopping, those over the size, all but one when nobody asks.

    Where each conversation has a process of its own, parked ones as well: they were parked before that was decided.
    """
    idle = idle_in_closing_order(slots)
    over = sum(slot.state is not WorkerState.CLOSING for slot in slots) - limits.size
    many = len(idle) if stopping else max(0, over, len(idle) - 1 if quiet else 0)
    stranded = [slot for slot in idle[many:] if slot.state is WorkerState.PARKED and limits.isolation == "process"]
    return tuple(slot.key for slot in idle[:many] + stranded)


def idle_in_closing_order(slots: Sequence[Slot]) -> list[Slot]:
    """What may close, the least useful first: boots, what holds nothing, conversations, spares; old ones first.

    Answers are not idle: nothing here ever ends one.
    """
    order = (WorkerState.BOOTING, WorkerState.PARKED, WorkerState.RAW)
    idle = [slot for slot in slots if slot.state in order]
    return sorted(idle, key=lambda slot: (order.index(slot.state), slot.conversation is not None, _age(slot)))


def is_quiet(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, now: float, past: Past) -> bool:
    """Whether nobody has asked for so long that one spare is enough."""
    return not is_busy(slots, waiting) and now >= past.asked_at + limits.idle_shrink_s


def is_busy(slots: Sequence[Slot], waiting: Sequence[Waiter]) -> bool:
    """Whether anybody waits or is being answered."""
    return bool(waiting) or any(slot.state is WorkerState.ANSWERING for slot in slots)


def missing(slots: Sequence[Slot], waiting: Sequence[Waiter], limits: Limits, *, quiet: bool) -> tuple[int, int]:
    """How many boots are wanted: those that a waiter waits for, and those that only make spares.

    There are as many spares as the size allows, so that a burst of fresh conversations finds them raw. When nobody
    asks, one idle worker is enough, whatever it holds: a boot that the next plan closes again would never end.
    """
    free = room(slots, limits)
    if quiet:
        return 0, min(free, 0 if idle_in_closing_order(slots) else 1)
    coming = sum(slot.state in {WorkerState.RAW, WorkerState.BOOTING} for slot in slots)
    awaited = min(free, max(0, len(waiting) - coming))
    return awaited, free - awaited


def held_back_since(slots: Sequence[Slot], now: float, past: Past) -> float | None:
    """Since when spares yield: a boot takes half a second of processor from answers that have not begun."""
    if not any(slot.state is WorkerState.ANSWERING and not slot.spoke for slot in slots):
        return None
    return now if past.put_off_since is None else past.put_off_since


def bootable(wanted: int, slots: Sequence[Slot], now: float, past: Past) -> int:
    """How many of the wanted boots may start: none in the back-off; one first, to see that it works; then all."""
    if now < past.boot_from:
        return 0
    if past.prospect is Prospect.GOOD:
        return wanted
    return 0 if any(slot.state is WorkerState.BOOTING for slot in slots) else min(1, wanted)


def _granted(slots: Sequence[Slot], waiting: Sequence[Waiter], grants: Sequence[Grant]) -> list[Slot]:
    lent = {grant.slot: waiter for grant in grants for waiter in waiting if waiter.key == grant.waiter}
    return [_lent(slot, lent[slot.key]) if slot.key in lent else slot for slot in slots]


def _lent(slot: Slot, to: Waiter) -> Slot:
    return Slot(slot.key, WorkerState.ANSWERING, slot.last_used, profile=to.profile, is_modest=to.is_modest)


def _closing(slots: Sequence[Slot], keys: Sequence[int]) -> list[Slot]:
    return [replace(slot, state=WorkerState.CLOSING) if slot.key in keys else slot for slot in slots]


def _without(waiting: Sequence[Waiter], keys: set[int]) -> list[Waiter]:
    return [waiter for waiter in waiting if waiter.key not in keys]
