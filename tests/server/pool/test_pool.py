"""The pool, seen in its `repr` and status while the test moves the clock."""

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
from tests.server.pool.harness import PROFILE, FakeClock, FakeWorker, WorkerFactory, open_pool, settle

# Boots and leases.


async def test_one_boots_first_and_then_the_rest() -> None:
    async with open_pool(factory=WorkerFactory(boots_at_once=False)) as harness:
        assert str(harness) == "3: 1 booting, 0 waiting"
        harness.factory.workers[0].up.set()
        await settle()
        assert str(harness) == "3: 2 booting, 1 raw, 0 waiting"
        for worker in harness.factory.workers:
            worker.up.set()
        await settle()
        assert str(harness) == "3: 3 raw, 0 waiting"


async def test_a_worker_is_leased_and_retires_at_the_end() -> None:
    async with open_pool() as harness:
        caller = await harness.caller()
        assert str(harness) == "3: 2 raw, 1 answering, 0 waiting"
        assert caller.lease is not None
        assert caller.lease.worker is harness.factory.workers[0]
        assert caller.lease.way == "process"
        await caller.finish()
        assert str(harness) == "3: 3 raw, 0 waiting"
        assert harness.factory.workers[0].is_closed


async def test_each_conversation_has_its_own_process() -> None:
    async with open_pool(size=2) as harness:
        seen: list[FakeWorker] = []
        for _ in range(5):
            caller = await harness.caller()
            assert caller.lease is not None
            seen.append(caller.lease.worker)
            await caller.finish()
        assert len(set(seen)) == 5


async def test_an_exception_in_a_lease_returns_the_worker_and_is_raised() -> None:
    async with open_pool(size=1) as harness:
        with pytest.raises(WorkerDied):
            async with harness.pool.lease(PROFILE):
                raise WorkerDied
        await settle()
        assert str(harness) == "1: 1 raw, 0 waiting"


async def test_closing_does_not_block_the_caller_and_counts_in_the_size() -> None:
    async with open_pool(size=1, factory=WorkerFactory(closes_at_once=False)) as harness:
        first = await harness.caller()
        await first.finish()
        assert first.task.done()
        second = await harness.caller()
        assert str(harness) == "1: 1 closing, 1 waiting"
        harness.factory.workers[0].may_close.set()
        await settle()
        assert second.lease is not None
        assert str(harness) == "1: 1 answering, 0 waiting"
        assert harness.factory.most_alive == 1


# Boots of spares are deferred.


async def test_spares_wait_for_the_first_token() -> None:
    async with open_pool(size=2) as harness:
        first, second = await harness.caller(), await harness.caller()
        assert second.lease is not None
        await first.finish()
        assert str(harness) == "2: 1 answering, 0 waiting"
        second.lease.first_token()
        await settle()
        assert str(harness) == "2: 1 raw, 1 answering, 0 waiting"


async def test_spares_wait_for_the_first_token_for_5_s_at_most() -> None:
    async with open_pool(size=2) as harness:
        first, _ = await harness.caller(), await harness.caller()
        await first.finish()
        await harness.clock.advance(4.9)
        assert str(harness) == "2: 1 answering, 0 waiting"
        await harness.clock.advance(0.1)
        assert str(harness) == "2: 1 raw, 1 answering, 0 waiting"


async def test_a_boot_for_a_waiter_is_not_deferred() -> None:
    async with open_pool(size=2) as harness:
        first, _, third = await harness.caller(), await harness.caller(), await harness.caller()
        assert str(harness) == "2: 2 answering, 1 waiting"
        await first.finish()
        assert third.lease is not None


# Waiting.


async def test_waiters_are_served_in_the_order_of_arrival() -> None:
    async with open_pool(size=1) as harness:
        callers = [await harness.caller() for _ in range(4)]
        for served, caller in enumerate(callers):
            assert [other.lease is not None for other in callers] == [True] * (served + 1) + [False] * (3 - served)
            await caller.finish()


async def test_a_full_queue_refuses_at_once_and_keeps_the_others() -> None:
    async with open_pool(size=1, max_waiting=2) as harness:
        first, second, _, refused = [await harness.caller() for _ in range(4)]
        assert isinstance(refused.outcome, QueueFull)
        assert refused.outcome.retry_after_s is None
        assert str(harness) == "1: 1 answering, 2 waiting"
        await first.finish()
        assert second.lease is not None


async def test_without_a_queue_a_free_worker_is_still_leased() -> None:
    async with open_pool(size=1, max_waiting=0) as harness:
        first, second = await harness.caller(), await harness.caller()
        assert first.lease is not None
        assert isinstance(second.outcome, QueueFull)


async def test_a_waiter_for_a_boot_does_not_count_in_the_queue() -> None:
    async with open_pool(size=2, max_waiting=1, factory=WorkerFactory(boots_at_once=False)) as harness:
        callers = [await harness.caller() for _ in range(4)]
        assert [isinstance(caller.outcome, QueueFull) for caller in callers] == [False, False, False, True]
        for worker in range(2):
            harness.factory.workers[worker].up.set()
            await settle()
        assert str(harness) == "2: 2 answering, 1 waiting"
        assert isinstance((await harness.caller()).outcome, QueueFull)


async def test_a_waiter_times_out() -> None:
    async with open_pool(size=1, queue_timeout_s=30) as harness:
        await harness.caller()
        late = await harness.caller()
        await harness.clock.advance(29.9)
        assert str(harness) == "1: 1 answering, 1 waiting"
        await harness.clock.advance(0.1)
        assert isinstance(late.outcome, QueueTimeout)
        assert str(harness) == "1: 1 answering, 0 waiting"


async def test_a_cancelled_waiter_frees_its_place() -> None:
    async with open_pool(size=1, max_waiting=1) as harness:
        first, cancelled = await harness.caller(), await harness.caller()
        await cancelled.cancel()
        assert str(harness) == "1: 1 answering, 0 waiting"
        next_caller = await harness.caller()
        await first.finish()
        assert next_caller.lease is not None


async def test_a_place_is_free_at_the_instant_of_the_cancellation() -> None:
    """The cancelled task has not run yet; it must not count as waiting, nor be granted a worker."""
    async with open_pool(size=1) as harness:
        await harness.caller()
        cancelled = await harness.caller()
        cancelled.task.cancel()
        assert str(harness) == "1: 1 answering, 0 waiting"
        await settle()


async def test_a_cancellation_at_the_instant_of_the_grant_returns_the_worker_untouched() -> None:
    async with open_pool(size=1, factory=WorkerFactory(boots_at_once=False)) as harness:
        cancelled, next_caller = await harness.caller(), await harness.caller()

        # Called in the step that grants, before the caller can resume.
        def cancel_when_granted(status: PoolStatus) -> None:
            if status.answering:
                cancelled.task.cancel()

        harness.recorder.hook = cancel_when_granted
        harness.factory.workers[0].up.set()
        await settle()
        assert cancelled.lease is None
        assert next_caller.lease is not None
        assert next_caller.lease.worker is harness.factory.workers[0]
        assert harness.pool.status().ways == (("process", 1),)


# Death.


async def test_a_dead_spare_is_noticed_and_replaced() -> None:
    async with open_pool(size=2) as harness:
        await harness.clock.advance(60)
        harness.factory.workers[0].dead.set()
        await settle()
        assert str(harness) == "2: 2 raw, 0 waiting"
        assert harness.factory.workers[0].is_closed
        caller = await harness.caller()
        assert caller.lease is not None
        assert caller.lease.worker is harness.factory.workers[1]


async def test_spares_that_die_after_every_boot_are_not_a_crash_loop() -> None:
    async with open_pool(size=3) as harness:
        for _ in range(600):
            for worker in harness.factory.workers:
                worker.dead.set()
            await harness.clock.advance(1)
        assert len(harness.factory.workers) < 60
        assert isinstance(harness.pool.status().trouble, str)


async def test_a_worker_that_dies_at_the_instant_of_its_grant_is_not_leased() -> None:
    async with open_pool(size=1, factory=WorkerFactory(boots_at_once=False)) as harness:
        cancelled, caller = await harness.caller(), await harness.caller()
        dead_worker = harness.factory.workers[0]

        # The worker moves from the cancelled caller to the next one just when its death becomes known.
        def cancel_when_granted(status: PoolStatus) -> None:
            if status.answering:
                cancelled.task.cancel()

        harness.recorder.hook = cancel_when_granted
        harness.factory.boots_at_once = True
        dead_worker.dead.set()
        dead_worker.up.set()
        await settle()
        assert str(harness) == "1: 1 waiting, problem CliFailed"
        await harness.clock.advance(1)
        assert caller.lease is not None
        assert caller.lease.worker is not dead_worker


async def test_a_worker_that_dies_while_it_answers_is_retired_by_its_lease() -> None:
    async with open_pool(size=1) as harness:
        caller = await harness.caller()
        harness.factory.workers[0].dead.set()
        await settle()
        assert str(harness) == "1: 1 answering, 0 waiting"
        await caller.finish()
        assert str(harness) == "1: 1 raw, 0 waiting"


async def test_the_retry_of_a_request_whose_worker_died_goes_before_all_waiters() -> None:
    async with open_pool(size=1, max_waiting=2) as harness:
        died = await harness.caller()
        waiting = [await harness.caller(), await harness.caller()]
        harness.factory.workers[0].dead.set()
        await settle()
        retry = await harness.caller(first_in_line=True)
        await died.finish()
        assert retry.lease is not None
        assert retry.lease.worker is harness.factory.workers[1]
        assert str(harness) == "1: 1 answering, 2 waiting"
        await retry.finish()
        assert waiting[0].lease is not None


async def test_two_retries_keep_their_order() -> None:
    async with open_pool(size=1) as harness:
        first = await harness.caller()
        await harness.caller()
        retries = [await harness.caller(first_in_line=True), await harness.caller(first_in_line=True)]
        await first.finish()
        assert [retry.lease is not None for retry in retries] == [True, False]


# Boots that fail.


@pytest.mark.parametrize("error", [CliMissing(), SignInNeeded()])
async def test_a_missing_cli_or_sign_in_fails_all_waiters_at_once(error: CliMissing | SignInNeeded) -> None:
    async with open_pool(factory=WorkerFactory(boots_at_once=False, always_fails=error)) as harness:
        callers = [await harness.caller(), await harness.caller()]
        harness.factory.workers[0].up.set()
        await settle()
        assert [type(caller.outcome) for caller in callers] == [type(error)] * 2
        assert callers[0].outcome is not callers[1].outcome
        assert str(callers[0].outcome) == str(error)
        assert harness.pool.status().trouble == str(error)
        assert str(harness) == f"3: 0 waiting, problem {type(error).__name__}"


async def test_a_request_in_the_back_off_fails_at_once_and_boots_nothing() -> None:
    async with open_pool(factory=WorkerFactory(always_fails=CliMissing())) as harness:
        born = len(harness.factory.workers)
        caller = await harness.caller()
        assert isinstance(caller.outcome, CliMissing)
        assert len(harness.factory.workers) == born


async def test_a_missing_cli_is_not_a_crash_loop() -> None:
    async with open_pool(factory=WorkerFactory(always_fails=CliMissing())) as harness:
        await harness.clock.advance(3600)
        assert 10 < len(harness.factory.workers) < 80
        assert harness.factory.most_alive == 1


async def test_the_pool_recovers_when_the_cli_is_back() -> None:
    async with open_pool(factory=WorkerFactory(always_fails=CliMissing())) as harness:
        await harness.clock.advance(20)
        harness.factory.always_fails = None
        await harness.clock.advance(60)
        assert str(harness) == "3: 3 raw, 0 waiting"
        assert harness.pool.status().trouble is None


async def test_new_settings_try_a_boot_at_once() -> None:
    async with open_pool(factory=WorkerFactory(always_fails=CliMissing())) as harness:
        await harness.clock.advance(300)
        harness.factory.always_fails = None
        harness.pool.apply(Limits(size=2))
        await settle()
        assert str(harness) == "2: 2 raw, 0 waiting"


async def test_waiters_survive_one_failed_boot() -> None:
    async with open_pool(factory=WorkerFactory(failures=[CliFailed("it ended")])) as harness:
        assert str(harness) == "3: 0 waiting, problem CliFailed"
        caller = await harness.caller()
        assert str(harness) == "3: 1 waiting, problem CliFailed"
        await harness.clock.advance(1)
        assert caller.lease is not None
        assert harness.pool.status().trouble is None


async def test_several_failed_boots_fail_the_waiters() -> None:
    async with open_pool(factory=WorkerFactory(always_fails=CliFailed("it ended"))) as harness:
        caller = await harness.caller()
        await harness.clock.advance(1)
        assert isinstance(caller.outcome, CliFailed)
        late = await harness.caller()
        assert isinstance(late.outcome, CliFailed)


async def test_boots_that_fail_together_are_one_failure() -> None:
    async with open_pool(size=3) as harness:
        callers = [await harness.caller() for _ in range(3)]
        waiting = [await harness.caller() for _ in range(3)]
        harness.factory.failures = [CliFailed(), CliFailed(), CliFailed()]
        for caller in callers:
            caller._go.set()
        await settle()
        assert str(harness) == "3: 3 waiting, problem CliFailed"
        await harness.clock.advance(1)
        assert [caller.lease is not None for caller in waiting] == [True, True, True]


async def test_an_unexpected_boot_error_is_logged_and_its_text_is_not_sent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_pool(factory=WorkerFactory(always_fails=ValueError("a path in my home"))) as harness:
        caller = await harness.caller()
        await harness.clock.advance(1)
        assert isinstance(caller.outcome, CliFailed)
        assert "my home" not in str(caller.outcome)
    assert any(record.exc_info for record in caplog.records)


async def test_a_worker_that_cannot_be_created_is_a_failed_boot() -> None:
    def spawn() -> FakeWorker:
        raise CliMissing

    clock = FakeClock()
    async with Pool(spawn, limits=Limits(), clock=clock, backoff=Backoff(jitter=0)) as pool:
        await settle()
        assert repr(pool) == "<Pool size 3: 0 waiting, problem CliMissing>"


async def test_a_close_that_fails_frees_the_slot(caplog: pytest.LogCaptureFixture) -> None:
    class FailingWorker(FakeWorker):
        async def close(self) -> None:
            await super().close()
            raise OSError

    factory = WorkerFactory()

    def spawn() -> FakeWorker:
        worker = FailingWorker(factory)
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


# Status and log.


async def test_the_status_counts_the_workers_by_state() -> None:
    async with open_pool() as harness:
        for _ in range(2):
            await (await harness.caller()).finish()
        await harness.caller()
        status = harness.pool.status()
        assert status == PoolStatus(size=3, ready=2, raw=2, answering=1, ways=(("process", 3),))
        assert harness.recorder.statuses[-1] == status
        assert all(
            before != after
            for before, after in zip(harness.recorder.statuses, harness.recorder.statuses[1:], strict=False)
        )


async def test_only_the_lease_is_logged_under_the_id_of_the_request(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A boot that a request happens to start serves another one, so it is not logged under the first one's id."""
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
        async with open_pool(size=1) as harness:
            request.set("req-1")
            await (await harness.caller()).finish()
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


async def test_idle_workers_that_do_not_respond_are_retired_and_others_kept() -> None:
    async with open_pool(size=3) as harness:
        await settle()
        first, second, third = harness.factory.workers
        first.is_hung = second.is_hung = True
        async with harness.pool.lease(PROFILE) as lease:
            await harness.pool.retire_unresponsive()
            await settle()
            # The leased worker's own request finds out whether it hangs.
            assert (lease.worker.closes, second.closes, third.closes) == (0, 1, 0)
