"""A pool that reuses its workers, seen in its `repr` and status while the test moves the clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from server.pool.types import Limits
from tests.server.pool.harness import PROFILE, FakeWorker, PoolHarness, open_pool, settle

OTHER = replace(PROFILE, system="be long")
FOREIGN = replace(PROFILE, owner="lan")


@asynccontextmanager
async def open_warm(size: int = 2) -> AsyncIterator[PoolHarness]:
    """A settled pool that reuses its workers."""
    async with open_pool(size) as harness:
        harness.pool.apply(Limits(size, isolation="warm"))
        await settle()
        yield harness


async def answer(harness: PoolHarness, keep: str | None, conversation_key: str | None = None) -> tuple[str, FakeWorker]:
    """A whole answer after which the worker is kept. Returns the way and the worker."""
    async with harness.pool.lease(PROFILE, conversation_key=conversation_key) as lease:
        lease.first_token()
        lease.keep(keep)
    await settle()
    return lease.way, lease.worker


async def test_a_kept_worker_is_parked_and_reused() -> None:
    async with open_warm() as harness:
        way, worker = await answer(harness, "c")
        assert (way, str(harness)) == ("spare", "2: 1 raw, 1 parked, 0 waiting")
        assert await answer(harness, "c+", "c") == ("continued", worker)
        assert await answer(harness, "d", "c") == ("reset", worker)
        assert dict(harness.pool.status().ways) == {"spare": 1, "continued": 1, "reset": 1}


async def test_a_worker_kept_without_a_conversation_is_reused_by_its_kind() -> None:
    async with open_warm() as harness:
        _, worker = await answer(harness, None)
        assert await answer(harness, None) == ("reset", worker)


@pytest.mark.parametrize("profile", [OTHER, FOREIGN], ids=["prompt", "owner"])
async def test_another_prompt_or_another_key_gets_another_worker(profile: object) -> None:
    async with open_warm() as harness:
        _, worker = await answer(harness, "c")
        async with harness.pool.lease(profile, conversation_key="c") as lease:
            assert (lease.way, lease.worker is worker) == ("spare", False)


async def test_a_retired_worker_is_not_parked() -> None:
    async with open_warm() as harness:
        async with harness.pool.lease(PROFILE) as lease:
            lease.keep("c")
            lease.retire("it has served long enough")
        await settle()
        assert str(harness) == "2: 2 raw, 0 waiting"


async def test_a_worker_that_died_in_its_answer_is_not_parked() -> None:
    async with open_warm() as harness:
        async with harness.pool.lease(PROFILE) as lease:
            lease.first_token()
            lease.worker.dead.set()
            await settle()
            lease.keep("c")
        await settle()
        assert lease.worker.is_closed
        assert str(harness) == "2: 2 raw, 0 waiting"


async def test_a_parked_worker_that_dies_is_replaced_at_once_and_is_no_failed_boot() -> None:
    """It has answered, so its death says nothing about the next boot."""
    async with open_warm() as harness:
        _, worker = await answer(harness, "c")
        worker.dead.set()
        await settle()
        assert str(harness) == "2: 2 raw, 0 waiting"
        assert harness.pool.status().trouble is None


@pytest.mark.parametrize("after", range(5))
async def test_whenever_a_parked_worker_dies_its_waiter_is_served_and_it_is_no_failed_boot(after: int) -> None:
    """However many steps of the loop lie between the death and its notice, and between the grant and its use."""
    async with open_warm(size=1) as harness:
        async with harness.pool.lease(PROFILE) as lease:
            caller = asyncio.create_task(answer(harness, "c", "c"))
            await settle()
            lease.worker.dead.set()
            for _ in range(after):
                await asyncio.sleep(0)
            lease.keep("c")
        way, _ = await caller
        assert way in {"continued", "spare"}
        await settle()
        assert harness.pool.status().trouble is None
        assert harness.pool.status().waiting == 0


async def test_a_cancellation_at_the_instant_of_the_grant_keeps_the_conversation() -> None:
    async with open_warm(size=1) as harness:
        async with harness.pool.lease(PROFILE) as lease:
            caller = asyncio.create_task(answer(harness, None, "c"))
            await settle()
            lease.keep("c")
        caller.cancel()
        assert str(harness) == "1: 1 answering, 0 waiting"
        await settle()
        assert str(harness) == "1: 1 parked, 0 waiting"
        assert await answer(harness, "c+", "c") == ("continued", lease.worker)


async def test_a_switch_to_processes_closes_parked_workers_and_lets_answers_end() -> None:
    async with open_warm(size=3) as harness:
        _, worker = await answer(harness, "c")
        async with harness.pool.lease(PROFILE) as lease:
            assert lease.worker is worker
            harness.pool.apply(Limits(3))
            lease.keep("d")
        await settle()
        assert worker.is_closed
        assert str(harness) == "3: 3 raw, 0 waiting"


async def test_a_switch_to_warm_in_the_middle_of_an_answer_keeps_its_worker() -> None:
    async with open_pool(2) as harness:
        async with harness.pool.lease(PROFILE) as lease:
            assert lease.way == "process"
            harness.pool.apply(Limits(2, isolation="warm"))
            lease.keep("c")
        await settle()
        assert await answer(harness, "d", "c") == ("continued", lease.worker)


async def test_after_a_renewal_no_worker_is_reused() -> None:
    async with open_warm(size=3) as harness:
        _, parked = await answer(harness, "c")
        async with harness.pool.lease(OTHER) as lease:
            harness.pool.renew("another account")
            lease.keep("d")
        await settle()
        assert parked.is_closed
        assert lease.worker.is_closed
        assert str(harness) == "3: 3 raw, 0 waiting"


async def test_after_ten_idle_minutes_one_worker_is_left() -> None:
    async with open_warm(size=3) as harness:
        await answer(harness, "c")
        await harness.clock.advance(600)
        assert str(harness) == "3: 1 raw, 0 waiting"


async def test_a_request_with_a_new_prompt_is_not_starved_by_others_that_keep_the_worker_busy() -> None:
    async with open_warm(size=1) as harness:
        order: list[str] = []

        async def ask(name: str, profile: object) -> None:
            async with harness.pool.lease(profile) as lease:
                order.append(name)
                await settle()
                lease.keep(None)

        tasks = []
        for name, profile in (("a", PROFILE), ("b", OTHER), ("c", PROFILE), ("d", PROFILE)):
            tasks.append(asyncio.create_task(ask(name, profile)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert order == ["a", "b", "c", "d"]
