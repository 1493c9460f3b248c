"""Routing of models, the one retry, and how failures leave, with workers that only act."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, cast

import pytest

from server.answering import Answering
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
TURN = ModelRequest((Message("user", (Text("hi"),)),), model="sonnet")
WHOLE: list[Event | DrawbridgeError] = [Started("claude-sonnet-5-5"), PartDelta(0, "a"), Finished(StopReason.END)]


class Lanes:
    """A pool whose workers follow scripts, one for each lease; it counts what is leased and how."""

    def __init__(self, *scripts: list[Event | DrawbridgeError]) -> None:
        self.scripts = list(scripts)
        self.first_in_line: list[bool] = []
        self.settings: list[ModelSettings] = []
        self.keys: list[str | None] = []
        self.profiles: list[Profile] = []
        self.held: list[int] = []
        self.results: list[LeaseResult] = []
        self.out = 0
        self.closed = 0
        self.way: Way = "process"
        self.rests = False
        self.obeys = True
        self.is_alive = True
        self.is_worn = False

    @asynccontextmanager
    async def lease(
        self, profile: Profile, *, conversation_key: str | None = None, first_in_line: bool = False
    ) -> AsyncIterator[object]:
        self.profiles.append(profile)
        self.first_in_line.append(first_in_line)
        self.keys.append(conversation_key)
        self.out += 1
        lease: Lease[Lanes] = Lease(self, self.way, on_first_token=lambda: None)
        try:
            yield lease
        finally:
            self.out -= 1
            self.results.append(lease.result)

    @property
    def is_at_rest(self) -> bool:
        return self.rests

    async def settle(self) -> bool:
        self.rests = self.rests or self.obeys
        return self.rests

    async def ask(
        self, profile: Profile, settings: ModelSettings, messages: tuple[Message, ...], *, held: int = 0
    ) -> AsyncGenerator[Event, None]:
        self.settings.append(settings)
        self.held.append(held)
        self.rests = False
        try:
            for step in self.scripts.pop(0):
                await asyncio.sleep(0)
                if isinstance(step, DrawbridgeError):
                    raise step
                self.rests = isinstance(step, Finished)
                yield step
        finally:
            self.closed += 1


def answering(lanes: Lanes, config: Config | None = None) -> Answering:
    in_force = config or Config()
    return Answering(pool=cast("Pool[Worker]", lanes), config=lambda: in_force, cards=lambda: CARDS)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long it would have waited between two tries."""
    slept: list[float] = []
    really = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if seconds:
            slept.append(seconds)
        await really(0)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


async def told(lanes: Lanes, turn: ModelRequest = TURN) -> list[Event]:
    return [event async for event in answering(lanes).stream(turn)]


async def test_the_events_carry_the_way_and_the_times() -> None:
    started, _, finished = await told(Lanes(WHOLE))
    assert isinstance(started, Started)
    assert started.way == "process"
    assert isinstance(finished, Finished)
    assert 0 <= finished.timings.leased_ms <= finished.timings.first_ms <= finished.timings.total_ms


async def test_a_worker_that_dies_before_the_first_event_is_replaced_once_and_first_in_line() -> None:
    lanes = Lanes([WorkerDied()], WHOLE)
    assert len(await told(lanes)) == 3
    assert lanes.first_in_line == [False, True]
    assert lanes.out == 0


async def test_it_is_replaced_only_once() -> None:
    lanes = Lanes([WorkerDied()], [WorkerDied()], WHOLE)
    with pytest.raises(WorkerDied):
        await told(lanes)
    assert len(lanes.scripts) == 1


async def test_after_the_first_event_a_death_is_a_failure_and_not_tried_again() -> None:
    lanes = Lanes([Started("m"), WorkerDied()], WHOLE)
    events = await told(lanes)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, WorkerDied)
    assert len(lanes.scripts) == 1


async def test_a_failure_upstream_before_the_first_event_is_tried_again_a_few_times(waits: list[float]) -> None:
    lanes = Lanes([UpstreamDown()], [UpstreamDown(status=529)], WHOLE)
    assert len(await told(lanes)) == 3
    assert len(waits) == 2
    assert waits[0] < waits[1]
    # The place was given back meanwhile.
    assert lanes.out == 0


async def test_and_no_more_often_than_the_setting_says(waits: list[float]) -> None:
    lanes = Lanes([UpstreamDown(status=500)], [UpstreamDown(status=529)], [UpstreamDown(status=503)], WHOLE)
    with pytest.raises(UpstreamDown) as failed:
        await told(lanes)
    assert failed.value.status == 503
    assert len(waits) == 2


@pytest.mark.parametrize("error", [UsageLimit(), SignInNeeded(), UpstreamRefused(), PermissionRefused(), AnswerCut()])
async def test_other_failures_are_never_tried_again(error: DrawbridgeError, waits: list[float]) -> None:
    lanes = Lanes([error], WHOLE)
    with pytest.raises(type(error)):
        await told(lanes)
    assert len(lanes.scripts) == 1
    assert not waits


async def test_the_fallback_model_answers_what_the_other_one_cannot(waits: list[float]) -> None:
    lanes = Lanes([UsageLimit()], WHOLE)
    settled = answering(lanes, Config(fallback_model="opus"))
    assert len([event async for event in settled.stream(TURN)]) == 3
    assert [settings.model for settings in lanes.settings] == ["sonnet", "opus"]
    assert not waits


async def test_the_fallback_model_gets_an_effort_that_it_has() -> None:
    lanes = Lanes([UsageLimit(status=429)], WHOLE)
    settled = answering(lanes, Config(fallback_model="sonnet"))
    turn = replace(TURN, model="opus", settings=ModelSettings(effort="medium"))
    _ = [event async for event in settled.stream(turn)]
    assert [settings.effort for settings in lanes.settings] == ["medium", "low"]


@pytest.mark.parametrize(
    "script", [[SignInNeeded()], [Started("m"), UpstreamDown(status=529)], [UpstreamRefused(status=400)]]
)
async def test_it_is_not_asked_for_what_it_does_not_mend(script: list[Event | DrawbridgeError]) -> None:
    lanes = Lanes(script, WHOLE)
    settled = answering(lanes, Config(fallback_model="opus"))
    with suppress(SignInNeeded, UpstreamRefused):
        _ = [event async for event in settled.stream(TURN)]
    assert len(lanes.scripts) == 1


async def test_a_fallback_that_is_the_model_asked_for_is_none() -> None:
    lanes = Lanes([UsageLimit()], WHOLE)
    settled = answering(lanes, Config(fallback_model="sonnet"))
    with pytest.raises(UsageLimit):
        _ = [event async for event in settled.stream(TURN)]
    assert len(lanes.scripts) == 1


async def test_a_listener_who_leaves_closes_the_answer_and_gives_back_the_worker() -> None:
    lanes = Lanes(WHOLE)
    events = answering(lanes).stream(TURN)
    await anext(events)
    await events.aclose()
    assert (lanes.out, lanes.closed) == (0, 1)


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


@pytest.mark.parametrize(("asked", "config", "expected"), MODELS)
async def test_the_model_that_answers(asked: str, config: dict[str, Any], expected: str | None) -> None:
    assert answering(Lanes(), Config(**config)).settings_for(replace(TURN, model=asked)).model == expected


async def test_strict_names_refuse_an_unknown_one() -> None:
    with pytest.raises(ModelUnknown, match="gpt-4o-mini"):
        answering(Lanes(), Config(strict_models=True)).settings_for(replace(TURN, model="gpt-4o-mini"))


EFFORTS: list[tuple[str, ModelSettings, str, str | None]] = [
    ("opus-high", ModelSettings(), "opus", "high"),
    ("cc:opus-low", ModelSettings(), "opus", "low"),
    ("opus-high", ModelSettings(effort="low"), "opus", "low"),
    ("opus-high", ModelSettings(thinks=False), "opus", None),
    ("gpt-5-high", ModelSettings(), "sonnet", "high"),
    ("gpt-4o-mini", ModelSettings(), "sonnet", None),
]


@pytest.mark.parametrize(("asked", "said", "model", "effort"), EFFORTS)
async def test_the_effort_of_a_models_name_holds_unless_the_request_says_one(
    asked: str, said: ModelSettings, model: str, effort: str | None
) -> None:
    found = answering(Lanes()).settings_for(replace(TURN, model=asked, settings=said))
    assert (found.model, found.effort) == (model, effort)


async def test_the_effort_in_the_default_models_name_holds_where_nobody_says_one() -> None:
    config = Config(model="opus-low")
    asked = [replace(TURN, model=name) for name in ("", "gpt-4o-mini", "gpt-5-high", "sonnet")]
    found = [answering(Lanes(), config).settings_for(turn) for turn in asked]
    assert [(one.model, one.effort) for one in found] == [
        ("opus", "low"),
        ("opus", "low"),
        ("opus", "high"),
        ("sonnet", None),
    ]


async def test_a_whole_answer_parks_the_worker_with_the_conversation_that_the_client_will_send_back() -> None:
    lanes = Lanes(
        [Started("m"), PartStarted(0, Text("")), PartDelta(0, "Hel"), PartDelta(0, "lo"), Finished(StopReason.END)]
    )
    await told(lanes)
    said = (*TURN.messages, Message("assistant", (Text("Hello"),)))
    assert lanes.results == [LeaseResult(is_kept=True, conversation_key=conversation_key(said, model="sonnet"))]
    assert lanes.keys == [None]


async def test_a_conversation_that_goes_on_is_asked_for_by_its_past_and_sends_only_what_is_new() -> None:
    lanes = Lanes(WHOLE)
    lanes.way = "continued"
    history = (*TURN.messages, Message("assistant", (Text(" Hello "),)))
    await told(lanes, replace(TURN, messages=(*history, *TURN.messages)))
    assert lanes.keys == [conversation_key(history, model="sonnet")]
    assert lanes.held == [2]


async def test_a_listener_who_leaves_has_the_worker_stopped_and_kept_with_nothing_to_go_on_with() -> None:
    lanes = Lanes(WHOLE)
    events = answering(lanes).stream(TURN)
    await anext(events)
    await events.aclose()
    assert lanes.results == [LeaseResult(is_kept=True, conversation_key=None)]


async def test_a_worker_that_does_not_stop_retires() -> None:
    lanes = Lanes(WHOLE)
    lanes.obeys = False
    events = answering(lanes).stream(TURN)
    await anext(events)
    await events.aclose()
    assert not lanes.results[0].is_kept


async def test_a_worker_that_ends_after_its_answer_is_not_parked() -> None:
    """The pool may not have heard of it yet, and would lend it to the next who waits."""
    lanes = Lanes(WHOLE)
    events = answering(lanes).stream(TURN)
    while not isinstance(await anext(events), Finished):
        pass
    lanes.is_alive = False
    await events.aclose()
    assert not lanes.results[0].is_kept


async def test_a_worn_worker_retires_after_its_answer() -> None:
    lanes = Lanes(WHOLE)
    lanes.is_worn = True
    await told(lanes)
    assert not lanes.results[0].is_kept


async def test_where_each_conversation_has_a_process_nothing_is_stopped_or_kept() -> None:
    lanes = Lanes(WHOLE)
    lanes.obeys = False
    events = answering(lanes, Config(isolation="process")).stream(TURN)
    await anext(events)
    await events.aclose()
    assert not lanes.results[0].is_kept


TITLE = "### Task:\nGenerate a concise, 3-5 word title with an emoji summarizing the chat history.\n### Guidelines:"


async def test_a_background_request_does_not_match_a_conversation_and_is_not_parked() -> None:
    lanes = Lanes(WHOLE, WHOLE)
    lanes.rests = True
    asking = answering(lanes, Config(isolation="warm"))
    title = replace(TURN, messages=(Message("user", (Text(TITLE),)),))
    for turn in (title, TURN):
        async for _ in asking.stream(turn):
            pass
    background, ordinary = lanes.profiles
    assert background != TURN.profile == ordinary
    assert lanes.keys[0] is None
    assert [(result.is_kept, result.conversation_key is None) for result in lanes.results] == [
        (True, True),
        (True, False),
    ]


async def test_housekeeping_has_the_model_of_its_setting_and_nothing_else_has() -> None:
    title = replace(TURN, messages=(Message("user", (Text(TITLE),)),), model="cc:opus-high")
    config = Config(housekeeping_model="sonnet-low", strict_models=True)
    found = [answering(Lanes(), config).settings_for(turn) for turn in (title, replace(TURN, model="opus"))]
    assert [(one.model, one.effort) for one in found] == [("sonnet", "low"), ("opus", None)]
    assert answering(Lanes()).settings_for(title).model == "opus"


async def test_the_next_process_is_not_prepared_for_housekeeping() -> None:
    lanes = Lanes(WHOLE)
    asking = answering(lanes, Config(housekeeping_model="opus"))
    async for _ in asking.stream(replace(TURN, messages=(Message("user", (Text(TITLE),)),))):
        pass
    assert lanes.settings[0].model == "opus"
    assert asking.likely.model == "sonnet"
