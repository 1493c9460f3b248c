"""Requests and answers through the real CLI, asserted on the bodies at the stand-in."""

import asyncio
import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from server.claude.worker.process import CliProcess
from server.conversation.events import Event, Finished, PartDelta, Started, StopReason
from server.conversation.parts import Text, Thinking
from server.conversation.request import Launch, ModelSettings, Profile
from server.machine.processes.guards import guard_for
from server.standin import script as say_
from server.standin.script import Pause, Reply, say
from server.standin.server import Standin
from tests.server.claude.conftest import Bench, conversation

# Between the stop reason and the end of the stream. Claude Code sends its second request some milliseconds after the
# end, which is too short on a busy computer to show that it is killed at the reason.
MOMENT = (Pause(5),)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, PartDelta))


def turns(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The conversation upstream as (role, text), without Claude Code's environment note."""
    found = []
    for message in body["messages"]:
        if message["role"] == "system":
            continue
        content = message["content"]
        texts = [content] if isinstance(content, str) else [block["text"] for block in content]
        found.append((message["role"], "|".join(text for text in texts if not text.startswith("<system-reminder>"))))
    return found


async def test_an_answer_comes_token_by_token(bench: Bench, standin: Standin) -> None:
    standin.script(say("Hel", "lo", "!"))
    events = await bench.ask("hi")
    assert [type(event).__name__ for event in events] == [
        *("Started", "PartStarted", "PartDelta", "PartDelta", "PartDelta", "PartEnded", "Finished"),
    ]
    assert text_of(events) == "Hello!"
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.reason is StopReason.END
    assert (finished.usage.prompt, finished.usage.cache_read, finished.usage.output) == (15, 3, 5)
    assert finished.cost_usd


async def test_each_answer_of_a_process_has_the_cost_of_its_own(bench: Bench, standin: Standin) -> None:
    worker = await bench.fresh()
    ends = [(await bench.ask("hi", worker=worker))[-1] for _ in range(3)]
    costs = [end.cost_usd for end in ends if isinstance(end, Finished) and end.cost_usd]
    assert costs == [pytest.approx(costs[0])] * 3


async def test_history_arrives_with_its_roles_and_system_prompt(bench: Bench, standin: Standin) -> None:
    await bench.ask("one", "two", "three", "four", "five", system="You are terse.\r\nVery.")
    body = standin.requests[-1].body
    assert turns(body) == [
        *(("user", "one"), ("assistant", "two"), ("user", "three"), ("assistant", "four"), ("user", "five")),
    ]
    assert body["system"][-1]["text"] == "You are terse.\r\nVery."  # type: ignore[index]
    assert len(standin.requests) == 1


@pytest.mark.parametrize("text", ["/clear", "/cost", "/help", "!ls", "#memo", "@{file} what is in it?", "<a>&amp;</a>"])
async def test_what_looks_like_a_command_is_plain_text(
    bench: Bench, standin: Standin, tmp_path: Path, text: str
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the word of the file")
    question = text.replace("{file}", str(secret))
    await bench.ask(question, "an answer", question)
    body = standin.requests[-1].body
    assert turns(body) == [("user", question), ("assistant", "an answer"), ("user", question)]
    assert "the word of the file" not in json.dumps(body)


async def test_nothing_of_this_computer_is_sent(
    bench: Bench, standin: Standin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path
    monkeypatch.setitem(bench.environment, "HOME", str(home))
    (home / ".claude").mkdir()
    (home / ".claude" / "CLAUDE.md").write_text("MARK-OF-THE-USER")
    (home / ".claude.json").write_text(json.dumps({"mcpServers": {"mine": {"command": "/bin/false"}}}))
    (home / ".claude" / "settings.json").write_text(json.dumps({"model": "haiku", "env": {"MARK": "MARK-OF-THE-USER"}}))
    worker = await bench.fresh()
    await bench.ask("What is the capital of France?", system="Answer in one word.", worker=worker)
    recorded = standin.requests[-1]
    body = json.dumps(recorded.body)
    assert recorded.body["tools"] == []
    assert "MARK-OF-THE-USER" not in body
    assert str(home) not in body
    assert recorded.size <= 2600
    assert not list(home.rglob("*.jsonl")), "a transcript was left"
    assert not [other for other in standin.others if other.method == "POST"]


async def test_a_system_prompt_of_400_kilobytes_arrives_unchanged(bench: Bench, standin: Standin) -> None:
    system = "".join(f"Rule {number}: be kind.\n" for number in range(18_000))
    await bench.ask("hi", system=system)
    assert standin.requests[-1].body["system"][-1]["text"] == system  # type: ignore[index]


async def test_a_history_of_200_messages_arrives_unchanged(bench: Bench, standin: Standin) -> None:
    spoken = [f"turn {number}" for number in range(201)]
    await bench.ask(*spoken)
    assert [text for _, text in turns(standin.requests[-1].body)] == spoken
    assert len(standin.requests) == 1


async def test_consecutive_parts_stay_apart(bench: Bench, standin: Standin) -> None:
    worker = await bench.warm(Profile())
    message = conversation("x")[0]
    parts = (Text("first\n"), Text(" second"))
    question = type(message)("user", parts)
    [event async for event in worker.ask(Profile(), ModelSettings(model="sonnet"), (question,))]
    content = standin.requests[-1].body["messages"][0]["content"]  # type: ignore[index]
    assert [block["text"] for block in content] == ["first\n", " second"]


SETTINGS = [
    (ModelSettings(model="haiku"), {"model": "claude-haiku-5-5"}),
    (ModelSettings(model=None), {"model": "claude-opus-5-5"}),
    (ModelSettings(model="sonnet", effort="low"), {"output_config": {"effort": "low"}}),
    (ModelSettings(model="sonnet", max_tokens=77), {"max_tokens": 77}),
    (ModelSettings(model="sonnet", stop_sequences=("END", "\nUser:")), {"stop_sequences": ["END", "\nUser:"]}),
]


@pytest.mark.parametrize(("settings", "upstream"), SETTINGS)
async def test_settings_reach_the_request(
    bench: Bench, standin: Standin, settings: ModelSettings, upstream: dict[str, object]
) -> None:
    await bench.ask("hi", settings=settings)
    body = standin.requests[-1].body
    assert {name: body.get(name) for name in upstream} == upstream


@pytest.mark.parametrize("model", ["claude-haiku-4-5", "claude-sonnet-4-5", "claude-sonnet-5-5", "claude-opus-4-7"])
@pytest.mark.parametrize("limit", [1, 1024, 1025, 3000])
async def test_a_small_limit_is_accepted_by_every_kind_of_model(
    bench: Bench, standin: Standin, model: str, limit: int
) -> None:
    """The stand-in refuses, as the API does, a thinking budget that is not below the limit."""
    await bench.ask("hi", settings=ModelSettings(model=model, max_tokens=limit))
    assert standin.requests[-1].body["max_tokens"] == limit
    assert len(standin.requests) == 1


async def test_another_model_gets_a_body_that_it_supports(bench: Bench, standin: Standin) -> None:
    """A model in the extra body would send adaptive thinking to a model that does not support it."""
    await bench.ask("hi", settings=ModelSettings(model="claude-3-5-haiku-20241022"))
    body = standin.requests[-1].body
    assert body["model"] == "claude-3-5-haiku-20241022"
    assert "thinking" not in body
    assert body["max_tokens"] == 8192
    assert "Sonnet" not in json.dumps(body["messages"])


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ("max_tokens", StopReason.LENGTH),
        ("refusal", StopReason.REFUSAL),
        ("model_context_window_exceeded", StopReason.LENGTH),
    ],
)
async def test_claude_code_sends_no_second_request(
    bench: Bench, standin: Standin, stop: Any, reason: StopReason
) -> None:
    standin.script(lambda recorded: say("Half an", " answer", stop_reason=stop, before_stop=MOMENT))
    events = await bench.ask("hi")
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, text_of(events)) == (reason, "Half an answer")
    assert finished.usage.output == 5
    assert len(standin.requests) == 1


TEXTLESS = [
    say(before_stop=MOMENT),
    say(" \n", before_stop=MOMENT),
    Reply((say_.Thinking(("Hm.",)),), before_stop=MOMENT),
]


@pytest.mark.parametrize("reply", TEXTLESS, ids=range(len(TEXTLESS)))
async def test_an_answer_without_text_is_one_request_and_no_error(bench: Bench, standin: Standin, reply: Reply) -> None:
    standin.script(lambda recorded: reply)
    events = await bench.ask("hi")
    assert isinstance(events[-1], Finished)
    assert len(standin.requests) == 1


async def test_a_stop_sequence_is_reported(bench: Bench, standin: Standin) -> None:
    standin.script(say("one ", stop_reason="stop_sequence", stop_sequence="END"))
    finished = (await bench.ask("hi", settings=ModelSettings(model="sonnet", stop_sequences=("END",))))[-1]
    assert isinstance(finished, Finished)
    assert (finished.reason, finished.stop_sequence) == (StopReason.STOP_SEQUENCE, "END")


async def test_thinking_and_its_signature_are_separate_from_the_text(bench: Bench, standin: Standin) -> None:
    standin.script(Reply((say_.Thinking(("Let me ", "see."), signature="c2VhbA=="), say_.Text(("Yes.",)))))
    events = await bench.ask("hi")
    started = [event.part for event in events if type(event).__name__ == "PartStarted"]  # type: ignore[union-attr]
    assert [type(part) for part in started] == [Thinking, Text]
    assert [event.signature for event in events if type(event).__name__ == "PartEnded"] == ["c2VhbA==", None]  # type: ignore[union-attr]


async def test_folders_are_removed_with_their_process(bench: Bench, standin: Standin) -> None:
    before = sorted(bench.scratch.root.iterdir())
    worker = await bench.fresh()
    await bench.ask("hi", worker=worker)
    await worker.close()
    assert sorted(bench.scratch.root.iterdir()) == before


async def test_a_boot_that_is_cancelled_while_its_folders_are_made_leaves_none(bench: Bench) -> None:
    before = sorted(bench.scratch.root.iterdir())
    begun, go = threading.Event(), threading.Event()
    launch = bench.launch()

    def held() -> Launch:
        begun.set()
        go.wait(60)
        return launch

    process = CliProcess(held, bench.scratch, guard_for())
    spawning = asyncio.create_task(process.spawn())
    assert await asyncio.to_thread(begun.wait, 30)
    spawning.cancel()
    for _ in range(5):
        # The cancellation arrives before the thread continues.
        await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await spawning
    await process.kill()
    assert sorted(bench.scratch.root.iterdir()) == before


async def test_models_are_reported_at_boot_and_their_limits_with_an_answer(bench: Bench, standin: Standin) -> None:
    await bench.ask("hi", worker=await bench.fresh())
    assert {"default", "opus", "sonnet", "haiku"} <= {card.id for card in bench.cards}
    assert [limits.model for limits in bench.limits] == ["claude-sonnet-5-5"]
    assert bench.limits[0].context_length >= 200_000


async def test_a_conversation_near_the_window_is_never_summarised(bench: Bench, standin: Standin) -> None:
    """Usage just below the window would start Claude Code's compaction, with requests of its own."""
    near = say_.Usage(input_tokens=999_000, output_tokens=900)
    standin.script(say("ok", usage=near), say("ok", usage=near))
    await bench.ask("one")
    await bench.ask("one", "ok", "two")
    assert len(standin.requests) == 2
    assert [text for _, text in turns(standin.requests[-1].body)] == ["one", "ok", "two"]


async def test_started_names_the_answering_model(bench: Bench, standin: Standin) -> None:
    started = (await bench.ask("hi", settings=ModelSettings(model="opus")))[0]
    assert isinstance(started, Started)
    assert started.model == "claude-opus-5-5"
