"""Conversations with tools over a pool of real processes: the same messages arrive upstream on every way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.answering import Answering
from server.claude.cli.locate import bundled_cli
from server.claude.worker.launch import launch_for
from server.claude.worker.process import Bounds
from server.claude.worker.worker import Worker
from server.config import Config
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Failed, Started
from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ModelSettings, Profile, Tool
from server.machine.files.temp_folders import open_scratch
from server.machine.processes.guards import guard_for
from server.pool.pool import Pool
from server.pool.types import Limits
from server.standin.script import RedactedThinking, Reply, Thinking, call, say
from server.standin.script import Text as ScriptText
from server.standin.server import Standin, open_standin
from tests.server.claude.conftest import wait_out_midnight
from tests.server.claude.tool_loop import messages_upstream

TOOLS = (Tool("look", "Looks.", '{"type": "object"}'), Tool("a.b", "Dots.", '{"type": "object"}'))
PROFILE = Profile("Be terse.", TOOLS, owner="me")
OTHER = Profile("Be verbose.", TOOLS, owner="me")


class Talk:
    """A conversation as its client keeps it: text trimmed, arguments re-serialized, no thinking."""

    def __init__(self, pool_bench: "PoolBench", profile: Profile = PROFILE, question: str = "one") -> None:
        self.pool_bench, self.profile, self.way = pool_bench, profile, ""
        self.messages: list[Message] = [Message("user", (Text(question),))]

    async def ask(self, settings: ModelSettings = ModelSettings(model="sonnet")) -> list[ToolCall]:  # noqa: B008 # frozen
        """Asks and returns the calls of the answer."""
        spoken = MessageAccumulator()
        turn = ModelRequest(tuple(self.messages), "sonnet", self.profile, settings)
        async for event in self.pool_bench.answering.stream(turn):
            assert not isinstance(event, Failed), event
            if isinstance(event, Started):
                self.way = event.way
            spoken.add(event)
        parts = [
            Text(part.text.strip())
            if isinstance(part, Text)
            else ToolCall(part.id, part.name, json.dumps(json.loads(part.arguments), indent=1))
            for part in spoken.message.parts
            if isinstance(part, Text | ToolCall)
        ]
        self.messages.append(Message("assistant", tuple(parts)))
        return [part for part in parts if isinstance(part, ToolCall)]

    def bring(self, *results: tuple[ToolCall, str]) -> None:
        self.messages.append(Message("user", tuple(ToolResult(one.id, (Text(text),)) for one, text in results)))


class PoolBench:
    """A pool and its `Answering`. `restart` simulates a new server, which knows nothing of before."""

    def __init__(self, pool: Pool[Worker], standin: Standin, *, is_live: bool) -> None:
        self.pool, self.standin, self.is_live = pool, standin, is_live
        self.workers: list[Worker] = []
        self.restart()

    def restart(self) -> None:
        config = Config(isolation="warm")
        self.answering = Answering(pool=self.pool, config=lambda: config, cards=tuple, is_live=lambda: self.is_live)
        self.pool.renew("a restart")

    @property
    def turns(self) -> list[tuple[str, Any]]:
        """The last request."""
        assert self.standin.requests[-1].refusal is None
        return messages_upstream(self.standin.requests[-1].body)


@asynccontextmanager
async def open_pool_bench(folder: Path, size: int, *, is_live: bool) -> AsyncIterator[PoolBench]:
    cli = bundled_cli()
    assert cli is not None
    wait_out_midnight()
    (folder / "home").mkdir()
    (folder / "scratch").mkdir()
    guard = guard_for()
    async with open_standin() as standin:
        variables = {"ANTHROPIC_BASE_URL": standin.url, "ANTHROPIC_API_KEY": "a dummy key"}
        launch = launch_for(cli, {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", **variables}, is_live=is_live)
        workers: list[Worker] = []
        with open_scratch(folder / "scratch") as scratch:

            def spawn() -> Worker:
                bounds = Bounds(silence_s=20, interrupt_s=20)
                workers.append(Worker(lambda: launch, scratch=scratch, guard=guard, bounds=lambda: bounds))
                return workers[-1]

            async with Pool(spawn, limits=Limits(size=size, isolation="warm")) as pool:
                pool_bench = PoolBench(pool, standin, is_live=is_live)
                pool_bench.workers = workers
                yield pool_bench
    guard.close()


@pytest_asyncio.fixture(loop_scope="module")
async def pool_bench(tmp_path: Path, is_live: bool) -> AsyncIterator[PoolBench]:
    async with open_pool_bench(tmp_path, 1, is_live=is_live) as pool_bench:
        yield pool_bench


def calling(number: int) -> Reply:
    """Claude thinks, writes, thinks again and calls twice."""
    return Reply(
        (
            Thinking(("Hm.", f"{number}"), signature=f"seal{number}"),
            ScriptText((f" Round {number}. ",)),
            RedactedThinking(f"data{number}"),
            call("look", {"n": number, "é": [1.5, None]}, id=f"toolu_{number}a"),
            call("look", {}, id=f"toolu_{number}b"),
        ),
        "tool_use",
    )


async def nothing(pool_bench: PoolBench) -> None:
    """The results follow at once."""


async def another_conversation(pool_bench: PoolBench) -> None:
    """The worker with the open calls is leased to another conversation of the same profile."""
    other = Talk(pool_bench, question="another")
    pool_bench.standin.script(say("Well."))
    await other.ask()
    assert other.way == "reset"
    assert pool_bench.turns == [("user", [{"type": "text", "text": "another"}])]


async def eviction(pool_bench: PoolBench) -> None:
    """The worker is evicted for another owner."""
    other = Talk(pool_bench, replace(OTHER, owner="you"), "another")
    pool_bench.standin.script(say("Well."))
    await other.ask()
    assert other.way == "cold"


async def another_prompt(pool_bench: PoolBench) -> None:
    """The worker with the open calls gets another system prompt, without tools, or is evicted for it."""
    other = Talk(pool_bench, OTHER, "another")
    pool_bench.standin.script(say("Well."))
    await other.ask()
    assert other.way == ("reset" if pool_bench.is_live else "cold")
    assert pool_bench.turns == [("user", [{"type": "text", "text": "another"}])]


async def death(pool_bench: PoolBench) -> None:
    """The process dies, and the pool knows it."""
    worker = next(worker for worker in pool_bench.workers if worker.is_at_rest)
    await worker._process.kill()
    while pool_bench.pool.status().parked:
        await asyncio.sleep(0.01)


async def sudden_death(pool_bench: PoolBench) -> None:
    """The process dies, and the pool has not noticed."""
    worker = next(worker for worker in pool_bench.workers if worker.is_at_rest)
    worker._process._kill_now()


@pytest.mark.parametrize(
    "between",
    [another_conversation, another_prompt, eviction, death, sudden_death],
    ids=lambda one: one.__name__,
)
async def test_the_same_messages_arrive_whatever_happens_between_call_and_result(
    pool_bench: PoolBench, between: Any
) -> None:
    found = []
    for happens in (nothing, between):
        talk = Talk(pool_bench)
        for number in range(2):
            pool_bench.standin.script(calling(number))
            first, second = await talk.ask()
            await happens(pool_bench)
            talk.bring((second, "b"), (first, "a" * 60_000))
        pool_bench.standin.script(say("Done."))
        assert await talk.ask() == []
        assert talk.way == "continued" or happens is not nothing
        found.append(pool_bench.turns)
        pool_bench.restart()
    assert [role for role, _ in found[0]] == ["user", "assistant", "user", "assistant", "user"]
    kinds = [block["type"] for block in found[0][1][1]]
    assert kinds == ["thinking", "text", "redacted_thinking", "tool_use", "tool_use"]
    for turns in found:
        # Two results stand in the order in which they were brought or called; for the API it is the same.
        for _, blocks in turns:
            blocks.sort(key=lambda block: block.get("tool_use_id", ""))
    assert found[0] == found[1]


async def test_after_a_restart_a_conversation_continues_without_the_thinking(pool_bench: PoolBench) -> None:
    talk = Talk(pool_bench)
    pool_bench.standin.script(calling(1), say("Done."))
    first, second = await talk.ask()
    pool_bench.restart()
    talk.bring((first, "a"), (second, "b"))
    await talk.ask()
    assert [[block["type"] for block in blocks] for _, blocks in pool_bench.turns] == [
        ["text"],
        ["text", "tool_use", "tool_use"],
        ["tool_result", "tool_result"],
    ]


async def test_thinking_is_not_shared_between_keys(pool_bench: PoolBench) -> None:
    talk = Talk(pool_bench)
    pool_bench.standin.script(calling(1), say("Done."))
    first, second = await talk.ask()
    talk.profile = Profile("Be terse.", TOOLS, owner="you")
    talk.bring((first, "a"), (second, "b"))
    await talk.ask()
    assert "seal" not in json.dumps(pool_bench.turns)


async def test_foreign_ids_and_names_arrive_legal_and_unique(pool_bench: PoolBench) -> None:
    talk = Talk(pool_bench)
    for number in range(3):
        calls = (ToolCall("call_0", "a.b", "{}"), ToolCall("functions.look:1", "look", "{}"))
        talk.messages += [
            Message("assistant", calls),
            Message("user", tuple(ToolResult(one.id, (Text(f"{one.name} {number}"),)) for one in calls)),
        ]
    pool_bench.standin.script(say("Done."))
    await talk.ask()
    ids = [block["id"] for _, blocks in pool_bench.turns for block in blocks if block["type"] == "tool_use"]
    assert len(set(ids)) == 6
    results = [
        (block["tool_use_id"], block["content"][0]["text"])
        for _, b in pool_bench.turns
        for block in b
        if "content" in block
    ]
    assert results == list(
        zip(ids, [f"{name} {number}" for number in range(3) for name in ("a.b", "look")], strict=True)
    )
    # The conversation continues on its worker.
    talk.messages.append(Message("user", (Text("two"),)))
    await talk.ask()
    assert talk.way == "continued"


async def test_two_continuations_of_one_call_get_two_answers(tmp_path: Path, is_live: bool) -> None:
    async with open_pool_bench(tmp_path, 2, is_live=is_live) as pool_bench:
        talk, twin = Talk(pool_bench), Talk(pool_bench)
        pool_bench.standin.script(calling(1), lambda _: say("Done."))
        first, second = await talk.ask()
        talk.bring((first, "a"), (second, "b"))
        twin.messages = list(talk.messages)
        await asyncio.gather(talk.ask(), twin.ask())
        bodies = [messages_upstream(recorded.body) for recorded in pool_bench.standin.requests[-2:]]
        assert bodies[0] == bodies[1]
        assert sorted([talk.way == "continued", twin.way == "continued"]) == [False, True]
