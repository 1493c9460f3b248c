"""Workers that go on, seen in what the pool says of itself while a test moves the clock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from server.pool.types import Limits
from tests.server.pool.scene import PROFILE, FakeWorker, Scene, open_scene, settle

OTHER = replace(PROFILE, system="be long")
FOREIGN = replace(PROFILE, owner="lan")


@asynccontextmanager
async def open_warm(size: int = 2) -> AsyncIterator[Scene]:
    """A settled pool whose workers go on."""
    async with open_scene(size) as scene:
        scene.pool.apply(Limits(size, isolation="warm"))
        await settle()
        yield scene


async def talk(scene: Scene, keep: str | None, conversation_key: str | None = None) -> tuple[str, FakeWorker]:
    """A whole answer after which the worker is kept; the way, and who answered."""
    async with scene.pool.lease(PROFILE, conversation_key=conversation_key) as lease:
        lease.first_token()
        lease.keep(keep)
    await settle()
    return lease.way, lease.worker


async def test_a_kept_worker_is_parked_and_goes_on() -> None:
    async with open_warm() as scene:
        way, worker = await talk(scene, "c")
        assert (way, str(scene)) == ("spare", "2: 1 raw, 1 parked, 0 waiting")
        assert await talk(scene, "c+", "c") == ("continued", worker)
        assert await talk(scene, "d", "c") == ("profile", worker)
        assert dict(scene.pool.status().ways) == {"spare": 1, "continued": 1, "profile": 1}


async def test_what_is_kept_with_nothing_is_gone_on_with_by_nobody() -> None:
    async with open_warm() as scene:
        _, worker = await talk(scene, None)
        assert await talk(scene, None) == ("profile", worker)


@pytest.mark.parametrize("profile", [OTHER, FOREIGN], ids=["prompt", "owner"])
async def test_another_prompt_or_another_key_gets_another_worker(profile: object) -> None:
    async with open_warm() as scene:
        _, worker = await talk(scene, "c")
        async with scene.pool.lease(profile, conversation_key="c") as lease:  # type: ignore[arg-type] # a profile
            assert (lease.way, lease.worker is worker) == ("spare", False)


async def test_a_retired_worker_is_not_parked() -> None:
    async with open_warm() as scene:
        async with scene.pool.lease(PROFILE) as lease:
            lease.keep("c")
            lease.retire("it has served long enough")
        await settle()
        assert str(scene) == "2: 2 raw, 0 waiting"


async def test_a_worker_that_died_in_its_answer_is_not_parked() -> None:
    async with open_warm() as scene:
        async with scene.pool.lease(PROFILE) as lease:
            lease.first_token()
            lease.worker.dead.set()
            await settle()
            lease.keep("c")
        await settle()
        assert lease.worker.is_closed
        assert str(scene) == "2: 2 raw, 0 waiting"


async def test_a_parked_worker_that_dies_is_replaced_at_once_and_is_no_failed_boot() -> None:
    """It has been of use: that it ended says nothing of the next boot."""
    async with open_warm() as scene:
        _, worker = await talk(scene, "c")
        worker.dead.set()
        await settle()
        assert str(scene) == "2: 2 raw, 0 waiting"
        assert scene.pool.status().trouble is None


@pytest.mark.parametrize("after", range(5))
async def test_whenever_a_parked_worker_dies_who_waits_for_it_is_served_and_it_is_no_failed_boot(after: int) -> None:
    """However many steps of the loop lie between the death and its news, and the grant and its taking."""
    async with open_warm(size=1) as scene:
        async with scene.pool.lease(PROFILE) as lease:
            caller = asyncio.create_task(talk(scene, "c", "c"))
            await settle()
            lease.worker.dead.set()
            for _ in range(after):
                await asyncio.sleep(0)
            lease.keep("c")
        way, _ = await caller
        assert way in {"continued", "spare"}
        await settle()
        assert scene.pool.status().trouble is None
        assert scene.pool.status().waiting == 0


async def test_who_leaves_in_the_instant_of_the_grant_leaves_the_conversation_as_it_was() -> None:
    async with open_warm(size=1) as scene:
        async with scene.pool.lease(PROFILE) as lease:
            caller = asyncio.create_task(talk(scene, None, "c"))
            await settle()
            lease.keep("c")
        caller.cancel()
        assert str(scene) == "1: 1 answering, 0 waiting"
        await settle()
        assert str(scene) == "1: 1 parked, 0 waiting"
        assert await talk(scene, "c+", "c") == ("continued", lease.worker)


async def test_a_switch_to_processes_closes_what_is_parked_and_lets_answers_end() -> None:
    async with open_warm(size=3) as scene:
        _, worker = await talk(scene, "c")
        async with scene.pool.lease(PROFILE) as lease:
            assert lease.worker is worker
            scene.pool.apply(Limits(3))
            lease.keep("d")
        await settle()
        assert worker.is_closed
        assert str(scene) == "3: 3 raw, 0 waiting"


async def test_a_switch_to_warm_in_the_middle_of_an_answer_keeps_its_worker() -> None:
    async with open_scene(2) as scene:
        async with scene.pool.lease(PROFILE) as lease:
            assert lease.way == "process"
            scene.pool.apply(Limits(2, isolation="warm"))
            lease.keep("c")
        await settle()
        assert await talk(scene, "d", "c") == ("continued", lease.worker)


async def test_after_a_renewal_nothing_goes_on() -> None:
    async with open_warm(size=3) as scene:
        _, parked = await talk(scene, "c")
        async with scene.pool.lease(OTHER) as lease:
            scene.pool.renew("another account")
            lease.keep("d")
        await settle()
        assert parked.is_closed
        assert lease.worker.is_closed
        assert str(scene) == "3: 3 raw, 0 waiting"


async def test_after_ten_idle_minutes_one_worker_is_left() -> None:
    async with open_warm(size=3) as scene:
        await talk(scene, "c")
        await scene.clock.advance(600)
        assert str(scene) == "3: 1 raw, 0 waiting"


async def test_who_comes_with_a_new_prompt_is_not_passed_by_those_who_keep_the_worker_busy() -> None:
    async with open_warm(size=1) as scene:
        order: list[str] = []

        async def ask(name: str, profile: object) -> None:
            async with scene.pool.lease(profile) as lease:  # type: ignore[arg-type] # a profile
                order.append(name)
                await settle()
                lease.keep(None)

        tasks = []
        for name, profile in (("a", PROFILE), ("b", OTHER), ("c", PROFILE), ("d", PROFILE)):
            tasks.append(asyncio.create_task(ask(name, profile)))
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
        assert order == ["a", "b", "c", "d"]
