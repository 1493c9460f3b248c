"""The laws of the pool whose workers go on: who gets a parked conversation, and which one is given up for whom."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.request import Profile
from server.pool.plan import Grant, Limits, Past, Plan, Prospect, Slot, Waiter, Way, WorkerState, plan

NOW = 10_000.0
_STATES = {
    "B": WorkerState.BOOTING,
    "R": WorkerState.RAW,
    "A": WorkerState.ANSWERING,
    "a": WorkerState.ANSWERING,  # its first token has not come
    "M": WorkerState.ANSWERING,  # whom it answers is modest
    "P": WorkerState.PARKED,
    "C": WorkerState.CLOSING,
}
# Equal but for whose key asks: upper case.
PROFILES = {letter: Profile(letter.lower(), owner="local" if letter.islower() else "lan") for letter in "xyzXY"}
GOOD = Past(asked_at=NOW, prospect=Prospect.GOOD)
QUIET = replace(GOOD, asked_at=NOW - 600)
NONE = Past(asked_at=NOW, prospect=Prospect.NONE, boot_from=NOW + 4)
BACKING_OFF = replace(GOOD, boot_from=NOW + 4)


def slots_of(words: str) -> list[Slot]:
    """Slots like `P:x=c`: parked, profile x, holding the conversation c. Each came into its state a second later.

    Their keys count down from 9, so that the order of age is never that of the keys.
    """
    slots = []
    for number, word in enumerate(words.split()):
        state, _, configured = word.partition(":")
        profile, _, conversation = configured.partition("=")
        slots.append(
            Slot(
                9 - number,
                _STATES[state],
                last_used=NOW - 99 + number,
                spoke=state in "AM",
                is_modest=state == "M",
                profile=PROFILES.get(profile),
                conversation=conversation or None,
            )
        )
    return slots


def waiters_of(words: str) -> list[Waiter]:
    """Waiters like `x=c`: profile x, going on with the conversation c; `x@99` has waited for 99 s, others for 9.

    One like `x?` is modest.
    """
    waiters = []
    for number, word in enumerate(words.split(), start=1):
        asked, _, waited = word.partition("@")
        profile, _, past = asked.rstrip("?").partition("=")
        waiters.append(
            Waiter(number, PROFILES[profile], NOW - float(waited or 9), past or None, is_modest=asked.endswith("?"))
        )
    return waiters


@dataclass(frozen=True)
class Case:
    law: str
    slots: str
    waiting: str = ""
    size: int = 3
    past: Past = GOOD
    grants: dict[int, tuple[int, Way]] = field(default_factory=dict)  # waiter: slot and way
    refusals: tuple[int, ...] = ()
    closes: tuple[int, ...] = ()
    boots: int = 0
    wake_in: float | None = None  # None: not looked at


CASES = [
    # Who gets which.
    Case("who goes on gets the worker that holds it", "P:x=c P:x=d R", "x=d", grants={1: (8, "continued")}),
    Case("of two that hold it, the longest parked", "P:x=c P:x=c R", "x=c", grants={1: (9, "continued")}),
    Case(
        "two who go on with equal conversations get one each",
        "P:x=c P:x=c R",
        "x=c x=c",
        grants={1: (9, "continued"), 2: (8, "continued")},
    ),
    Case(
        "the third of them gets what is left",
        "P:x=c P:x=c R",
        "x=c x=c x=c",
        grants={1: (9, "continued"), 2: (8, "continued"), 3: (7, "spare")},
    ),
    Case("an equal conversation under another prompt is another one", "P:y=c A:x R", "x=c", grants={1: (7, "spare")}),
    Case("a parked worker is not shared with another key", "P:X=c A:x R", "x=c", grants={1: (7, "spare")}),
    Case("nor for a new conversation", "P:X A:x R", "x", grants={1: (7, "spare")}),
    Case("a new conversation gets the least recently used", "P:x=c P:x=d R", "x", grants={1: (9, "profile")}),
    Case("so does one that nobody holds", "P:x=c P:x=d R", "x=e", grants={1: (9, "profile")}),
    Case("what is to be forgotten is gone on with by nobody", "P:x R A:x", "x", grants={1: (9, "profile")}),
    Case(
        "the conversation that somebody waits for is not taken by who begins anew",
        "P:x=c P:x=d R",
        "x x=c",
        grants={1: (8, "profile"), 2: (9, "continued")},
    ),
    Case("rather a raw worker than that", "P:x=c A:x R", "x x=c", grants={1: (7, "spare"), 2: (9, "continued")}),
    Case(
        "somebody waits for it under another key: that is another conversation",
        "P:x=c P:x=d R",
        "x X=c",
        grants={1: (9, "profile"), 2: (7, "spare")},
    ),
    Case("first come, first served, even so", "P:x=c", "x x=c", size=1, grants={1: (9, "profile")}),
    Case("of raw workers the longest up", "R R A:x", "x", grants={1: (9, "spare")}),
    Case("a raw worker that came up after the request was cold", "R A:x A:x", "x@99.5", grants={1: (9, "cold")}),
    Case("only raw and parked workers are granted", "B A:x C", "x=c"),
    # Whose conversation is given up.
    Case("who finds no worker has the least recently used one give way", "P:y=c P:y=d P:z=e", "x", closes=(9,)),
    Case("an owner's give way like all others", "P:X=c P:x=d P:x=e", "y", closes=(9,)),
    Case("two who find none have two give way", "P:y=c P:y=d P:z=e", "x X", closes=(9, 8)),
    Case("nobody gives way to a boot under way", "P:y=c P:y=d B", "x"),
    Case("nor while another makes room", "P:y=c P:y=d C", "x"),
    Case("nor where there is room", "P:y=c P:y=d", "x", boots=1),
    Case("two who find one free place have one give way", "P:y=c P:y=d C", "x X", closes=(9,)),
    Case("an answer never gives way", "A:y A:y A:y", "x"),
    Case("nor is anything given up where a raw worker serves", "R P:y=c A:y", "x", grants={1: (9, "spare")}),
    Case(
        "a conversation that somebody waits for is given up last",
        "P:y=c P:y=d A:z",
        "x y=c y=c",
        grants={2: (9, "continued")},
        closes=(8,),
    ),
    Case(
        "who waited longer has the worker give way that another one behind could use",
        "P:y=c",
        "x y=c",
        size=1,
        closes=(9,),
    ),
    Case("but not where a place comes free anyway", "P:y=c C", "x y=c", size=2, grants={2: (9, "continued")}),
    Case(
        "nor while no process could boot in its place",
        "P:y=c",
        "x y=c",
        size=1,
        past=BACKING_OFF,
        grants={2: (9, "continued")},
    ),
    Case(
        "nor for one whose time is over",
        "P:y=c",
        "x@300 y=c",
        size=1,
        grants={2: (9, "continued")},
        refusals=(1,),
    ),
    Case("in the back-off nobody gives way, and it looks again after it", "P:y=c", "x", 1, BACKING_OFF, wake_in=4),
    # Spares.
    Case("a pool of one keeps its conversation and no spare", "P:x=c", size=1),
    Case("a pool of two keeps one conversation and one spare", "P:x=c P:x=d", size=2, closes=(9,)),
    Case("a pool of three two and one", "P:x=c P:x=d P:y=e", size=3, closes=(9,)),
    Case("the last parked one is never given up for a spare", "P:x=c A:x", size=2),
    Case("nor beside more answers", "A:x P:x=c A:x"),
    Case("of two one gives way to a spare beside an answer", "P:x=c A:x P:x=d", closes=(9,)),
    Case("none while a spare is there", "P:x=c P:x=d R"),
    Case("none while a spare boots", "P:x=c P:x=d B"),
    Case("none while a place comes free for one", "P:x=c P:x=d C"),
    Case("none while there is room for one", "P:x=c P:x=d", boots=1),
    Case("none for a spare that could not boot", "P:x=c P:x=d", "", 2, BACKING_OFF, wake_in=4),
    Case("what holds nothing goes first", "P:x=c P:x", size=2, closes=(8,)),
    Case("also for who finds no worker", "P:x=c P:z A:x", "y", closes=(8,)),
    Case(
        "and it serves a new conversation rather than one that holds another",
        "P:x=c P:x R",
        "x",
        3,
        GOOD,
        {1: (8, "profile")},
    ),
    # Who is modest.
    Case("one who is modest gets a spare", "P:x=c R", "x?", size=2, grants={1: (8, "spare")}),
    Case("or a process of its profile that holds nothing", "P:x=c P:x R", "x?", grants={1: (8, "profile")}),
    Case("a new profile too", "P:x=c R", "y?", size=2, grants={1: (8, "spare")}),
    Case("but never a conversation, not even of its profile", "P:x=c A:x", "x?", size=2),
    Case("no conversation gives way to it", "P:x=c A:y A:y", "x?"),
    Case("not of two beside an answer either, but to a spare, as without it", "P:x=c A:x P:x=d", "x?", closes=(9,)),
    Case("to its spare while it is answered none gives way", "P:x=c M:x P:x=d"),
    Case("nor to another one who is modest", "P:x=c M:x P:x=d", "x?"),
    Case("nor when both places are conversations, but to a spare", "P:x=c P:x=d", "y?", size=2, closes=(9,)),
    Case("what holds nothing gives way to it", "P:x=c P:x A:y", "y?", closes=(8,)),
    Case("each of two has one give way", "P:x P:x A:y", "y? y?", closes=(9, 8)),
    Case("where there is room a process boots for it", "P:x=c A:x", "y?", boots=1),
    Case(
        "what it might go on with it never gets, so that nobody else spares it",
        "P:x=c P:x=d R",
        "x x=c? x=d?",
        grants={1: (9, "profile"), 2: (7, "spare")},
    ),
    Case("it goes after all others", "R P:x=c", "y? y", size=2, grants={2: (9, "spare")}),
    Case("so that nobody else takes a conversation's place for it", "B P:x=c", "y? y", size=2),
    Case("others take that place as ever", "A:x P:x=c", "y? y", size=2, closes=(8,)),
    Case("beside others in a pool of one it waits for none", "A:x", "x?", size=1),
    Case("a pool of one with a conversation has no place for it", "P:x=c", "x?", size=1, refusals=(1,)),
    Case("nor for one of another profile", "P:x=c", "y?", size=1, refusals=(1,)),
    Case("one that holds nothing has", "P:x", "x?", size=1, grants={1: (9, "profile")}),
    Case("and for another profile it gives way", "P:x", "y?", size=1, closes=(9,)),
    Case("after its answer its process goes before a conversation", "P:x=c P:y", size=2, closes=(8,)),
    Case("its time is over like all others'", "A:x", "x?@300", size=1, refusals=(1,)),
    Case("a smaller pool gives up first what holds nothing", "P:x=c P:x", size=1, closes=(8,)),
    # Shrinking and stopping.
    Case("a smaller size closes the least recently used", "P:x=c P:x=d R", size=1, closes=(9, 8)),
    Case("a smaller size and who finds no worker: both at once", "P:y=c P:y=d P:y=e", "x", size=2, closes=(9, 8)),
    Case("after ten idle minutes one is left", "P:x=c P:x=d R", past=QUIET, closes=(9, 8)),
    Case("a stopping pool closes what is parked", "P:x=c A:x R", past=replace(GOOD, stopping=True), closes=(9, 7)),
    # Hope.
    Case("without a CLI a running answer of the same profile is hope", "A:x", "x", past=NONE),
    Case("one of another profile is none", "A:y", "x", past=NONE, refusals=(1,)),
    Case("one of another key is none", "A:X", "x", past=NONE, refusals=(1,)),
    Case("nor is a parked one of another profile", "P:y=c", "x", past=NONE, refusals=(1,)),
    Case("what is lent now is hope for its profile", "R", "x x y", 3, NONE, {1: (9, "spare")}, refusals=(3,)),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.law)
def test_the_plan_keeps_the_law(case: Case) -> None:
    limits = Limits(size=case.size, isolation="warm")
    decided = plan(slots_of(case.slots), waiters_of(case.waiting), limits, NOW, case.past)
    assert decided.grants == tuple(Grant(waiter, slot, way) for waiter, (slot, way) in case.grants.items())
    assert tuple(refusal.waiter for refusal in decided.refusals) == case.refusals
    assert decided.closes == case.closes
    assert decided.boots == case.boots
    if case.wake_in is not None:
        assert decided.wake_at == NOW + case.wake_in


def test_where_each_conversation_has_a_process_a_parked_one_serves_nobody_and_closes() -> None:
    decided = plan(slots_of("P:x=c R P:x=d"), waiters_of("x=c"), Limits(isolation="process"), NOW, GOOD)
    assert decided.grants == (Grant(1, 8, "process"),)
    assert decided.closes == (9, 7)


_times = st.sampled_from([NOW - 1000, NOW - 600, NOW - 5, NOW - 1, NOW, NOW + 1])
_profiles = st.sampled_from([PROFILES[letter] for letter in "xyX"])
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
        draw(_profiles) if is_configured else None,
        draw(_conversations) if state is WorkerState.PARKED else None,
        draw(st.booleans()) if state is WorkerState.ANSWERING else False,
    )


_slots = st.lists(_slot(), max_size=7, unique_by=lambda slot: slot.key)
_waiting = st.lists(
    st.builds(Waiter, st.integers(1, 10**6), _profiles, _times, _conversations, st.booleans()),
    max_size=7,
    unique_by=lambda waiter: waiter.key,
)
_limits = st.builds(
    Limits,
    st.integers(0, 5),  # none, while the one place is lent to something else
    st.just(100),
    st.sampled_from([0.5, 300.0]),
    st.sampled_from([0.5, 600.0]),
    isolation=st.sampled_from(["warm", "process"]),
)
_past = st.builds(
    Past,
    st.sampled_from([NOW - 1000, NOW - 600, NOW]),
    st.sampled_from(Prospect),
    st.sampled_from([NOW - 1, NOW, NOW + 1]),
    st.none() | st.sampled_from([NOW - 10, NOW - 5, NOW - 1, NOW]),
    st.booleans(),
)


@given(_slots, _waiting, _limits, _past)
def test_whatever_there_is_a_parked_conversation_is_lent_and_given_up_by_the_laws(
    slots: list[Slot], waiting: list[Waiter], limits: Limits, past: Past
) -> None:
    decided = plan(slots, waiting, limits, NOW, past)
    by_key = {slot.key: slot for slot in slots}
    asking = {waiter.key: waiter for waiter in waiting}
    assert len(slots) + decided.boots <= max(len(slots), limits.size)
    assert len({grant.slot for grant in decided.grants}) == len(decided.grants)
    for grant in decided.grants:
        slot, waiter = by_key[grant.slot], asking[grant.waiter]
        if slot.state is WorkerState.PARKED:
            assert limits.isolation == "warm"
            assert slot.profile == waiter.profile
            assert slot.conversation is None or not waiter.is_modest
            assert grant.way == ("continued" if slot.conversation == waiter.past is not None else "profile")
        else:
            assert slot.state is WorkerState.RAW
            assert grant.way in ({"spare", "cold"} if limits.isolation == "warm" else {"process"})
    granted = {grant.slot for grant in decided.grants}
    assert not {key for key in decided.closes if by_key[key].state in {WorkerState.ANSWERING, WorkerState.CLOSING}}
    assert not granted & set(decided.closes)
    # What is left parked was used later than what was given up, or is waited for; or what was given up held nothing.
    left = [
        slot for slot in slots if slot.state is WorkerState.PARKED and slot.key not in granted | set(decided.closes)
    ]
    pasts = {(waiter.profile, waiter.past) for waiter in waiting if not waiter.is_modest}
    for key in decided.closes:
        if by_key[key].state is WorkerState.PARKED:
            assert all(_gives_way_before(by_key[key], slot) or _is_awaited(by_key, key, slot, pasts) for slot in left)
    # A settled waiter is settled once; one without a worker, an error or a process to come is looked at again in time.
    settled = [grant.waiter for grant in decided.grants] + [refusal.waiter for refusal in decided.refusals]
    assert len(set(settled)) == len(settled)
    assert decided.wake_at is None or decided.wake_at > NOW


def _gives_way_before(given_up: Slot, left: Slot) -> bool:
    if (given_up.conversation is None) != (left.conversation is None):
        return given_up.conversation is None
    return given_up.last_used <= left.last_used


def _is_awaited(by_key: dict[int, Slot], key: int, slot: Slot, pasts: set[tuple[Profile, str | None]]) -> bool:
    return (slot.profile, slot.conversation) in pasts and (by_key[key].profile, by_key[key].conversation) not in pasts


@given(_slots, _waiting, _limits, _past)
def test_a_plan_carried_out_leaves_nothing_to_do_at_the_same_time(
    slots: list[Slot], waiting: list[Waiter], limits: Limits, past: Past
) -> None:
    decided = plan(slots, waiting, limits, NOW, past)
    after, left = carried_out(decided, slots, waiting)
    again = plan(after, left, limits, NOW, replace(past, put_off_since=decided.put_off_since))
    assert again == Plan(put_off_since=again.put_off_since, wake_at=again.wake_at)


@given(_slots, _waiting, _limits, _past)
def test_nobody_waits_for_what_will_never_come(
    slots: list[Slot], waiting: list[Waiter], limits: Limits, past: Past
) -> None:
    """Who is left waiting waits for an answer to end, for a process that comes or goes, or for a time that is set."""
    decided = plan(slots, waiting, limits, NOW, past)
    after, left = carried_out(decided, slots, waiting)
    if not left or not limits.size:
        return
    moving = any(slot.state in {WorkerState.ANSWERING, WorkerState.BOOTING, WorkerState.CLOSING} for slot in after)
    retry_is_set = past.boot_from > NOW and decided.wake_at is not None and decided.wake_at <= past.boot_from
    assert moving or retry_is_set


def carried_out(decided: Plan, slots: list[Slot], waiting: list[Waiter]) -> tuple[list[Slot], list[Waiter]]:
    """Slots and waiters as the pool would have them after it."""
    asking = {waiter.key: waiter for waiter in waiting}
    lent = {grant.slot: asking[grant.waiter] for grant in decided.grants}
    after = []
    for slot in slots:
        if slot.key in lent:
            changed = Slot(
                slot.key, WorkerState.ANSWERING, NOW, False, lent[slot.key].profile, None, lent[slot.key].is_modest
            )
        elif slot.key in decided.closes:
            changed = replace(slot, state=WorkerState.CLOSING, last_used=NOW, profile=None, conversation=None)
        else:
            changed = slot
        after.append(changed)
    after += [Slot(10**7 + number, WorkerState.BOOTING, NOW) for number in range(decided.boots)]
    settled = {grant.waiter for grant in decided.grants} | {refusal.waiter for refusal in decided.refusals}
    return after, [waiter for waiter in waiting if waiter.key not in settled]


@given(_slots, _waiting, _limits, _past)
def test_who_is_modest_ends_no_conversation(
    slots: list[Slot], waiting: list[Waiter], limits: Limits, past: Past
) -> None:
    """What closes, closes without them as well: the spare that serves them would have been made anyway."""
    if len(slots) > limits.size:
        # A pool that has just become smaller closes what is idle, and they may have what would have closed.
        return
    bold = [waiter for waiter in waiting if not waiter.is_modest]
    decided, without = plan(slots, waiting, limits, NOW, past), plan(slots, bold, limits, NOW, past)
    held = {slot.key for slot in slots if slot.state is WorkerState.PARKED and slot.conversation is not None}
    assert held & set(decided.closes) <= set(without.closes)
    lent = {grant.slot for grant in decided.grants if grant.waiter not in {waiter.key for waiter in bold}}
    assert not lent & held
