"""Model routing, retries and failures, with workers that follow scripts."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, cast

import pytest

from server.answering import Answering
from server.answering.circuit_breaker import FAILURES, FIRST_S, CircuitBreaker
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.events import Event, Failed, Finished, PartDelta, PartStarted, Started, StopReason
from server.conversation.fingerprint import conversation_key
from server.conversation.models import ModelCard
from server.conversation.parts import Message, Text
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.errors import (
    AnswerCut,
    DrawbridgeError,
    ModelUnknown,
    PermissionRefused,
    SignInNeeded,
    UpstreamDown,
    UpstreamRefused,
    UsageLimit,
    WorkerDied,
)
from server.pool.lease import Lease, LeaseResult
from server.pool.pool import Pool
from server.pool.types import Way

CARDS = (
    ModelCard("default", "claude-opus-5-5", "Default"),
    ModelCard("opus", "claude-opus-5-5", "Opus", efforts=("low", "medium", "high")),
    ModelCard("sonnet", "claude-sonnet-5-5", "Sonnet", efforts=("low", "high")),
)
REQUEST = ModelRequest((Message("user", (Text("hi"),)),), model="sonnet")
WHOLE: list[Event | DrawbridgeError] = [Started("claude-sonnet-5-5"), PartDelta(0, "a"), Finished(StopReason.END)]


class ScriptedPool:
    """A pool with one scripted worker, a script for each lease; it records the leases."""

    def __init__(self, *scripts: list[Event | DrawbridgeError]) -> None:
        self.scripts = list(scripts)
        self.first_in_line: list[bool] = []
        self.settings: list[ModelSettings] = []
        self.keys: list[str | None] = []
        self.profiles: list[Profile] = []
        self.held: list[int] = []
        self.patience: list[bool] = []
        self.results: list[LeaseResult] = []
        self.leased = 0
        self.checks = 0
        self.closed = 0
        self.way: Way = "process"
        self.is_at_rest = False
        self.stops = True
        self.is_alive = True
        self.needs_replacement = False

    async def retire_unresponsive(self) -> None:
        self.checks += 1

    @asynccontextmanager
    async def lease(
        self, profile: Profile, *, conversation_key: str | None = None, first_in_line: bool = False
    ) -> AsyncIterator[object]:
        self.profiles.append(profile)
        self.first_in_line.append(first_in_line)
        self.keys.append(conversation_key)
        self.leased += 1
        lease: Lease[ScriptedPool] = Lease(self, self.way, on_first_token=lambda: None)
        try:
            yield lease
        finally:
            self.leased -= 1
            self.results.append(lease.result)

    async def settle(self) -> bool:
        self.is_at_rest = self.is_at_rest or self.stops
        return self.is_at_rest

    async def ask(
        self,
        profile: Profile,
        settings: ModelSettings,
        messages: tuple[Message, ...],
        *,
        held: int = 0,
        is_patient: bool = False,
    ) -> AsyncGenerator[Event, None]:
        self.patience.append(is_patient)
        self.settings.append(settings)
        self.held.append(held)
        self.is_at_rest = False
        try:
            for step in self.scripts.pop(0):
                await asyncio.sleep(0)
                if isinstance(step, DrawbridgeError):
                    raise step
                self.is_at_rest = isinstance(step, Finished)
                yield step
        finally:
            self.closed += 1


def answering(pool: ScriptedPool, config: Config | None = None, breaker: CircuitBreaker | None = None) -> Answering:
    in_force = config or Config()
    return Answering(pool=cast("Pool[Worker]", pool), config=lambda: in_force, cards=lambda: CARDS, breaker=breaker)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The recorded delays between attempts; nothing really waits."""
    slept: list[float] = []
    really = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            slept.append(seconds)
        await really(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


async def events_of(pool: ScriptedPool, request: ModelRequest = REQUEST) -> list[Event]:
    return [event async for event in answering(pool).stream(request)]


async def test_the_events_carry_the_way_and_the_times() -> None:
    started, _, finished = await events_of(ScriptedPool(WHOLE))
    assert isinstance(started, Started)
    assert started.way == "process"
    assert isinstance(finished, Finished)
    assert 0 <= finished.timings.leased_ms <= finished.timings.first_ms <= finished.timings.total_ms


async def test_a_worker_that_dies_before_the_first_event_is_replaced_once_and_first_in_line() -> None:
    pool = ScriptedPool([WorkerDied()], WHOLE)
    assert len(await events_of(pool)) == 3
    assert pool.first_in_line == [False, True]
    assert pool.leased == 0


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


async def test_closing_the_stream_closes_the_answer_and_returns_the_worker() -> None:
    pool = ScriptedPool(WHOLE)
    events = answering(pool).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert (pool.leased, pool.closed) == (0, 1)


MODELS: list[tuple[str, dict[str, Any], str | None]] = [
    ("", {}, "sonnet"),
    ("opus", {}, "opus"),
    ("default", {}, None),
    ("gpt-4o-mini", {}, "sonnet"),
    ("gpt-4o-mini", {"model": "default"}, None),
    ("gpt-4o-mini", {"model": "claude-of-tomorrow"}, "claude-of-tomorrow"),
    ("claude-of-tomorrow", {"strict_models": True}, "claude-of-tomorrow"),
    ("", {"strict_models": True}, "sonnet"),
    ("cc:opus", {"strict_models": True}, "opus"),
    ("cc:default", {}, None),
]


@pytest.mark.parametrize(("name", "config", "expected"), MODELS)
async def test_the_model_of_a_name(name: str, config: dict[str, Any], expected: str | None) -> None:
    assert answering(ScriptedPool(), Config(**config)).settings_for(replace(REQUEST, model=name)).model == expected


async def test_strict_names_refuse_an_unknown_one() -> None:
    with pytest.raises(ModelUnknown, match="gpt-4o-mini"):
        answering(ScriptedPool(), Config(strict_models=True)).settings_for(replace(REQUEST, model="gpt-4o-mini"))


EFFORTS: list[tuple[str, ModelSettings, str, str | None]] = [
    ("opus-high", ModelSettings(), "opus", "high"),
    ("cc:opus-low", ModelSettings(), "opus", "low"),
    ("opus-high", ModelSettings(effort="low"), "opus", "low"),
    ("opus-high", ModelSettings(thinks=False), "opus", None),
    ("gpt-5-high", ModelSettings(), "sonnet", "high"),
    ("gpt-4o-mini", ModelSettings(), "sonnet", None),
]


@pytest.mark.parametrize(("name", "settings", "model", "effort"), EFFORTS)
async def test_the_effort_of_the_model_name_holds_unless_the_request_has_one(
    name: str, settings: ModelSettings, model: str, effort: str | None
) -> None:
    found = answering(ScriptedPool()).settings_for(replace(REQUEST, model=name, settings=settings))
    assert (found.model, found.effort) == (model, effort)


async def test_the_effort_of_the_default_models_name_holds_where_no_other_is_given() -> None:
    config = Config(model="opus-low")
    requests = [replace(REQUEST, model=name) for name in ("", "gpt-4o-mini", "gpt-5-high", "sonnet")]
    found = [answering(ScriptedPool(), config).settings_for(request) for request in requests]
    assert [(one.model, one.effort) for one in found] == [
        ("opus", "low"),
        ("opus", "low"),
        ("opus", "high"),
        ("sonnet", None),
    ]


async def test_a_whole_answer_parks_the_worker_with_the_conversation_that_the_client_will_send_back() -> None:
    pool = ScriptedPool(
        [Started("m"), PartStarted(0, Text("")), PartDelta(0, "Hel"), PartDelta(0, "lo"), Finished(StopReason.END)]
    )
    await events_of(pool)
    messages = (*REQUEST.messages, Message("assistant", (Text("Hello"),)))
    assert pool.results == [LeaseResult(is_kept=True, conversation_key=conversation_key(messages, model="sonnet"))]
    assert pool.keys == [None]


async def test_a_continued_conversation_is_leased_by_its_key_and_sends_only_the_new_message() -> None:
    pool = ScriptedPool(WHOLE)
    pool.way = "continued"
    history = (*REQUEST.messages, Message("assistant", (Text(" Hello "),)))
    await events_of(pool, replace(REQUEST, messages=(*history, *REQUEST.messages)))
    assert pool.keys == [conversation_key(history, model="sonnet")]
    assert pool.held == [2]


async def test_closing_the_stream_stops_the_worker_and_keeps_it_without_a_conversation() -> None:
    pool = ScriptedPool(WHOLE)
    events = answering(pool).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert pool.results == [LeaseResult(is_kept=True, conversation_key=None)]


async def test_a_worker_that_does_not_stop_retires() -> None:
    pool = ScriptedPool(WHOLE)
    pool.stops = False
    events = answering(pool).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert not pool.results[0].is_kept


async def test_a_worker_that_ends_after_its_answer_is_not_parked() -> None:
    """The pool may not have noticed the death yet, and would lease it to the next waiter."""
    pool = ScriptedPool(WHOLE)
    events = answering(pool).stream(REQUEST)
    while not isinstance(await anext(events), Finished):
        pass
    pool.is_alive = False
    await events.aclose()
    assert not pool.results[0].is_kept


async def test_a_worker_that_has_served_long_enough_retires_after_its_answer() -> None:
    pool = ScriptedPool(WHOLE)
    pool.needs_replacement = True
    await events_of(pool)
    assert not pool.results[0].is_kept


async def test_where_each_conversation_has_its_own_process_no_worker_is_kept() -> None:
    pool = ScriptedPool(WHOLE)
    pool.stops = False
    events = answering(pool, Config(isolation="process")).stream(REQUEST)
    await anext(events)
    await events.aclose()
    assert not pool.results[0].is_kept


TITLE = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Guidelines:"


async def test_a_background_request_does_not_match_a_conversation_and_is_not_parked() -> None:
    pool = ScriptedPool(WHOLE, WHOLE)
    pool.is_at_rest = True
    service = answering(pool, Config(isolation="warm"))
    title = replace(REQUEST, messages=(Message("user", (Text(TITLE),)),))
    for request in (title, REQUEST):
        async for _ in service.stream(request):
            pass
    background, ordinary = pool.profiles
    assert background != REQUEST.profile == ordinary
    assert pool.keys[0] is None
    assert [(result.is_kept, result.conversation_key is None) for result in pool.results] == [
        (True, True),
        (True, False),
    ]


async def test_only_background_requests_get_the_housekeeping_model() -> None:
    title = replace(REQUEST, messages=(Message("user", (Text(TITLE),)),), model="cc:opus-high")
    config = Config(housekeeping_model="sonnet-low", strict_models=True)
    found = [
        answering(ScriptedPool(), config).settings_for(request) for request in (title, replace(REQUEST, model="opus"))
    ]
    assert [(one.model, one.effort) for one in found] == [("sonnet", "low"), ("opus", None)]
    assert answering(ScriptedPool()).settings_for(title).model == "opus"


async def test_the_next_worker_is_not_prepared_for_a_background_request() -> None:
    pool = ScriptedPool(WHOLE)
    service = answering(pool, Config(housekeeping_model="opus"))
    async for _ in service.stream(replace(REQUEST, messages=(Message("user", (Text(TITLE),)),))):
        pass
    assert pool.settings[0].model == "opus"
    assert service.likely.model == "sonnet"
