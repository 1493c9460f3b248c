"""The laws of the pool, seen in what it says of itself while a test moves the clock."""

import asyncio
import contextvars
import logging

import pytest

from server.backoff import Backoff
from server.errors import (
    CliFailed,
    CliMissing,
    QueueFull,
    QueueTimeout,
    ShuttingDown,
    SignInNeeded,
    WorkerDied,
)
from server.pool.pool import Pool
from server.pool.types import Limits
from server.status import PoolStatus
from tests.server.pool.scene import PROFILE, FakeClock, FakeWorker, Yard, open_scene, settle

# Booting and lending.


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


async def test_a_lease_lends_a_worker_and_retires_it_at_its_end() -> None:
    async with open_scene() as scene:
        caller = await scene.caller()
        assert str(scene) == "3: 2 raw, 1 answering, 0 waiting"
        assert caller.lease is not None
        assert caller.lease.worker is scene.yard.workers[0]
        assert caller.lease.way == "process"
        await caller.leave()
        assert str(scene) == "3: 3 raw, 0 waiting"
        assert scene.yard.workers[0].is_closed


async def test_each_conversation_has_a_process_of_its_own() -> None:
    async with open_scene(size=2) as scene:
        seen: list[FakeWorker] = []
        for _ in range(5):
            caller = await scene.caller()
            assert caller.lease is not None
            seen.append(caller.lease.worker)
            await caller.leave()
        assert len(set(seen)) == 5


async def test_a_lease_whose_body_fails_gives_its_worker_back_and_hands_the_error_on() -> None:
    async with open_scene(size=1) as scene:
        with pytest.raises(WorkerDied):
            async with scene.pool.lease(PROFILE):
                raise WorkerDied
        await settle()
        assert str(scene) == "1: 1 raw, 0 waiting"


async def test_closing_does_not_hold_the_caller_up_and_counts_in_the_cap() -> None:
    async with open_scene(size=1, yard=Yard(closes_at_once=False)) as scene:
        first = await scene.caller()
        await first.leave()
        assert first.task.done()
        second = await scene.caller()
        assert str(scene) == "1: 1 closing, 1 waiting"
        scene.yard.workers[0].may_close.set()
        await settle()
        assert second.lease is not None
        assert str(scene) == "1: 1 answering, 0 waiting"
        assert scene.yard.most_alive == 1


# Boots yield to answers.


async def test_spares_wait_for_the_first_token() -> None:
    async with open_scene(size=2) as scene:
        first, second = await scene.caller(), await scene.caller()
        assert second.lease is not None
        await first.leave()
        assert str(scene) == "2: 1 answering, 0 waiting"
        second.lease.first_token()
        await settle()
        assert str(scene) == "2: 1 raw, 1 answering, 0 waiting"


async def test_spares_wait_5_s_for_a_first_token_and_no_longer() -> None:
    async with open_scene(size=2) as scene:
        first, _ = await scene.caller(), await scene.caller()
        await first.leave()
        await scene.clock.advance(4.9)
        assert str(scene) == "2: 1 answering, 0 waiting"
        await scene.clock.advance(0.1)
        assert str(scene) == "2: 1 raw, 1 answering, 0 waiting"


async def test_a_boot_that_somebody_waits_for_does_not_yield() -> None:
    async with open_scene(size=2) as scene:
        first, _, third = await scene.caller(), await scene.caller(), await scene.caller()
        assert str(scene) == "2: 2 answering, 1 waiting"
        await first.leave()
        assert third.lease is not None


# Waiting.


async def test_who_waits_is_served_in_the_order_of_arrival() -> None:
    async with open_scene(size=1) as scene:
        callers = [await scene.caller() for _ in range(4)]
        for served, caller in enumerate(callers):
            assert [other.lease is not None for other in callers] == [True] * (served + 1) + [False] * (3 - served)
            await caller.leave()


async def test_one_more_than_may_wait_is_refused_at_once_and_the_others_keep_their_place() -> None:
    async with open_scene(size=1, max_waiting=2) as scene:
        first, second, _, refused = [await scene.caller() for _ in range(4)]
        assert isinstance(refused.outcome, QueueFull)
        assert refused.outcome.retry_after_s > 0
        assert str(scene) == "1: 1 answering, 2 waiting"
        await first.leave()
        assert second.lease is not None


async def test_where_nobody_may_wait_a_free_worker_is_still_lent() -> None:
    async with open_scene(size=1, max_waiting=0) as scene:
        first, second = await scene.caller(), await scene.caller()
        assert first.lease is not None
        assert isinstance(second.outcome, QueueFull)


async def test_who_waits_for_no_more_than_a_boot_is_not_counted_among_those_who_wait() -> None:
    async with open_scene(size=2, max_waiting=1, yard=Yard(boots_at_once=False)) as scene:
        callers = [await scene.caller() for _ in range(4)]
        assert [isinstance(caller.outcome, QueueFull) for caller in callers] == [False, False, False, True]
        for worker in range(2):
            scene.yard.workers[worker].up.set()
            await settle()
        assert str(scene) == "2: 2 answering, 1 waiting"
        assert isinstance((await scene.caller()).outcome, QueueFull)


async def test_who_has_waited_too_long_is_told_when_to_come_again() -> None:
    async with open_scene(size=1, queue_timeout_s=30) as scene:
        await scene.caller()
        late = await scene.caller()
        await scene.clock.advance(29.9)
        assert str(scene) == "1: 1 answering, 1 waiting"
        await scene.clock.advance(0.1)
        assert isinstance(late.outcome, QueueTimeout)
        assert late.outcome.retry_after_s > 0
        assert str(scene) == "1: 1 answering, 0 waiting"


async def test_a_cancelled_waiter_gives_its_place_back() -> None:
    async with open_scene(size=1, max_waiting=1) as scene:
        first, gone = await scene.caller(), await scene.caller()
        await gone.vanish()
        assert str(scene) == "1: 1 answering, 0 waiting"
        next_one = await scene.caller()
        await first.leave()
        assert next_one.lease is not None


async def test_a_place_is_free_in_the_instant_of_the_cancellation() -> None:
    """The cancelled task has not run yet, and must count neither as waiting nor as somebody to grant a worker to."""
    async with open_scene(size=1) as scene:
        await scene.caller()
        gone = await scene.caller()
        gone.task.cancel()
        assert str(scene) == "1: 1 answering, 0 waiting"
        await settle()


async def test_who_leaves_in_the_instant_of_the_grant_gives_the_worker_back_untouched() -> None:
    async with open_scene(size=1, yard=Yard(boots_at_once=False)) as scene:
        gone, next_one = await scene.caller(), await scene.caller()

        # Called in the very step that grants, before the caller can wake up.
        def vanish_when_granted(status: PoolStatus) -> None:
            if status.answering:
                gone.task.cancel()

        scene.ear.hook = vanish_when_granted
        scene.yard.workers[0].up.set()
        await settle()
        assert gone.lease is None
        assert next_one.lease is not None
        assert next_one.lease.worker is scene.yard.workers[0]
        assert scene.pool.status().ways == (("process", 1),)


# Death.


async def test_a_dead_spare_is_noticed_and_replaced() -> None:
    async with open_scene(size=2) as scene:
        await scene.clock.advance(60)
        scene.yard.workers[0].dead.set()
        await settle()
        assert str(scene) == "2: 2 raw, 0 waiting"
        assert scene.yard.workers[0].is_closed
        caller = await scene.caller()
        assert caller.lease is not None
        assert caller.lease.worker is scene.yard.workers[1]


async def test_spares_that_die_after_every_boot_are_not_a_crash_loop() -> None:
    async with open_scene(size=3) as scene:
        for _ in range(600):
            for worker in scene.yard.workers:
                worker.dead.set()
            await scene.clock.advance(1)
        assert len(scene.yard.workers) < 60
        assert isinstance(scene.pool.status().trouble, str)


async def test_a_worker_that_dies_in_the_instant_of_its_grant_is_not_handed_over() -> None:
    async with open_scene(size=1, yard=Yard(boots_at_once=False)) as scene:
        gone, caller = await scene.caller(), await scene.caller()
        doomed = scene.yard.workers[0]

        # It goes from one who leaves to the next just when its death becomes known.
        def vanish_when_granted(status: PoolStatus) -> None:
            if status.answering:
                gone.task.cancel()

        scene.ear.hook = vanish_when_granted
        scene.yard.boots_at_once = True
        doomed.dead.set()
        doomed.up.set()
        await settle()
        assert str(scene) == "1: 1 waiting, problem CliFailed"
        await scene.clock.advance(1)
        assert caller.lease is not None
        assert caller.lease.worker is not doomed


async def test_a_worker_that_dies_while_it_answers_is_retired_by_its_lease() -> None:
    async with open_scene(size=1) as scene:
        caller = await scene.caller()
        scene.yard.workers[0].dead.set()
        await settle()
        assert str(scene) == "1: 1 answering, 0 waiting"
        await caller.leave()
        assert str(scene) == "1: 1 raw, 0 waiting"


async def test_the_retry_of_a_request_whose_worker_died_goes_before_all_who_wait() -> None:
    async with open_scene(size=1, max_waiting=2) as scene:
        died = await scene.caller()
        waiting = [await scene.caller(), await scene.caller()]
        scene.yard.workers[0].dead.set()
        await settle()
        retry = await scene.caller(first_in_line=True)
        await died.leave()
        assert retry.lease is not None
        assert retry.lease.worker is scene.yard.workers[1]
        assert str(scene) == "1: 1 answering, 2 waiting"
        await retry.leave()
        assert waiting[0].lease is not None


async def test_two_retries_keep_their_order() -> None:
    async with open_scene(size=1) as scene:
        first = await scene.caller()
        await scene.caller()
        retries = [await scene.caller(first_in_line=True), await scene.caller(first_in_line=True)]
        await first.leave()
        assert [retry.lease is not None for retry in retries] == [True, False]


# Boots that fail.


@pytest.mark.parametrize("error", [CliMissing(), SignInNeeded()])
async def test_a_missing_cli_or_sign_in_is_told_to_who_waits_at_once(error: CliMissing | SignInNeeded) -> None:
    async with open_scene(yard=Yard(boots_at_once=False, always_fails=error)) as scene:
        callers = [await scene.caller(), await scene.caller()]
        scene.yard.workers[0].up.set()
        await settle()
        assert [type(caller.outcome) for caller in callers] == [type(error)] * 2
        assert callers[0].outcome is not callers[1].outcome
        assert str(callers[0].outcome) == str(error)
        assert scene.pool.status().trouble == str(error)
        assert str(scene) == f"3: 0 waiting, problem {type(error).__name__}"


async def test_a_request_in_the_back_off_fails_at_once_and_boots_nothing() -> None:
    async with open_scene(yard=Yard(always_fails=CliMissing())) as scene:
        born = len(scene.yard.workers)
        caller = await scene.caller()
        assert isinstance(caller.outcome, CliMissing)
        assert len(scene.yard.workers) == born


async def test_a_missing_cli_is_not_a_crash_loop() -> None:
    async with open_scene(yard=Yard(always_fails=CliMissing())) as scene:
        await scene.clock.advance(3600)
        assert 10 < len(scene.yard.workers) < 80
        assert scene.yard.most_alive == 1


async def test_when_the_cli_is_back_the_pool_finds_it_by_itself() -> None:
    async with open_scene(yard=Yard(always_fails=CliMissing())) as scene:
        await scene.clock.advance(20)
        scene.yard.always_fails = None
        await scene.clock.advance(60)
        assert str(scene) == "3: 3 raw, 0 waiting"
        assert scene.pool.status().trouble is None


async def test_new_settings_try_a_boot_at_once() -> None:
    async with open_scene(yard=Yard(always_fails=CliMissing())) as scene:
        await scene.clock.advance(300)
        scene.yard.always_fails = None
        scene.pool.apply(Limits(size=2))
        await settle()
        assert str(scene) == "2: 2 raw, 0 waiting"


async def test_one_failed_boot_is_a_hiccup_for_who_waits() -> None:
    async with open_scene(yard=Yard(failures=[CliFailed("it ended")])) as scene:
        assert str(scene) == "3: 0 waiting, problem CliFailed"
        caller = await scene.caller()
        assert str(scene) == "3: 1 waiting, problem CliFailed"
        await scene.clock.advance(1)
        assert caller.lease is not None
        assert scene.pool.status().trouble is None


async def test_several_failed_boots_are_told_to_who_waits() -> None:
    async with open_scene(yard=Yard(always_fails=CliFailed("it ended"))) as scene:
        caller = await scene.caller()
        await scene.clock.advance(1)
        assert isinstance(caller.outcome, CliFailed)
        late = await scene.caller()
        assert isinstance(late.outcome, CliFailed)


async def test_boots_that_fail_together_are_one_failure() -> None:
    async with open_scene(size=3) as scene:
        callers = [await scene.caller() for _ in range(3)]
        waiting = [await scene.caller() for _ in range(3)]
        scene.yard.failures = [CliFailed(), CliFailed(), CliFailed()]
        for caller in callers:
            caller._go.set()
        await settle()
        assert str(scene) == "3: 3 waiting, problem CliFailed"
        await scene.clock.advance(1)
        assert [caller.lease is not None for caller in waiting] == [True, True, True]


async def test_what_nobody_expected_of_a_boot_is_logged_and_told_without_its_words(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_scene(yard=Yard(always_fails=ValueError("a path in my home"))) as scene:
        caller = await scene.caller()
        await scene.clock.advance(1)
        assert isinstance(caller.outcome, CliFailed)
        assert "my home" not in str(caller.outcome)
    assert any(record.exc_info for record in caplog.records)


async def test_a_worker_that_cannot_even_be_made_is_a_failed_boot() -> None:
    def spawn() -> FakeWorker:
        raise CliMissing

    clock = FakeClock()
    async with Pool(spawn, limits=Limits(), clock=clock, backoff=Backoff(jitter=0)) as pool:
        await settle()
        assert repr(pool) == "<Pool size 3: 0 waiting, problem CliMissing>"


async def test_a_close_that_fails_frees_the_slot(caplog: pytest.LogCaptureFixture) -> None:
    class Stubborn(FakeWorker):
        async def close(self) -> None:
            await super().close()
            raise OSError

    yard = Yard()

    def spawn() -> FakeWorker:
        worker = Stubborn(yard)
        worker.up.set()
        worker.may_close.set()
        return worker

    async with Pool(spawn, limits=Limits(size=1), clock=FakeClock()) as pool:
        await settle()
        async with pool.lease(PROFILE):
            pass
        await settle()
        assert repr(pool) == "<Pool size 1: 1 raw, 0 waiting>"
    assert "did not close cleanly" in caplog.text


# Idle.


async def test_after_ten_idle_minutes_one_spare_is_left_and_demand_brings_the_others_back() -> None:
    async with open_scene() as scene:
        await scene.clock.advance(599)
        assert str(scene) == "3: 3 raw, 0 waiting"
        await scene.clock.advance(1)
        assert str(scene) == "3: 1 raw, 0 waiting"
        caller = await scene.caller()
        assert caller.lease is not None
        caller.lease.first_token()
        await settle()
        assert str(scene) == "3: 2 raw, 1 answering, 0 waiting"


async def test_idle_minutes_begin_when_the_last_answer_ends() -> None:
    async with open_scene() as scene:
        caller = await scene.caller()
        await scene.clock.advance(3000)
        assert str(scene) == "3: 2 raw, 1 answering, 0 waiting"
        await caller.leave()
        await scene.clock.advance(599)
        assert str(scene) == "3: 3 raw, 0 waiting"
        await scene.clock.advance(1)
        assert str(scene) == "3: 1 raw, 0 waiting"


async def test_an_idle_pool_sleeps() -> None:
    """Nothing polls: with one spare and nobody asking, no call is due, ever."""
    async with open_scene() as scene:
        await scene.clock.advance(600)
        assert scene.clock.pending == []


# New limits.


async def test_a_larger_pool_boots_at_once() -> None:
    async with open_scene(size=1) as scene:
        scene.pool.apply(Limits(size=3))
        await settle()
        assert str(scene) == "3: 3 raw, 0 waiting"


async def test_a_smaller_pool_closes_idle_ones_and_never_an_answer() -> None:
    async with open_scene(size=3) as scene:
        callers = [await scene.caller(), await scene.caller()]
        scene.pool.apply(Limits(size=1))
        await settle()
        assert str(scene) == "1: 2 answering, 0 waiting"
        await callers[0].leave()
        assert str(scene) == "1: 1 answering, 0 waiting"
        await callers[1].leave()
        assert str(scene) == "1: 1 raw, 0 waiting"


async def test_a_boot_that_is_not_wanted_any_more_is_let_finish_and_then_closed() -> None:
    async with open_scene(size=2, yard=Yard(boots_at_once=False)) as scene:
        scene.yard.workers[0].up.set()
        await settle()
        scene.pool.apply(Limits(size=1))
        await settle()
        assert str(scene) == "1: 1 raw, 1 closing, 0 waiting"
        assert not scene.yard.workers[1].closes
        scene.yard.workers[1].up.set()
        await settle()
        assert str(scene) == "1: 1 raw, 0 waiting"


async def test_a_new_time_out_holds_for_who_waits_already() -> None:
    async with open_scene(size=1) as scene:
        await scene.caller()
        waiting = await scene.caller()
        await scene.clock.advance(10)
        scene.pool.apply(Limits(size=1, queue_timeout_s=5))
        await settle()
        assert isinstance(waiting.outcome, QueueTimeout)


# The end.


async def test_the_end_closes_every_worker_and_refuses_who_waits_or_comes_later() -> None:
    async with open_scene(size=1) as scene:
        answering, waiting = await scene.caller(), await scene.caller()
    assert isinstance(waiting.outcome, ShuttingDown)
    assert answering.outcome is None
    assert repr(scene.pool) == "<Pool size 1: 0 waiting>"
    late = await scene.caller()
    assert isinstance(late.outcome, ShuttingDown)


async def test_the_end_breaks_boots_off() -> None:
    async with open_scene(yard=Yard(boots_at_once=False)) as scene:
        assert str(scene) == "3: 1 booting, 0 waiting"
    assert scene.yard.workers[0].is_closed
    assert scene.pool.status().trouble is None


async def test_a_boot_that_is_broken_off_before_it_began_leaves_nothing() -> None:
    """A task that is cancelled before its first step runs nothing of its own, no handler either."""
    yard = Yard()
    pool = Pool(yard.spawn, limits=Limits(size=1), clock=FakeClock())
    await pool.__aenter__()
    await settle()
    ending = asyncio.create_task(pool.__aexit__(None, None, None))
    await asyncio.sleep(0)
    pool.apply(Limits(size=2))
    assert repr(pool) == "<Pool size 2: 1 booting, 1 raw, 0 waiting>"
    await ending
    assert repr(pool) == "<Pool size 2: 0 waiting>"
    assert len(yard.workers) == 1


async def test_the_end_is_bounded_when_a_worker_does_not_close(caplog: pytest.LogCaptureFixture) -> None:
    yard, clock = Yard(closes_at_once=False), FakeClock()
    pool = Pool(yard.spawn, limits=Limits(size=1), clock=clock, close_timeout_s=10)
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


async def test_an_end_that_is_cancelled_still_closes_every_worker() -> None:
    yard = Yard(closes_at_once=False)
    pool = Pool(yard.spawn, limits=Limits(size=1), clock=FakeClock())
    await pool.__aenter__()
    await settle()
    ending = asyncio.create_task(pool.__aexit__(None, None, None))
    await settle()
    ending.cancel()
    await settle()
    assert not ending.done()
    yard.workers[0].may_close.set()
    await settle()
    assert ending.cancelled()
    assert yard.alive == 0


# What it tells.


async def test_the_status_counts_what_the_processes_do() -> None:
    async with open_scene() as scene:
        for _ in range(2):
            await (await scene.caller()).leave()
        await scene.caller()
        status = scene.pool.status()
        assert status == PoolStatus(size=3, ready=2, raw=2, answering=1, ways=(("process", 3),))
        assert scene.ear.heard[-1] == status
        assert all(before != after for before, after in zip(scene.ear.heard, scene.ear.heard[1:], strict=False))


async def test_the_log_tells_a_workers_life_and_only_leasing_is_the_requests_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A boot that a request happens to start serves another one: it must not be found under the first one's id."""
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="-")
    lines: list[tuple[str, str]] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append((request.get(), record.getMessage()))

    logger = logging.getLogger("server.pool")
    listener = Listener()
    logger.addHandler(listener)
    caplog.set_level(logging.INFO, logger="server.pool")
    try:
        async with open_scene(size=1) as scene:
            request.set("req-1")
            await (await scene.caller()).leave()
            request.set("-")
    finally:
        logger.removeHandler(listener)
    assert [(where, " ".join(line.split()[:3])) for where, line in lines] == [
        ("-", "worker 1 booted"),
        ("req-1", "worker 1 leased,"),
        ("req-1", "worker 1 retired:"),
        ("-", "worker 2 booted"),
        ("-", "worker 2 retired:"),
    ]
