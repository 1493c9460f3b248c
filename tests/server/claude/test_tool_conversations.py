"""Conversations with tools over a pool of real processes: the same messages arrive upstream on every way."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from server.machine.guards import guard_for
from server.machine.temp_folders import open_scratch
from server.pool.pool import Pool
from server.pool.types import Limits
from server.standin.script import RedactedThinking, Reply, Thinking, call, say
from server.standin.script import Text as Words
from server.standin.server import Standin, open_standin
from tests.server.claude.conftest import wait_out_midnight
from tests.server.claude.protocol.test_tools import said_upstream

TOOLS = (Tool("look", "Looks.", '{"type": "object"}'), Tool("a.b", "Dots.", '{"type": "object"}'))
PROFILE = Profile("Be terse.", TOOLS, owner="me")
OTHER = Profile("Be verbose.", TOOLS, owner="me")


class Talk:
    """A conversation as its client keeps it: text trimmed, arguments re-serialized, no thinking."""

    def __init__(self, house: "House", profile: Profile = PROFILE, question: str = "one") -> None:
        self.house, self.profile, self.way = house, profile, ""
        self.messages: list[Message] = [Message("user", (Text(question),))]

    async def ask(self, settings: ModelSettings = ModelSettings(model="sonnet")) -> list[ToolCall]:  # noqa: B008 # frozen
        """Asks and returns the calls of the answer."""
        spoken = MessageAccumulator()
        turn = ModelRequest(tuple(self.messages), "sonnet", self.profile, settings)
        async for event in self.house.answering.stream(turn):
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


class House:
    """A pool and its `Answering`. `restart` simulates a new server, which knows nothing of before."""

    def __init__(self, pool: Pool[Worker], standin: Standin) -> None:
        self.pool, self.standin = pool, standin
        self.workers: list[Worker] = []
        self.restart()

    def restart(self) -> None:
        config = Config(isolation="warm")
        self.answering = Answering(pool=self.pool, config=lambda: config, cards=tuple)
        self.pool.renew("a restart")

    @property
    def turns(self) -> list[tuple[str, Any]]:
        """The last request."""
        assert self.standin.requests[-1].refusal is None
        return said_upstream(self.standin.requests[-1].body)


@asynccontextmanager
async def open_house(folder: Path, size: int) -> AsyncIterator[House]:
    cli = bundled_cli()
    assert cli is not None
    wait_out_midnight()
    (folder / "home").mkdir()
    (folder / "scratch").mkdir()
    guard = guard_for()
    async with open_standin() as standin:
        variables = {"ANTHROPIC_BASE_URL": standin.url, "ANTHROPIC_API_KEY": "a key of nobody's"}
        launch = launch_for(cli, {"HOME": str(folder / "home"), "PATH": "/usr/bin:/bin", **variables})
        workers: list[Worker] = []
        with open_scratch(folder / "scratch") as scratch:

            def spawn() -> Worker:
                bounds = Bounds(silence_s=20, interrupt_s=20)
                workers.append(Worker(lambda: launch, scratch=scratch, guard=guard, bounds=lambda: bounds))
                return workers[-1]

            async with Pool(spawn, limits=Limits(size=size, isolation="warm")) as pool:
                house = House(pool, standin)
                house.workers = workers
                yield house
    guard.close()


@pytest_asyncio.fixture(loop_scope="module")
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path, 1) as house:
        yield house


def calling(number: int) -> Reply:
    """Claude thinks, writes, thinks again and calls twice."""
    return Reply(
        (
            Thinking(("Hm.", f"{number}"), signature=f"seal{number}"),
            Words((f" Round {number}. ",)),
            RedactedThinking(f"data{number}"),
            call("look", {"n": number, "é": [1.5, None]}, id=f"toolu_{number}a"),
            call("look", {}, id=f"toolu_{number}b"),
        ),
        "tool_use",
    )


async def nothing(house: House) -> None:
    """The results follow at once."""


async def another_conversation(house: House) -> None:
    """The worker with the open calls is leased to another conversation of the same profile."""
    other = Talk(house, question="another")
    house.standin.script(say("Well."))
    await other.ask()
    assert other.way == "profile"
    assert house.turns == [("user", [{"type": "text", "text": "another"}])]


async def eviction(house: House) -> None:
    """The worker is evicted for another profile."""
    other = Talk(house, OTHER, "another")
    house.standin.script(say("Well."))
    await other.ask()
    assert other.way == "cold"


async def death(house: House) -> None:
    """The process dies, and the pool knows it."""
    worker = next(worker for worker in house.workers if worker.is_at_rest)
    await worker._process.kill()
    while house.pool.status().parked:
        await asyncio.sleep(0.01)


async def sudden_death(house: House) -> None:
    """The process dies, and the pool has not noticed."""
    worker = next(worker for worker in house.workers if worker.is_at_rest)
    worker._process._kill_now()


@pytest.mark.parametrize("between", [another_conversation, eviction, death, sudden_death], ids=lambda one: one.__name__)
async def test_the_same_messages_arrive_whatever_happens_between_call_and_result(house: House, between: Any) -> None:
    found = []
    for happens in (nothing, between):
        talk = Talk(house)
        for number in range(2):
            house.standin.script(calling(number))
            first, second = await talk.ask()
            await happens(house)
            talk.bring((second, "b"), (first, "a" * 60_000))
        house.standin.script(say("Done."))
        assert await talk.ask() == []
        assert talk.way == "continued" or happens is not nothing
        found.append(house.turns)
        house.restart()
    assert [role for role, _ in found[0]] == ["user", "assistant", "user", "assistant", "user"]
    kinds = [block["type"] for block in found[0][1][1]]
    assert kinds == ["thinking", "text", "redacted_thinking", "tool_use", "tool_use"]
    for turns in found:
        # Two results stand in the order in which they were brought or called; for the API it is the same.
        for _, blocks in turns:
            blocks.sort(key=lambda block: block.get("tool_use_id", ""))
    assert found[0] == found[1]


async def test_after_a_restart_a_conversation_continues_without_the_thinking(house: House) -> None:
    talk = Talk(house)
    house.standin.script(calling(1), say("Done."))
    first, second = await talk.ask()
    house.restart()
    talk.bring((first, "a"), (second, "b"))
    await talk.ask()
    assert [[block["type"] for block in blocks] for _, blocks in house.turns] == [
        ["text"],
        ["text", "tool_use", "tool_use"],
        ["tool_result", "tool_result"],
    ]


async def test_thinking_is_not_shared_between_keys(house: House) -> None:
    talk = Talk(house)
    house.standin.script(calling(1), say("Done."))
    first, second = await talk.ask()
    talk.profile = Profile("Be terse.", TOOLS, owner="you")
    talk.bring((first, "a"), (second, "b"))
    await talk.ask()
    assert "seal" not in json.dumps(house.turns)


async def test_foreign_ids_and_names_arrive_legal_and_unique(house: House) -> None:
    talk = Talk(house)
    for number in range(3):
        calls = (ToolCall("call_0", "a.b", "{}"), ToolCall("functions.look:1", "look", "{}"))
        talk.messages += [
            Message("assistant", calls),
            Message("user", tuple(ToolResult(one.id, (Text(f"{one.name} {number}"),)) for one in calls)),
        ]
    house.standin.script(say("Done."))
    await talk.ask()
    ids = [block["id"] for _, blocks in house.turns for block in blocks if block["type"] == "tool_use"]
    assert len(set(ids)) == 6
    results = [
        (block["tool_use_id"], block["content"][0]["text"]) for _, b in house.turns for block in b if "content" in block
    ]
    assert results == list(
        zip(ids, [f"{name} {number}" for number in range(3) for name in ("a.b", "look")], strict=True)
    )
    # And it goes on where it is.
    talk.messages.append(Message("user", (Text("two"),)))
    await talk.ask()
    assert talk.way == "continued"


async def test_two_continuations_of_one_call_get_two_answers(tmp_path: Path) -> None:
    async with open_house(tmp_path, 2) as house:
        talk, twin = Talk(house), Talk(house)
        house.standin.script(calling(1), lambda _: say("Done."))
        first, second = await talk.ask()
        talk.bring((first, "a"), (second, "b"))
        twin.messages = list(talk.messages)
        await asyncio.gather(talk.ask(), twin.ask())
        bodies = [said_upstream(recorded.body) for recorded in house.standin.requests[-2:]]
        assert bodies[0] == bodies[1]
        assert sorted([talk.way == "continued", twin.way == "continued"]) == [False, True]
