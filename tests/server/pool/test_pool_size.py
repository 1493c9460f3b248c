"""The size of the pool: idle minutes, new limits and the shutdown."""

import asyncio

import pytest

from server.errors import QueueTimeout, ShuttingDown
from server.pool.pool import Pool
from server.pool.types import Limits
from tests.server.pool.harness import FakeClock, WorkerFactory, open_pool, settle

# Idle.


async def test_after_ten_idle_minutes_one_spare_is_left_and_demand_brings_the_others_back() -> None:
    async with open_pool() as harness:
        await harness.clock.advance(599)
        assert str(harness) == "3: 3 raw, 0 waiting"
        await harness.clock.advance(1)
        assert str(harness) == "3: 1 raw, 0 waiting"
        caller = await harness.caller()
        assert caller.lease is not None
        caller.lease.first_token()
        await settle()
        assert str(harness) == "3: 2 raw, 1 answering, 0 waiting"


async def test_idle_minutes_begin_when_the_last_answer_ends() -> None:
    async with open_pool() as harness:
        caller = await harness.caller()
        await harness.clock.advance(3000)
        assert str(harness) == "3: 2 raw, 1 answering, 0 waiting"
        await caller.finish()
        await harness.clock.advance(599)
        assert str(harness) == "3: 3 raw, 0 waiting"
        await harness.clock.advance(1)
        assert str(harness) == "3: 1 raw, 0 waiting"


async def test_an_idle_pool_sleeps() -> None:
    """Nothing polls: with one spare and no requests, no call is scheduled."""
    async with open_pool() as harness:
        await harness.clock.advance(600)
        assert harness.clock.pending == []


# New limits.


async def test_a_larger_pool_boots_at_once() -> None:
    async with open_pool(size=1) as harness:
        harness.pool.apply(Limits(size=3))
        await settle()
        assert str(harness) == "3: 3 raw, 0 waiting"


async def test_a_smaller_pool_closes_idle_workers_and_never_an_answer() -> None:
    async with open_pool(size=3) as harness:
        callers = [await harness.caller(), await harness.caller()]
        harness.pool.apply(Limits(size=1))
        await settle()
        assert str(harness) == "1: 2 answering, 0 waiting"
        await callers[0].finish()
        assert str(harness) == "1: 1 answering, 0 waiting"
        await callers[1].finish()
        assert str(harness) == "1: 1 raw, 0 waiting"


async def test_a_boot_that_is_no_longer_wanted_finishes_and_is_closed() -> None:
    async with open_pool(size=2, factory=WorkerFactory(boots_at_once=False)) as harness:
        harness.factory.workers[0].up.set()
        await settle()
        harness.pool.apply(Limits(size=1))
        await settle()
        assert str(harness) == "1: 1 raw, 1 closing, 0 waiting"
        assert not harness.factory.workers[1].closes
        harness.factory.workers[1].up.set()
        await settle()
        assert str(harness) == "1: 1 raw, 0 waiting"


async def test_a_new_timeout_holds_for_current_waiters() -> None:
    async with open_pool(size=1) as harness:
        await harness.caller()
        waiting = await harness.caller()
        await harness.clock.advance(10)
        harness.pool.apply(Limits(size=1, queue_timeout_s=5))
        await settle()
        assert isinstance(waiting.outcome, QueueTimeout)


# Shutdown.


async def test_the_shutdown_closes_every_worker_and_refuses_waiters_and_later_requests() -> None:
    async with open_pool(size=1) as harness:
        answering, waiting = await harness.caller(), await harness.caller()
    assert isinstance(waiting.outcome, ShuttingDown)
    assert answering.outcome is None
    assert repr(harness.pool) == "<Pool size 1: 0 waiting>"
    late = await harness.caller()
    assert isinstance(late.outcome, ShuttingDown)


async def test_the_shutdown_cancels_boots() -> None:
    async with open_pool(factory=WorkerFactory(boots_at_once=False)) as harness:
        assert str(harness) == "3: 1 booting, 0 waiting"
    assert harness.factory.workers[0].is_closed
    assert harness.pool.status().trouble is None


async def test_a_boot_cancelled_before_its_first_step_leaves_nothing() -> None:
    """A task that is cancelled before its first step runs none of its code, and no handler."""
    factory = WorkerFactory()
    pool = Pool(factory.spawn, limits=Limits(size=1), clock=FakeClock())
    await pool.__aenter__()
    await settle()
    ending = asyncio.create_task(pool.__aexit__(None, None, None))
    await asyncio.sleep(0)
    pool.apply(Limits(size=2))
    assert repr(pool) == "<Pool size 2: 1 booting, 1 raw, 0 waiting>"
    await ending
    assert repr(pool) == "<Pool size 2: 0 waiting>"
    assert len(factory.workers) == 1


async def test_the_shutdown_is_bounded_when_a_worker_does_not_close(caplog: pytest.LogCaptureFixture) -> None:
    factory, clock = WorkerFactory(closes_at_once=False), FakeClock()
    pool = Pool(factory.spawn, limits=Limits(size=1), clock=clock, close_timeout_s=10)
    await pool.__aenter__()
    await settle()
    before = asyncio.all_tasks()
    ending = asyncio.create_task(pool.__aexit__(None, None, None))
    await clock.advance(9.9)
    assert not ending.done()
    await clock.advance(0.1)
    assert ending.done()
    assert "did not close in time" in caplog.text
    assert asyncio.all_tasks() <= before


async def test_a_cancelled_shutdown_still_closes_every_worker() -> None:
    factory = WorkerFactory(closes_at_once=False)
    pool = Pool(factory.spawn, limits=Limits(size=1), clock=FakeClock())
    await pool.__aenter__()
    await settle()
    ending = asyncio.create_task(pool.__aexit__(None, None, None))
    await settle()
    ending.cancel()
    await settle()
    assert not ending.done()
    factory.workers[0].may_close.set()
    await settle()
    assert ending.cancelled()
    assert factory.alive == 0
