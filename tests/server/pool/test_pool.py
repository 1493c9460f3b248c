"""The pool, seen in its `repr` and status while the test moves the clock."""

import contextvars
import logging
from dataclasses import replace

import pytest

from server.errors import QueueFull, QueueTimeout, WorkerDied
from server.status import PoolStatus
from tests.server.pool.harness import PROFILE, FakeWorker, WorkerFactory, open_pool, settle

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


# Status and log.


async def test_the_status_counts_the_workers_by_state() -> None:
    async with open_pool() as harness:
        for _ in range(2):
            await (await harness.caller()).finish()
        await harness.caller()
        status = harness.pool.status()
        counts = PoolStatus(size=3, ready=2, raw=2, answering=1, ways=(("process", 3),))
        assert replace(status, workers=()) == counts
        assert sorted(worker.state for worker in status.workers) == ["answering", "raw", "raw"]
        assert len({worker.number for worker in status.workers}) == 3
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
