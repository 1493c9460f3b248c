import asyncio

from tests.server.pool.scene import Yard, open_scene, settle


async def test_one_boots_first_and_then_the_rest() -> None:
    async with open_scene(yard=Yard(boots_at_once=False)) as scene:
        assert str(scene) == "3: 1 booting, 0 waiting"
        scene.yard.workers[0].up.set()
        await settle()
        assert str(scene) == "3: 2 booting, 1 raw, 0 waiting"
        for worker in scene.yard.workers:
            worker.up.set()
        await settle()
        assert str(scene) == "3: 3 raw, 0 waiting"


async def test_basic() -> None:
    async with open_scene() as scene:
        caller = await scene.caller()
        assert str(scene) == "3: 2 raw, 1 answering, 0 waiting"
        await caller.leave()
        assert str(scene) == "3: 3 raw, 0 waiting"
