"""A place within the pool's size for a process that is not the pool's."""

import asyncio

from server.conversation.request import Profile
from server.pool.pool import Pool
from server.pool.types import Limits


class Quiet:
    """A worker that does nothing but count."""

    living = 0

    def __init__(self) -> None:
        self._dead = asyncio.Event()

    async def boot(self) -> None:
        Quiet.living += 1

    async def wait_dead(self) -> None:
        await self._dead.wait()

    async def close(self) -> None:
        await asyncio.sleep(0)
        Quiet.living -= 1
        self._dead.set()


def pool_of(size: int) -> Pool[Quiet]:
    Quiet.living = 0
    return Pool(Quiet, limits=Limits(size=size, isolation="warm"))


async def settled() -> None:
    for _ in range(50):
        await asyncio.sleep(0)


async def test_the_pool_has_one_less_for_as_long_as_it_lasts() -> None:
    async with pool_of(3) as pool:
        await settled()
        assert Quiet.living == 3
        async with pool.aside():
            assert Quiet.living == 2
            await settled()
            assert Quiet.living == 2
            assert pool.status().size == 3
        await settled()
        assert Quiet.living == 3


async def test_a_pool_of_one_gives_its_place_only_after_the_answer_and_the_next_one_waits() -> None:
    async with pool_of(1) as pool:
        is_aside, go = asyncio.Event(), asyncio.Event()

        async def aside() -> None:
            async with pool.aside():
                assert Quiet.living == 0
                is_aside.set()
                await go.wait()

        async def ask() -> None:
            async with pool.lease(Profile()):
                pass

        async with pool.lease(Profile()):
            task = asyncio.create_task(aside())
            await settled()
            assert not is_aside.is_set()
        await asyncio.wait_for(is_aside.wait(), 12)
        asking = asyncio.create_task(ask())
        await settled()
        assert not asking.done()
        assert Quiet.living == 0
        go.set()
        await asyncio.wait_for(asyncio.gather(task, asking), 12)


async def test_who_gives_up_waiting_for_the_place_gives_it_back() -> None:
    async with pool_of(1) as pool:
        async with pool.lease(Profile()):
            task = asyncio.create_task(pool.aside().__aenter__())
            await settled()
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(12), pool.lease(Profile()):
            pass


async def test_a_pool_that_closes_waits_for_nobody_aside() -> None:
    async with asyncio.timeout(12), pool_of(2) as pool:
        aside = pool.aside()
        await aside.__aenter__()
    await aside.__aexit__(None, None, None)
    await settled()
    assert Quiet.living == 0
