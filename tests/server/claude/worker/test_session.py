"""Requests on a live process: continued, interrupted and reset, asserted on the bodies upstream."""

import asyncio
import json
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from server.claude.protocol.frames import Frame
from server.claude.worker.process import CliProcess
from server.claude.worker.session import Session
from server.claude.worker.worker import Worker
from server.conversation.events import Finished, PartDelta
from server.conversation.request import ModelSettings, Profile
from server.errors import AnswerCut, DrawbridgeError, PromptTooLong, UnexpectedOutput, WorkerDied
from server.machine.processes.guards import guard_for
from server.standin.script import Gate, Hold, Pause, Plain, Refusal, Reply, Script, Text, Usage, refuse, say
from server.standin.server import Recorded, Standin, default_answer
from server.status import UsageWindow
from tests.server.claude.cli.test_usage import limits
from tests.server.claude.conftest import SONNET, Bench, answer, conversation
from tests.server.claude.worker.test_worker import turns


async def test_an_interrupt_ends_the_request_and_keeps_the_process(bench: Bench, standin: Standin) -> None:
    standin.script(say("Half", Hold(Gate()), "never"))
    launch = bench.launch()
    process = CliProcess(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, lambda: bench.bounds)
    try:
        await session.configure(PROFILE)
        async for event in answer(session, SONNET, conversation("hi")):
            if isinstance(event, PartDelta):
                break
        assert await session.interrupt()
        await asyncio.wait_for(standin.requests[-1].client_disconnected(), 10)
        assert (await process.control("list_models"))["models"]
    finally:
        await session.close()
    assert len(standin.requests) == 1
    assert not process.is_alive


async def test_an_interrupt_of_an_ended_process_fails(bench: Bench) -> None:
    launch = bench.launch()
    process = CliProcess(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, lambda: bench.bounds)
    await session.configure(Profile())
    await process.kill()
    assert not await session.interrupt()
    await session.close()


MESSAGE: dict[str, Any] = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-5-5",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 10, "output_tokens": 1},
}


PROFILE = Profile(system="Be terse.")


class Warm:
    """One live process: each `ask` is an answer of it, and returns the body that arrived for it.

    `first` is the body of the process's first request, "one", without what is its own.
    """

    def __init__(self, bench: Bench, standin: Standin, worker: Worker) -> None:
        self.bench, self.standin, self.worker = bench, standin, worker
        self.first: dict[str, Any] = {}

    async def ask(self, *turns: str, held: int = 0, settings: ModelSettings = SONNET) -> dict[str, Any]:
        before = len(self.standin.requests)
        async with aclosing(self.worker.ask(PROFILE, settings, conversation(*turns), held=held)) as events:
            assert [event async for event in events]
        assert len(self.standin.requests) == before + 1
        return self.standin.requests[-1].body


@pytest_asyncio.fixture(loop_scope="module")
async def warm(bench: Bench, standin: Standin) -> Warm:
    worker = await bench.warm(PROFILE)
    warm = Warm(bench, standin, worker)
    key = (worker, ("one",))
    if key not in bench.first:
        bench.first[key] = masked(await warm.ask("one"))
        standin.requests.clear()
    warm.first = bench.first[key]
    return warm


async def test_a_continued_conversation_sends_only_the_new_message(warm: Warm) -> None:
    await warm.ask("one")
    assert warm.worker.is_at_rest
    body = await warm.ask("one", "Hello from the stand-in.", "two", held=2)
    assert turns(body) == [("user", "one"), ("assistant", "Hello from the stand-in."), ("user", "two")]


async def test_a_conversation_that_claude_code_finds_too_long_is_replayed_for_the_api_to_decide(
    warm: Warm, standin: Standin
) -> None:
    def answer(recorded: Recorded) -> Script:
        if len(turns(recorded.body)) > 3:
            return refuse(400, "prompt is too long: 1000100 tokens > 1000000 maximum")
        return say("ok", usage=Usage(input_tokens=999_000, output_tokens=900))

    standin.script(answer)
    await warm.ask("one")
    await warm.ask("one", "ok", "two", held=2)
    with pytest.raises(PromptTooLong):
        await warm.ask("one", "ok", "two", "ok", "three", held=4)
    assert [len(turns(recorded.body)) for recorded in standin.requests] == [1, 3, 5]


async def test_nothing_of_a_conversation_remains_after_a_reset(warm: Warm) -> None:
    await warm.ask("MARK", "MARK", "MARK")
    again = await warm.ask("one")
    assert "MARK" not in json.dumps(again)
    assert masked(again) == warm.first


@pytest.mark.parametrize(
    "failure", [refuse(400, "no"), refuse(401), refuse(429), refuse(529)], ids=lambda f: str(f.status)
)
async def test_a_failure_leaves_nothing_in_the_next_conversation(warm: Warm, failure: Refusal) -> None:
    warm.standin.script(lambda recorded: failure)
    with pytest.raises(DrawbridgeError):
        await warm.ask("MARK")
    assert warm.worker.is_at_rest
    warm.standin.script(default_answer)
    assert masked(await warm.ask("one")) == warm.first


async def test_an_interrupted_answer_leaves_nothing_in_the_next_conversation(warm: Warm) -> None:
    warm.standin.script(say("MARK", Hold(Gate()), "never"), say("ok"))
    answer = warm.worker.ask(PROFILE, SONNET, conversation("MARK"))
    async for event in answer:
        if isinstance(event, PartDelta):
            break
    await answer.aclose()
    assert not warm.worker.is_at_rest
    assert await warm.worker.settle()
    await asyncio.wait_for(warm.standin.requests[-1].client_disconnected(), 10)
    assert masked(await warm.ask("one")) == warm.first


async def test_a_replay_may_take_long_while_its_messages_are_taken(
    bench: Bench, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch = bench.launch()
    process = CliProcess(lambda: launch, bench.scratch, guard_for())
    await process.spawn()
    session = Session(process, lambda: replace(bench.bounds, replay_s=20.0))
    loop = asyncio.get_running_loop()
    now, write, passed_s = loop.time, process.write, 0.0

    async def slow_write(*frames: Frame) -> None:
        nonlocal passed_s
        await write(*frames)
        passed_s += 15.0

    try:
        await session.configure(PROFILE)
        monkeypatch.setattr(loop, "time", lambda: now() + passed_s)
        monkeypatch.setattr(process, "write", slow_write)
        texts = [str(number) for number in range(7)]
        events = [event async for event in answer(session, SONNET, conversation(*texts))]
        assert isinstance(events[-1], Finished)
    finally:
        await session.close()
    assert [text for _, text in turns(standin.requests[-1].body)] == texts


async def test_a_request_cancelled_during_a_replay_makes_the_worker_unusable(warm: Warm) -> None:
    """Otherwise the unread results would be taken for those of the next conversation."""
    await warm.ask("one")
    answer = warm.worker.ask(PROFILE, SONNET, conversation(*(f"MARK {number}" for number in range(2001))))
    asking = asyncio.ensure_future(anext(answer))
    await asyncio.sleep(0.05)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await answer.aclose()
    assert len(warm.standin.requests) == 1, "the replay ended before the request was cancelled"
    assert not warm.worker.is_at_rest
    assert not await warm.worker.settle()


async def test_a_worker_with_unexpected_output_is_not_used_again(warm: Warm) -> None:
    """Not even after its result was read: its state is unknown."""
    kinds = ("server_tool_use", "text")
    events: list[dict[str, Any]] = [{"type": "message_start", "message": MESSAGE}]
    for index, kind in enumerate(kinds):
        block = (
            {"type": kind, "text": "Hm."}
            if kind == "text"
            else {"type": kind, "id": "srvtoolu_1", "name": "web_search", "input": {}}
        )
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    events += [
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ]
    stream = "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events)
    warm.standin.script(Plain(stream, content_type="text/event-stream"))
    with pytest.raises(UnexpectedOutput):
        await warm.ask("hi")
    assert warm.worker.is_alive
    assert not await warm.worker.settle()


async def test_an_interrupt_that_comes_too_late_lets_no_second_request_go_upstream(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After its token limit Claude Code would continue by itself, so the kill rules apply to an interrupted answer."""
    gate = Gate()
    limited = say("Half", Hold(gate), " an answer", stop_reason="max_tokens", before_stop=(Pause(5),))
    warm.standin.script(limited, say("more"))
    answer = warm.worker.ask(PROFILE, SONNET, conversation("hi"))
    async for event in answer:
        if isinstance(event, PartDelta):
            break
    await answer.aclose()
    process = warm.worker._process
    control = process.control

    async def late(subtype: str, **more: Any) -> dict[str, object]:
        gate.open()
        await asyncio.wait_for(warm.standin.requests[0].ended(), 10)
        await asyncio.wait({asyncio.create_task(process.exited.wait())}, timeout=10)
        return await control(subtype, **more)

    monkeypatch.setattr(process, "control", late)
    assert not await warm.worker.settle()
    assert len(warm.standin.requests) == 1


async def test_a_reader_that_fails_ends_the_request_and_the_process_at_once(warm: Warm) -> None:
    """Otherwise the request would wait for its timeout."""
    await warm.ask("one")
    process = warm.worker._process
    read = process.on_frame

    def broken(frame: Frame | None) -> bool:
        if frame is not None and frame.get("type") == "stream_event":
            raise RuntimeError("a mistake of ours")
        assert read is not None
        return read(frame)

    process.on_frame = broken
    warm.standin.script(say("Half", Hold(Gate()), "never"))
    with pytest.raises((WorkerDied, AnswerCut)):
        await asyncio.wait_for(warm.ask("two"), 20)
    await asyncio.wait_for(warm.worker.wait_dead(), 10)
    assert not warm.worker.is_at_rest
    assert not await warm.worker.settle()


SETTINGS = [
    ModelSettings(model="haiku"),
    ModelSettings(model="sonnet", effort="low"),
    ModelSettings(model="sonnet", max_tokens=55),
    ModelSettings(model="sonnet", stop_sequences=("END",)),
    ModelSettings(model="claude-haiku-4-5", max_tokens=77),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=range(len(SETTINGS)))
async def test_settings_do_not_outlive_a_reset(warm: Warm, settings: ModelSettings) -> None:
    other = await warm.ask("one", settings=settings)
    assert masked(other) != warm.first
    assert "local-command" not in json.dumps(other)
    assert masked(await warm.ask("one")) == warm.first


async def test_settings_do_not_outlive_their_request(warm: Warm) -> None:
    await warm.ask("one", settings=ModelSettings(model="sonnet", max_tokens=55, stop_sequences=("END",)))
    body = await warm.ask("one", "Hello from the stand-in.", "two", held=2)
    assert "stop_sequences" not in body
    assert body["max_tokens"] != 55


async def test_two_replays_have_a_prefix_that_the_providers_cache_can_keep(warm: Warm, bench: Bench) -> None:
    """The first replay marks its question; the second, on another process, has the same bytes up to there."""
    first = await warm.ask("one", "two", "three")
    other = Warm(bench, warm.standin, await bench.fresh())
    second = await other.ask("one", "two", "three", "four", "five")
    assert first["messages"][3]["content"][-1]["cache_control"]
    assert sum(json.dumps(part).count("cache_control") for part in (first, second)) <= 8
    assert prefix(first, upto="three") == prefix(second, upto="three")
    assert first["system"] == second["system"]


async def test_a_worker_is_replaced_after_many_conversations(
    bench: Bench, standin: Standin, monkeypatch: pytest.MonkeyPatch
) -> None:
    warm = Warm(bench, standin, await bench.fresh())
    monkeypatch.setattr("server.claude.worker.worker.MOST_CONVERSATIONS", 2)
    monkeypatch.setattr("server.claude.worker.worker.MOST_GROWTH", 10**12)
    await warm.ask("one")
    await warm.ask("one", "Hello from the stand-in.", "two", held=2)
    assert not warm.worker.needs_replacement
    await warm.ask("other")
    assert warm.worker.needs_replacement


async def test_a_worker_that_has_grown_too_much_is_worn(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.claude.worker.worker.MOST_GROWTH", 10**12)
    await warm.ask("one")
    assert not warm.worker.needs_replacement
    monkeypatch.setattr("server.claude.worker.worker.MOST_GROWTH", -(10**12))
    assert warm.worker.needs_replacement


def masked(body: dict[str, Any]) -> dict[str, Any]:
    """A body without what each process has of its own."""
    return json.loads(json.dumps({**body, "metadata": None}))  # type: ignore[no-any-return]


def prefix(body: dict[str, Any], *, upto: str) -> list[tuple[str, list[str]]]:
    """The turns up to the one with this text, as the provider sees them: a plain text is a block of text."""
    found = []
    for message in body["messages"]:
        content = message["content"]
        texts = [content] if isinstance(content, str) else [block["text"] for block in content]
        found.append((message["role"], texts))
        if texts == [upto]:
            return found
    raise AssertionError(body)


async def test_an_answer_tells_how_much_of_the_plan_is_used(bench: Bench, standin: Standin) -> None:
    reported: list[tuple[UsageWindow, ...]] = []
    headers = limits("0.42", "0.25", status="allowed")
    standin.script(Reply((Text(("ok",)),), headers=tuple(headers.items())))
    environment = {**bench.environment, "CLAUDE_CODE_OAUTH_TOKEN": "dummy"}
    del environment["ANTHROPIC_API_KEY"]
    bench.environment = environment
    worker = bench.worker(on_usage=reported.append)
    await worker.boot()
    assert [event async for event in worker.ask(PROFILE, SONNET, conversation("hi"))]
    assert [(window.name, window.used) for window in reported[-1]] == [("5 hours", 0.42), ("Week", 0.25)]


async def test_the_end_of_a_usage_limit_is_kept_for_later_refusals(bench: Bench) -> None:
    """Claude Code reports it once; an answer that the plan allows again ends it."""
    launch = bench.launch()
    session = Session(CliProcess(lambda: launch, bench.scratch, guard_for()), lambda: bench.bounds)
    later = 2.0**40
    session._read({"type": "rate_limit_event", "rate_limit_info": {"status": "rejected", "resetsAt": later}})
    assert session._reader_for()._resets_at == later
    session._read({"type": "rate_limit_event", "rate_limit_info": {"status": "allowed", "resetsAt": later}})
    assert session._reader_for()._resets_at is None


async def test_a_prompt_answer_causes_no_check_of_its_process(warm: Warm, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[object] = []
    monkeypatch.setattr("server.claude.worker.process._UNCHECKED_S", 600.0)
    monkeypatch.setattr(warm.worker._process, "post", checks.append)
    await warm.ask("one")
    assert checks == []
    assert warm.worker._process._proof is None
