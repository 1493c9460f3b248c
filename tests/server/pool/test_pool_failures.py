"""The pool with workers that die, hang or do not boot."""

import pytest

from server.backoff import Backoff
from server.errors import CliFailed, CliMissing, SignInNeeded
from server.pool.pool import Pool
from server.pool.types import Limits
from server.status import PoolStatus
from tests.server.pool.harness import PROFILE, FakeClock, FakeWorker, WorkerFactory, open_pool, settle

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
