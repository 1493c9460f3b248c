"""Retries, the fallback model and the circuit breaker, with workers that follow scripts."""

from contextlib import suppress
from dataclasses import replace

import pytest

from server.answering.circuit_breaker import FAILURES, FIRST_S, CircuitBreaker
from server.config import Config
from server.conversation.events import Event, Failed, Finished, Started
from server.conversation.request import ModelSettings
from server.errors import (
    AnswerCut,
    DrawbridgeError,
    PermissionRefused,
    SignInNeeded,
    UpstreamDown,
    UpstreamRefused,
    UsageLimit,
    WorkerDied,
)
from tests.server.answering.scene import REQUEST, WHOLE, ScriptedPool, answering, events_of


async def test_the_events_carry_the_way_and_the_times() -> None:
    started, _, finished = await events_of(ScriptedPool(WHOLE))
    assert isinstance(started, Started)
    assert started.way == "process"
    assert isinstance(finished, Finished)
    assert 0 <= finished.timings.leased_ms <= finished.timings.first_ms <= finished.timings.total_ms
    known = started.timings
    assert 0 < known.leased_ms <= known.sent_ms <= known.first_ms == finished.timings.first_ms


async def test_a_worker_that_dies_before_the_first_event_is_replaced_once_and_first_in_line() -> None:
    pool = ScriptedPool([WorkerDied()], WHOLE)
    assert len(await events_of(pool)) == 3
    assert pool.first_in_line == [False, True]
    assert pool.leased == 0
    # Other workers may hang for the same reason: the second attempt must not get one of them.
    assert pool.checks == 1


async def test_workers_are_not_checked_before_a_first_attempt() -> None:
    pool = ScriptedPool(WHOLE)
    await events_of(pool)
    assert pool.checks == 0


async def test_a_worker_is_replaced_only_once() -> None:
    pool = ScriptedPool([WorkerDied()], [WorkerDied()], WHOLE)
    with pytest.raises(WorkerDied):
        await events_of(pool)
    assert len(pool.scripts) == 1


async def test_a_death_after_the_first_event_is_a_failure_without_a_retry() -> None:
    pool = ScriptedPool([Started("m"), WorkerDied()], WHOLE)
    events = await events_of(pool)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, WorkerDied)
    assert len(pool.scripts) == 1


async def test_a_failure_upstream_before_the_first_event_is_retried_with_back_off(waits: list[float]) -> None:
    pool = ScriptedPool([UpstreamDown()], [UpstreamDown(status=529)], WHOLE)
    assert len(await events_of(pool)) == 3
    assert len(waits) == 2
    assert waits[0] < waits[1]
    # The place was returned meanwhile.
    assert pool.leased == 0


async def test_the_setting_limits_the_retries(waits: list[float]) -> None:
    pool = ScriptedPool([UpstreamDown(status=500)], [UpstreamDown(status=529)], [UpstreamDown(status=503)], WHOLE)
    with pytest.raises(UpstreamDown) as failed:
        await events_of(pool)
    assert failed.value.status == 503
    assert len(waits) == 2


@pytest.mark.parametrize("error", [UsageLimit(), SignInNeeded(), UpstreamRefused(), PermissionRefused(), AnswerCut()])
async def test_other_failures_are_never_retried(error: DrawbridgeError, waits: list[float]) -> None:
    pool = ScriptedPool([error], WHOLE)
    with pytest.raises(type(error)):
        await events_of(pool)
    assert len(pool.scripts) == 1
    assert not waits


async def test_the_fallback_model_answers_at_a_usage_limit(waits: list[float]) -> None:
    pool = ScriptedPool([UsageLimit()], WHOLE)
    service = answering(pool, Config(fallback_model="opus"))
    assert len([event async for event in service.stream(REQUEST)]) == 3
    assert [settings.model for settings in pool.settings] == ["sonnet", "opus"]
    assert not waits


async def test_the_fallback_model_gets_an_effort_that_it_supports() -> None:
    pool = ScriptedPool([UsageLimit(status=429)], WHOLE)
    service = answering(pool, Config(fallback_model="sonnet"))
    request = replace(REQUEST, model="opus", settings=ModelSettings(effort="medium"))
    _ = [event async for event in service.stream(request)]
    assert [settings.effort for settings in pool.settings] == ["medium", "low"]


@pytest.mark.parametrize(
    "script", [[SignInNeeded()], [Started("m"), UpstreamDown(status=529)], [UpstreamRefused(status=400)]]
)
async def test_other_failures_do_not_use_the_fallback_model(script: list[Event | DrawbridgeError]) -> None:
    pool = ScriptedPool(script, WHOLE)
    service = answering(pool, Config(fallback_model="opus"))
    with suppress(SignInNeeded, UpstreamRefused):
        _ = [event async for event in service.stream(REQUEST)]
    assert len(pool.scripts) == 1


async def test_the_requested_model_is_not_its_own_fallback() -> None:
    pool = ScriptedPool([UsageLimit()], WHOLE)
    service = answering(pool, Config(fallback_model="sonnet"))
    with pytest.raises(UsageLimit):
        _ = [event async for event in service.stream(REQUEST)]
    assert len(pool.scripts) == 1


async def test_an_open_circuit_refuses_a_request_without_a_lease_until_the_next_success() -> None:
    pool, breaker = ScriptedPool([SignInNeeded()], WHOLE), CircuitBreaker(lambda: clock)
    clock, service = 0.0, answering(pool, breaker=breaker)
    for _ in range(2):
        with pytest.raises(SignInNeeded):
            _ = [event async for event in service.stream(REQUEST)]
    assert len(pool.first_in_line) == 1
    clock = FIRST_S
    assert len([event async for event in service.stream(REQUEST)]) == 3
    assert breaker.circuits == ()


async def test_a_request_counts_as_one_failure_however_often_it_was_retried(waits: list[float]) -> None:
    breaker = CircuitBreaker()
    for number in range(FAILURES):
        assert breaker.circuits == ()
        pool = ScriptedPool([UpstreamDown()], [WorkerDied()], [UpstreamDown()], [UpstreamDown()])
        with pytest.raises(UpstreamDown):
            _ = [event async for event in answering(pool, breaker=breaker).stream(REQUEST)]
        assert len(waits) == 2 * (number + 1)
    assert len(breaker.circuits) == 1


async def test_an_open_circuit_of_the_model_leads_to_the_fallback_model() -> None:
    pool, breaker = ScriptedPool([UsageLimit(resets_at=2**40)], WHOLE, WHOLE), CircuitBreaker()
    service = answering(pool, Config(fallback_model="opus"), breaker)
    for _ in range(2):
        _ = [event async for event in service.stream(REQUEST)]
    assert [settings.model for settings in pool.settings] == ["sonnet", "opus", "opus"]


async def test_a_probe_that_ends_without_a_result_lets_the_next_request_probe() -> None:
    breaker = CircuitBreaker(lambda: clock)
    clock = 0.0
    breaker.failed("sonnet", SignInNeeded())
    clock = FIRST_S
    service = answering(ScriptedPool([PermissionRefused()], WHOLE), breaker=breaker)
    with pytest.raises(PermissionRefused):
        _ = [event async for event in service.stream(REQUEST)]
    assert len([event async for event in service.stream(REQUEST)]) == 3


async def test_without_the_breaker_every_request_is_sent() -> None:
    pool = ScriptedPool([SignInNeeded()], [SignInNeeded()])
    service = answering(pool, Config(without_breaker=True))
    for _ in range(2):
        with pytest.raises(SignInNeeded):
            _ = [event async for event in service.stream(REQUEST)]
    assert not pool.scripts
