"""The laws of the pool, as a table: what is there, who waits, what went before, and what is to be done."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.conversation.request import Profile
from server.pool.plan import Grant, Limits, Past, Plan, Prospect, Refusal, Refused, Slot, Waiter, WorkerState, plan

NOW = 10_000.0
_STATES = {
    "B": WorkerState.BOOTING,
    "R": WorkerState.RAW,
    "A": WorkerState.ANSWERING,
    "a": WorkerState.ANSWERING,  # its first token has not come
    "P": WorkerState.PARKED,
    "C": WorkerState.CLOSING,
}
GOOD = Past(asked_at=NOW, prospect=Prospect.GOOD)
NEW = Past(asked_at=NOW)
QUIET = replace(GOOD, asked_at=NOW - 600)
HICCUP = Past(asked_at=NOW, prospect=Prospect.UNKNOWN, boot_from=NOW + 1)
POOR = Past(asked_at=NOW, prospect=Prospect.POOR, boot_from=NOW + 4)
NONE = Past(asked_at=NOW, prospect=Prospect.NONE, boot_from=NOW + 4)
STOPPING = replace(GOOD, stopping=True)


def slots_of(letters: str) -> list[Slot]:
    """Slots with the keys 1, 2, 3...; each came into its state a second after the one before."""
    return [
        Slot(key, _STATES[letter], last_used=NOW - 100 + key, spoke=letter == "A")
        for key, letter in enumerate(letters, start=1)
    ]


def waiters(*waited_s: float) -> list[Waiter]:
    """Waiters with the keys 1, 2, 3..."""
    return [Waiter(key, Profile(), NOW - waited) for key, waited in enumerate(waited_s, start=1)]


@dataclass(frozen=True)
class Case:
    law: str
    slots: str
    waited_s: tuple[float, ...] = ()
    past: Past = GOOD
    size: int = 3
    grants: dict[int, int] = field(default_factory=dict)  # waiter: slot
    refusals: dict[int, Refused] = field(default_factory=dict)
    closes: tuple[int, ...] = ()
    boots: int = 0
    wake_in: float | None = None
    put_off: float | None = None  # seconds ago


CASES = [
    # Granting.
    Case("who waits gets a raw worker, the oldest one", "RRR", (0,), grants={1: 1}),
    Case("first come, first served", "RR", (9, 8, 7), size=2, grants={1: 1, 2: 2}, wake_in=293),
    Case("only raw workers are granted, and parked ones of warmer times close", "BPC", (9,), closes=(2,), wake_in=291),
    Case("a worker wins over a time-out that falls on the same moment", "R", (300,), size=1, grants={1: 1}),
    # Waiting.
    Case("who has waited too long is told so", "AAA", (300, 299), refusals={1: Refused.TIMEOUT}, wake_in=1),
    Case(
        "nobody is granted anything when the pool stops",
        "R",
        (1,),
        STOPPING,
        refusals={1: Refused.STOPPING},
        closes=(1,),
    ),
    # Booting.
    Case("an empty pool boots one first", "", past=NEW, boots=1),
    Case("one first even when many wait", "", (0, 0, 0), NEW, boots=1, wake_in=300),
    Case("the first boot has to succeed before the next", "B", past=NEW),
    Case("then the rest", "R", boots=2),
    Case("the size caps what boots", "RRR", wake_in=600),
    Case("closing processes count in the cap", "RCC", size=3),
    Case("answers count in the cap", "AAR", size=3),
    Case("who waits has boots started for it, all at once", "C", (1, 1), boots=2, wake_in=299),
    Case("a boot under way is counted for who waits", "BC", (1,), boots=1, wake_in=299),
    # Boots yield to answers.
    Case("a spare does not boot while an answer has not begun", "a", wake_in=5, put_off=0),
    Case("nor while one that is granted now has not", "R", (0,), grants={1: 1}, wake_in=5, put_off=0),
    Case("an answer that has begun holds nothing back", "A", boots=2),
    Case("what somebody waits for does not yield", "aC", (1,), size=4, boots=1, wake_in=5, put_off=0),
    Case("the time of yielding is remembered", "a", past=replace(GOOD, put_off_since=NOW - 3), wake_in=2, put_off=3),
    Case("after 5 s of yielding spares boot", "a", past=replace(GOOD, put_off_since=NOW - 5), boots=2),
    Case("yielding is over when answers begin", "A", past=replace(GOOD, put_off_since=NOW - 3), boots=2),
    Case(
        "the others go on having yielded when only one may boot",
        "a",
        past=replace(NEW, put_off_since=NOW - 5),
        boots=1,
        put_off=5,
    ),
    # Shrinking.
    Case("after ten idle minutes one spare is left, the newest", "RRR", past=QUIET, closes=(1, 2)),
    Case("one spare is kept", "R", past=QUIET),
    Case("an empty pool gets its spare back, however long nobody has asked", "", past=QUIET, boots=1),
    Case("a pool that answers is not idle", "ARR", past=QUIET),
    Case(
        "an idle pool looks again when it will be idle enough",
        "RR",
        past=replace(GOOD, asked_at=NOW - 590),
        size=2,
        wake_in=10,
    ),
    Case("parked conversations go before the spare", "RP", past=QUIET, size=2, closes=(2,)),
    Case("a smaller size closes what boots first, then parked ones, then spares", "RPBR", size=1, closes=(3, 2, 1)),
    Case("a smaller size never ends an answer", "AAA", size=1),
    Case("a smaller size closes idle ones beside answers", "AAR", size=2, closes=(3,)),
    Case("closing ones are not closed twice for a smaller size", "CCR", size=1),
    # Boots that fail.
    Case("in the back-off nothing boots", "R", past=POOR, wake_in=4),
    Case("after the back-off one is tried", "", past=replace(POOR, boot_from=NOW), boots=1),
    Case("one failed boot is a hiccup: who waits goes on waiting", "", (0,), HICCUP, wake_in=1),
    Case(
        "with several failed boots and no worker who waits is told why",
        "",
        (0, 0),
        POOR,
        refusals={1: Refused.ENGINE, 2: Refused.ENGINE},
        wake_in=4,
    ),
    Case("a closing worker is no hope", "C", (0,), POOR, size=2, refusals={1: Refused.ENGINE}, wake_in=4),
    Case("nor is one that has to go now", "BA", (0,), NONE, size=1, closes=(1,), refusals={1: Refused.ENGINE}),
    Case("a running answer is hope while boots fail for reasons that pass", "A", (0,), POOR, wake_in=4),
    Case("it is none where the CLI is missing", "A", (0,), NONE, refusals={1: Refused.ENGINE}, wake_in=4),
    Case("a boot under way is hope", "B", (0,), NONE, wake_in=4),
    Case(
        "a spare still serves where the CLI is missing",
        "R",
        (0, 0),
        NONE,
        grants={1: 1},
        refusals={2: Refused.ENGINE},
        wake_in=5,
        put_off=0,
    ),
    Case(
        "when the back-off has passed the next request has one boot tried",
        "",
        (0,),
        replace(NONE, boot_from=NOW),
        boots=1,
        wake_in=300,
    ),
    # Stopping.
    Case("a stopping pool closes what is idle and lets answers end", "RABC", past=STOPPING, size=4, closes=(3, 1)),
    Case("a stopping pool boots nothing", "", past=STOPPING),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.law)
def test_the_plan_keeps_the_law(case: Case) -> None:
    decided = plan(slots_of(case.slots), waiters(*case.waited_s), Limits(size=case.size), NOW, case.past)
    assert decided == Plan(
        grants=tuple(Grant(waiter, slot) for waiter, slot in case.grants.items()),
        refusals=tuple(Refusal(waiter, why) for waiter, why in case.refusals.items()),
        closes=case.closes,
        boots=case.boots,
        put_off_since=None if case.put_off is None else NOW - case.put_off,
        wake_at=None if case.wake_in is None else NOW + case.wake_in,
    )


_times = st.sampled_from([NOW - 1000, NOW - 600, NOW - 5, NOW - 1, NOW, NOW + 1])
_slots = st.lists(
    st.builds(Slot, st.integers(1, 10**6), st.sampled_from(WorkerState), _times, st.booleans()),
    max_size=8,
    unique_by=lambda slot: slot.key,
)
_waiting = st.lists(
    st.builds(Waiter, st.integers(1, 10**6), st.just(Profile()), _times),
    max_size=8,
    unique_by=lambda waiter: waiter.key,
)
_limits = st.builds(
    Limits, st.integers(1, 6), st.just(100), st.sampled_from([0.5, 300.0]), st.sampled_from([0.5, 600.0])
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
def test_whatever_there_is_the_plan_stays_within_the_cap_and_has_an_end(
    slots: list[Slot], waiting: list[Waiter], limits: Limits, past: Past
) -> None:
    decided = plan(slots, waiting, limits, NOW, past)
    by_key = {slot.key: slot for slot in slots}
    # No more processes than the size, or than there are already.
    assert len(slots) + decided.boots <= max(len(slots), limits.size)
    # Only raw workers are granted, each once; answers are never closed, nor what was granted just now.
    granted = [grant.slot for grant in decided.grants]
    assert len(set(granted)) == len(granted)
    assert all(by_key[key].state is WorkerState.RAW for key in granted)
    assert not {key for key in decided.closes if by_key[key].state in {WorkerState.ANSWERING, WorkerState.CLOSING}}
    assert not set(granted) & set(decided.closes)
    # One outcome for each waiter at most.
    settled = [grant.waiter for grant in decided.grants] + [refusal.waiter for refusal in decided.refusals]
    assert len(set(settled)) == len(settled)
    # The grants go to those in front.
    assert [grant.waiter for grant in decided.grants] == [waiter.key for waiter in waiting[: len(granted)]]
    # It does not look again at once: that would be a busy loop.
    assert decided.wake_at is None or decided.wake_at > NOW
    # Carried out, it leaves nothing to do at the same time.
    after = [
        replace(slot, state=WorkerState.ANSWERING, spoke=False)
        if slot.key in granted
        else replace(slot, state=WorkerState.CLOSING)
        if slot.key in decided.closes
        else slot
        for slot in slots
    ]
    after += [Slot(10**7 + number, WorkerState.BOOTING, NOW) for number in range(decided.boots)]
    left = [waiter for waiter in waiting if waiter.key not in settled]
    again = plan(after, left, limits, NOW, replace(past, put_off_since=decided.put_off_since))
    assert again == Plan(put_off_since=again.put_off_since, wake_at=again.wake_at)
