"""Which spare is warmed up, and when."""

import pytest

from server.pool.types import Limits, Slot, Waiter, WorkerState
from server.pool.warming import next_to_warm_up
from tests.server.pool.harness import PROFILE, PoolHarness, open_pool, settle

RAW, PARKED = Slot(1, WorkerState.RAW, 5.0), Slot(2, WorkerState.PARKED, 1.0, kind=PROFILE)
OLDER = Slot(3, WorkerState.RAW, 4.0)
STARTING, BEGUN = Slot(4, WorkerState.ANSWERING), Slot(5, WorkerState.ANSWERING, has_first_token=True)
LIMITS = Limits(3, warms_spares=True)


@pytest.mark.parametrize(
    ("slots", "warmed", "expected"),
    [
        ([], (), None),
        ([RAW], (), 1),
        ([RAW, OLDER], (), 3),
        ([RAW, OLDER], (3,), 1),
        ([RAW, OLDER], (1, 3), None),
        ([PARKED], (), None),
        ([PARKED, RAW, BEGUN], (), 1),
        ([RAW, STARTING], (), None),
        ([RAW, Slot(6, WorkerState.BOOTING)], (), None),
        ([RAW, Slot(6, WorkerState.CLOSING)], (), 1),
    ],
)
def test_the_oldest_spare_is_warmed_up_while_nothing_else_needs_the_cpu(
    slots: list[Slot], warmed: tuple[int, ...], expected: int | None
) -> None:
    assert next_to_warm_up(slots, (), LIMITS, warmed=warmed, warming=0) == expected
    assert next_to_warm_up(slots, (), LIMITS, warmed=warmed, warming=1) is None
    assert next_to_warm_up(slots, (Waiter(1, PROFILE, 0.0),), LIMITS, warmed=warmed, warming=0) is None
    assert next_to_warm_up(slots, (), Limits(3), warmed=warmed, warming=0) is None


async def start(harness: PoolHarness) -> None:
    harness.pool.apply(Limits(harness.pool.status().size, warms_spares=True))
    await settle()


async def test_spares_are_warmed_up_once_and_one_after_the_other() -> None:
    async with open_pool(3) as harness:
        assert [worker.warm_ups for worker in harness.factory.workers] == [0, 0, 0]
        await start(harness)
        assert [worker.warm_ups for worker in harness.factory.workers] == [1, 0, 0]
        for worker in harness.factory.workers:
            worker.may_warm_up.set()
        await settle()
        assert [worker.warm_ups for worker in harness.factory.workers] == [1, 1, 1]
        assert str(harness) == "3: 3 raw, 0 waiting"


async def test_a_worker_in_its_warm_up_may_be_leased() -> None:
    async with open_pool(1) as harness:
        await start(harness)
        caller = await harness.caller()
        (worker,) = harness.factory.workers
        assert caller.lease is not None
        assert caller.lease.worker is worker
        # The worker tells the request, not the pool.
        worker.survives_warm_up = False
        worker.may_warm_up.set()
        await settle()
        assert not worker.closes
        await caller.finish()


async def test_no_spare_is_warmed_up_before_an_answer_has_begun() -> None:
    async with open_pool(2) as harness:
        caller = await harness.caller()
        await start(harness)
        assert sum(worker.warm_ups for worker in harness.factory.workers) == 0
        assert caller.lease is not None
        caller.lease.first_token()
        await settle()
        assert sum(worker.warm_ups for worker in harness.factory.workers) == 1


async def test_a_worker_that_its_warm_up_made_unusable_is_replaced() -> None:
    async with open_pool(1) as harness:
        await start(harness)
        (worker,) = harness.factory.workers
        worker.survives_warm_up = False
        worker.may_warm_up.set()
        await settle()
        assert (worker.closes, len(harness.factory.workers)) == (1, 2)
        assert harness.factory.workers[1].warm_ups == 1
        assert harness.pool.status().trouble is None


async def test_a_pool_closes_in_a_warm_up() -> None:
    async with open_pool(1) as harness:
        await start(harness)
        assert harness.factory.workers[0].warm_ups == 1
