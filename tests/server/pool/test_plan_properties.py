"""What holds for every plan."""

from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st

from server.pool.plan import plan
from server.pool.types import BootOutlook, Limits, Plan, PoolHistory, Slot, Waiter, WorkerState
from tests.server.pool.test_plan import NOW

_times = st.sampled_from([NOW - 1000, NOW - 600, NOW - 5, NOW - 1, NOW, NOW + 1])
_kinds = st.sampled_from("xyX")
_conversations = st.none() | st.sampled_from("cd")


@st.composite
def _slot(draw: st.DrawFn) -> Slot:
    state = draw(st.sampled_from(WorkerState))
    is_configured = state in {WorkerState.ANSWERING, WorkerState.PARKED}
    return Slot(
        draw(st.integers(1, 10**6)),
        state,
        draw(_times),
        draw(st.booleans()),
        draw(_kinds) if is_configured else None,
        draw(_conversations) if state is WorkerState.PARKED else None,
    )


@dataclass(frozen=True)
class Situation:
    """Any arguments of `plan`."""

    slots: list[Slot]
    waiting: list[Waiter]
    limits: Limits
    history: PoolHistory

    def plan(self) -> Plan:
        return plan(self.slots, self.waiting, self.limits, NOW, self.history)

    def after(self, decided: Plan) -> "Situation":
        """The situation after the plan was carried out."""
        granted = {grant.slot: grant.waiter for grant in decided.grants}
        kinds = {waiter.key: waiter.kind for waiter in self.waiting}
        slots = [Slot(10**7 + number, WorkerState.BOOTING, NOW) for number in range(decided.boots)]
        for slot in self.slots:
            if slot.key in granted:
                slots.append(Slot(slot.key, WorkerState.ANSWERING, NOW, kind=kinds[granted[slot.key]]))
            elif slot.key in decided.closes:
                slots.append(Slot(slot.key, WorkerState.CLOSING, NOW))
            else:
                slots.append(slot)
        settled = {grant.waiter for grant in decided.grants} | {refusal.waiter for refusal in decided.refusals}
        waiting = [waiter for waiter in self.waiting if waiter.key not in settled]
        history = replace(self.history, deferred_since=decided.deferred_since)
        return Situation(slots, waiting, self.limits, history)


_situations = st.builds(
    Situation,
    slots=st.lists(_slot(), max_size=8, unique_by=lambda slot: slot.key),
    waiting=st.lists(
        st.builds(Waiter, st.integers(1, 10**6), _kinds, _times, _conversations, st.booleans()),
        max_size=8,
        unique_by=lambda waiter: waiter.key,
    ),
    limits=st.builds(
        Limits,
        st.integers(0, 6),  # 0: a pool of one whose place is reserved for another process
        st.just(100),
        st.sampled_from([0.5, 300.0]),
        st.sampled_from([0.5, 600.0]),
        isolation=st.sampled_from(["warm", "process"]),
        keeps_spare=st.booleans(),
    ),
    history=st.builds(
        PoolHistory,
        st.sampled_from([NOW - 1000, NOW - 600, NOW]),
        st.sampled_from(BootOutlook),
        st.sampled_from([NOW - 1, NOW, NOW + 1]),
        st.none() | st.sampled_from([NOW - 10, NOW - 5, NOW - 1, NOW]),
        st.booleans(),
    ),
)


@given(_situations)
def test_every_plan_stays_within_the_size_and_settles_each_waiter_and_worker_once(situation: Situation) -> None:
    decided = situation.plan()
    by_key = {slot.key: slot for slot in situation.slots}
    assert len(situation.slots) + decided.boots <= max(len(situation.slots), situation.limits.size)
    granted = [grant.slot for grant in decided.grants]
    assert len(set(granted)) == len(granted)
    assert len(set(decided.closes)) == len(decided.closes)
    assert not set(granted) & set(decided.closes)
    assert not {key for key in decided.closes if by_key[key].state in {WorkerState.ANSWERING, WorkerState.CLOSING}}
    settled = [grant.waiter for grant in decided.grants] + [refusal.waiter for refusal in decided.refusals]
    assert len(set(settled)) == len(settled)
    # It does not wake at once: that would be a busy loop.
    assert decided.wake_at is None or decided.wake_at > NOW


@given(_situations)
def test_every_grant_is_of_a_worker_that_fits(situation: Situation) -> None:
    by_key = {slot.key: slot for slot in situation.slots}
    waiting = {waiter.key: waiter for waiter in situation.waiting}
    grants = situation.plan().grants
    for grant in grants:
        slot, waiter = by_key[grant.slot], waiting[grant.waiter]
        if situation.limits.isolation == "process":
            assert (slot.state, grant.way) == (WorkerState.RAW, "process")
        elif slot.state is WorkerState.PARKED:
            assert slot.kind == waiter.kind
            is_continued = slot.conversation_key == waiter.conversation_key is not None
            assert grant.way == ("continued" if is_continued else "reset")
        else:
            assert slot.state is WorkerState.RAW
            assert grant.way in {"spare", "cold"}
    if situation.limits.isolation == "process":
        assert [grant.waiter for grant in grants] == [waiter.key for waiter in situation.waiting[: len(grants)]]


@given(_situations)
def test_no_worker_closes_for_a_request_that_an_idle_one_of_its_kind_could_answer(situation: Situation) -> None:
    """No process ends, and none starts, for another system prompt while a live one of the owner is idle."""
    limits = replace(situation.limits, isolation="warm", keeps_spare=False, size=len(situation.slots))
    history = replace(situation.history, is_stopping=False, last_used=NOW)
    kinds = {slot.kind for slot in situation.slots if slot.state is WorkerState.PARKED}
    waiting = [waiter for waiter in situation.waiting if waiter.kind in kinds][:1]
    decided = replace(situation, waiting=waiting, limits=limits, history=history).plan()
    assert decided.closes == ()
    assert decided.boots == 0
    assert bool(decided.grants) or not waiting or waiting[0].is_background


@given(_situations)
def test_the_least_useful_parked_workers_close_first(situation: Situation) -> None:
    """A closed one is emptier or less recently used than one that stays, or a waiter continues that one."""
    decided = situation.plan()
    parked = {slot.key: slot for slot in situation.slots if slot.state is WorkerState.PARKED}
    granted = {grant.slot for grant in decided.grants}
    wanted = {(waiter.kind, waiter.conversation_key) for waiter in situation.waiting}
    closed = [parked[key] for key in decided.closes if key in parked]
    kept = [slot for key, slot in parked.items() if key not in granted | set(decided.closes)]
    for gone in closed:
        for left in kept:
            is_only_left_wanted = (left.kind, left.conversation_key) in wanted and (
                (gone.kind, gone.conversation_key) not in wanted
            )
            order = [(slot.conversation_key is not None, slot.last_used) for slot in (gone, left)]
            assert order == sorted(order) or is_only_left_wanted


@given(_situations)
def test_a_plan_that_was_carried_out_leaves_nothing_to_do_at_the_same_time(situation: Situation) -> None:
    again = situation.after(situation.plan()).plan()
    assert again == Plan(deferred_since=again.deferred_since, wake_at=again.wake_at)


@given(_situations)
def test_no_request_waits_for_something_that_never_comes(situation: Situation) -> None:
    """Every waiter that is left waits for an answer to end, for a worker that boots or closes, or for a retry."""
    decided = situation.plan()
    after = situation.after(decided)
    if not after.waiting or not situation.limits.size:
        return
    boot_from = situation.history.boot_from
    is_moving = any(slot.state not in {WorkerState.RAW, WorkerState.PARKED} for slot in after.slots)
    is_retry_set = boot_from > NOW and decided.wake_at is not None and decided.wake_at <= boot_from
    assert is_moving or is_retry_set
