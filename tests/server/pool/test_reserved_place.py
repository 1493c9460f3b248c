"""Reserving a place of the pool for a process outside it."""

import asyncio

from server.conversation.request import Profile
from server.pool.pool import Pool
from server.pool.types import Limits


class CountedWorker:
    """A worker that only counts the living ones."""

    living = 0

    def __init__(self) -> None:
        self._dead = asyncio.Event()

    async def boot(self) -> None:
        CountedWorker.living += 1

    async def warm_up(self) -> bool:
        return True

    async def reacts(self) -> bool:
        return True

    async def wait_dead(self) -> None:
        await self._dead.wait()

    async def close(self) -> None:
        await asyncio.sleep(0)
        CountedWorker.living -= 1
        self._dead.set()


def pool_of(size: int) -> Pool[CountedWorker]:
    CountedWorker.living = 0
    return Pool(CountedWorker, limits=Limits(size=size, isolation="warm"))


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_pool_has_one_place_less_while_a_place_is_reserved() -> None:
    async with pool_of(3) as pool:
        await settled()
        assert CountedWorker.living == 3
        async with pool.reserve_place():
            assert CountedWorker.living == 2
            await settled()
            assert CountedWorker.living == 2
            assert pool.status().size == 3
        await settled()
        assert CountedWorker.living == 3


async def test_a_pool_of_one_gives_its_place_after_the_answer_and_the_next_request_waits() -> None:
    async with pool_of(1) as pool:
        is_reserved, go = asyncio.Event(), asyncio.Event()

        async def reserve() -> None:
            async with pool.reserve_place():
                assert CountedWorker.living == 0
                is_reserved.set()
                await go.wait()

        async def ask() -> None:
            async with pool.lease(Profile()):
                pass

        async with pool.lease(Profile()):
            task = asyncio.create_task(reserve())
            await settled()
            assert not is_reserved.is_set()
        await asyncio.wait_for(is_reserved.wait(), 12)
        asking = asyncio.create_task(ask())
        await settled()
        assert not asking.done()
        assert CountedWorker.living == 0
        go.set()
        await asyncio.wait_for(asyncio.gather(task, asking), 12)


async def test_a_cancelled_reservation_returns_the_place() -> None:
    async with pool_of(1) as pool:
        async with pool.lease(Profile()):
            task = asyncio.create_task(pool.reserve_place().__aenter__())
            await settled()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(60), pool.lease(Profile()):
            pass


async def test_a_closing_pool_does_not_wait_for_a_reserved_place() -> None:
    async with asyncio.timeout(60), pool_of(2) as pool:
        reservation = pool.reserve_place()
        await reservation.__aenter__()
    await reservation.__aexit__(None, None, None)
    await settled()
    assert CountedWorker.living == 0
