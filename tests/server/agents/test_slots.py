import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.agents.slots import AgentSlots
from server.config import Config
from server.errors import QueueFull, QueueTimeout

CONFIG = replace(Config(), agents=1, max_waiting=2, queue_timeout_s=30.0)


async def hold(slots: AgentSlots, until: asyncio.Event, entered: list[int], number: int) -> None:
    async with slots.slot():
        entered.append(number)
        await until.wait()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_requests_wait_in_order_and_only_so_many() -> None:
    slots, until, entered = AgentSlots(lambda: CONFIG), asyncio.Event(), list[int]()
    tasks = [asyncio.create_task(hold(slots, until, entered, number)) for number in range(3)]
    await settled()
    assert entered == [0]
    with pytest.raises(QueueFull):
        await hold(slots, until, entered, 3)
    until.set()
    await asyncio.gather(*tasks)
    assert entered == [0, 1, 2]
    assert slots.working == 0


async def test_a_wait_that_takes_too_long_gives_up_its_turn() -> None:
    slots, until = AgentSlots(lambda: replace(CONFIG, queue_timeout_s=0.01)), asyncio.Event()
    task = asyncio.create_task(hold(slots, until, [], 0))
    await settled()
    with pytest.raises(QueueTimeout):
        await hold(slots, until, [], 1)
    until.set()
    await task
    assert slots.working == 0


async def test_a_request_given_up_in_the_moment_of_its_turn_leaves_no_place_taken() -> None:
    slots, until, entered = AgentSlots(lambda: CONFIG), asyncio.Event(), list[int]()
    first, second = (asyncio.create_task(hold(slots, until, entered, number)) for number in range(2))
    await settled()
    first.cancel()
    # The first one leaves and admits the second, which is cancelled before it runs again.
    with suppress(asyncio.CancelledError):
        await first
    second.cancel()
    with suppress(asyncio.CancelledError):
        await second
    assert slots.working == 0
    until.set()
    await asyncio.wait_for(hold(slots, until, entered, 2), 5)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=20), st.integers(1, 3))
def test_no_place_is_ever_lost(steps: list[tuple[int, int]], size: int) -> None:
    async def scene() -> None:
        slots = AgentSlots(lambda: replace(CONFIG, agents=size, max_waiting=100))
        until = asyncio.Event()
        tasks = [asyncio.create_task(hold(slots, until, [], number)) for number in range(6)]
        for victim, pauses in steps:
            for _ in range(pauses):
                await asyncio.sleep(0)
            tasks[victim].cancel()
            assert slots.working <= size
        until.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert slots.working == 0

    asyncio.run(scene())
