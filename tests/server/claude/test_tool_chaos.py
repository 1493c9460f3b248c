"""Many concurrent conversations with tools, seeded, with killed processes and disconnects: no body mixes two."""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from server.claude.protocol.tool_names import legal_name
from server.claude.worker.worker import Worker
from server.conversation.accumulator import MessageAccumulator
from server.conversation.events import Failed, Finished, PartDelta, Started, StopReason
from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelRequest, ModelSettings, Profile, Tool, ToolChoice
from server.errors import DrawbridgeError
from server.standin.script import Pause, Reply, Script, Thinking, ToolUse, call, say
from server.standin.script import Text as ScriptText
from server.standin.server import Recorded
from tests.server.claude.test_tool_conversations import OTHER, PROFILE, PoolBench, open_pool_bench
from tests.server.claude.tool_loop import messages_upstream

PROFILES = (PROFILE, OTHER, Profile("No tools.", owner="me"), Profile("Be terse.", PROFILE.tools, owner="you"))
_MARK = re.compile(r"\[t\d+\]")


class Person:
    """One conversation after another, each of several rounds."""

    def __init__(self, crowd: "Crowd", chance: random.Random) -> None:
        self.crowd, self.chance = crowd, chance
        self.talks: list[tuple[str, Profile, list[Message]]] = []

    async def live(self, steps: int) -> None:
        for _ in range(steps):
            mark, profile, messages = self._next()
            if self.chance.random() < 0.06:
                self.crowd.kill_one(self.chance)
            if messages[-1].role == "assistant":
                messages.append(self._user_turn(mark, messages[-1]))
            self.crowd.expected[mark] = list(messages)
            if self.chance.random() < 0.08:
                await self._ask(profile, messages, disconnects=True)
            answer = None
            for _ in range(5):
                if answer is None:
                    answer = await self._ask(profile, messages)
            assert answer is not None, "no answer"
            messages.append(answer)

    def _next(self) -> tuple[str, Profile, list[Message]]:
        going = [talk for talk in self.talks[-3:] if len(talk[2]) < 12]
        if not going or self.chance.random() < 0.2:
            mark = self.crowd.new_mark()
            begin = Message("user", (Text(f"{mark} Begin."),))
            self.talks.append((mark, self.crowd.profile(mark, self.chance), [begin]))
            return self.talks[-1]
        return self.chance.choice(going) if self.chance.random() < 0.4 else going[-1]

    def _user_turn(self, mark: str, answer: Message) -> Message:
        results: list[Any] = [
            ToolResult(part.id, (Text(f"{mark} result {self.chance.choice(('', 'x' * 60_000, ' ', chr(0x202E)))}"),))
            for part in answer.parts
            if isinstance(part, ToolCall)
        ]
        self.chance.shuffle(results)
        if results and self.chance.random() < 0.1:
            results[0] = ToolResult(results[0].id, (Text(""),))
        if not results or self.chance.random() < 0.1:
            results.append(Text(f"{mark} And then?"))
        return Message("user", tuple(results))

    async def _ask(self, profile: Profile, messages: list[Message], *, disconnects: bool = False) -> Message | None:
        choice = ToolChoice(self.chance.choice(("auto", "auto", "auto", "any"))) if profile.tools else ToolChoice()
        settings = ModelSettings(effort=self.chance.choice((None, None, None, "low")), tool_choice=choice)
        # A worker that was just killed may be leased before the pool notices.
        is_dying = any(worker.is_alive for worker in self.crowd.killed)
        kills, spoken = -1 if is_dying else self.crowd.kills, MessageAccumulator()
        events = self.crowd.pool_bench.answering.stream(ModelRequest(tuple(messages), "sonnet", profile, settings))
        try:
            async with asyncio.timeout(60):
                async for event in events:
                    if isinstance(event, Failed):
                        raise event.error
                    if isinstance(event, Started):
                        self.crowd.ways[event.way] += 1
                    spoken.add(event)
                    if disconnects and isinstance(event, PartDelta):
                        return None
                    if isinstance(event, Finished):
                        self.crowd.reasons[event.reason] += 1
        except DrawbridgeError as error:
            if self.crowd.kills == kills:
                raise AssertionError(messages) from error
            return None
        finally:
            await events.aclose()
        return spoken.message


class Crowd:
    """What all share: the pool, and what each conversation should look like upstream."""

    def __init__(self, pool_bench: PoolBench, seed: int) -> None:
        self.pool_bench, self.chance = pool_bench, random.Random(seed)
        self.expected: dict[str, list[Message]] = {}
        self.profiles: dict[str, Profile] = {}
        self.kills = 0
        self.killed: list[Worker] = []
        self.ways: Counter[str] = Counter()
        self.reasons: Counter[StopReason] = Counter()
        self.faults: list[object] = []
        pool_bench.standin.script(self.answer)

    def new_mark(self) -> str:
        self.expected[mark := f"[t{len(self.expected)}]"] = []
        return mark

    def profile(self, mark: str, chance: random.Random) -> Profile:
        """One that others have too, or one with a new system prompt and perhaps a new tool."""
        profile = chance.choice(PROFILES)
        if chance.random() < 0.5:
            own = Tool(f"own_{mark[1:-1]}", "Own.", '{"type": "object"}')
            system = f"{mark} Be kind." + chance.choice(("", "\n"))
            profile = replace(profile, system=system, tools=(*profile.tools, own)[chance.randrange(2) :])
        self.profiles[mark] = profile
        return profile

    def kill_one(self, chance: random.Random) -> None:
        alive = [worker for worker in self.pool_bench.workers if worker.is_alive]
        if alive:
            self.kills += 1
            self.killed.append(chance.choice(alive))
            self.killed[-1]._process._kill_now()

    def answer(self, recorded: Recorded) -> Script:
        """Checks an arriving body and answers it with text or calls."""
        marks = set(_MARK.findall(json.dumps(recorded.body["messages"])))
        if len(marks) != 1:
            self.faults.append(("marks", marks))
            return say("no")
        (mark,) = marks
        found = [normal(role, blocks) for role, blocks in messages_upstream(recorded.body)]
        wanted = [normal(message.role, [wire(part) for part in message.parts]) for message in self.expected[mark]]
        if found != wanted:
            self.faults.append((mark, found, wanted))
        profile, systems = self.profiles[mark], [block["text"] for block in body_of(recorded)["system"]]
        if systems[-1] != profile.system:
            self.faults.append((mark, systems, profile.system))
        offered = [tool["name"] for tool in body_of(recorded).get("tools") or []]
        if offered != [legal_name(tool.name) for tool in profile.tools]:
            self.faults.append((mark, offered, profile.tools))
        return self._reply(mark, recorded.body)

    def _reply(self, mark: str, body: Mapping[str, Any]) -> Script:
        chance = self.chance
        if not body.get("tools") or chance.random() < 0.3:
            return say(f" {mark} so", " it is. ")
        calls: list[ToolUse] = [
            call(chance.choice(body["tools"])["name"], {"mark": mark, "n": number})
            for number in range(chance.randint(1, 3))
        ]
        strays = []
        if chance.random() < 0.05:
            strays = [call("ghost", {"mark": mark})]
        elif chance.random() < 0.05:
            strays = [ToolUse("look", (f'{{"mark": "{mark}',))]
        written = (ScriptText((f"{mark} Let me.",)),) if chance.random() < 0.5 else ()
        thoughts = (Thinking((f"{mark} Hm.",)),) if chance.random() < 0.3 else ()
        # Time to kill Claude Code, which would answer a stray call itself.
        before_stop = (Pause(5),) if strays else ()
        return Reply((*thoughts, *written, *calls, *strays, Pause(0.02)), "tool_use", before_stop=before_stop)


def body_of(recorded: Recorded) -> Mapping[str, Any]:
    return recorded.body


def wire(part: Any) -> dict[str, Any]:
    """A part as it should arrive."""
    match part:
        case Text():
            return {"type": "text", "text": part.text}
        case ToolCall():
            try:
                arguments = json.loads(part.arguments)
            except ValueError:
                arguments = {"INVALID_JSON": part.arguments}
            name = {"a.b": "a_b_e56a617bbe0d"}.get(part.name, part.name)
            return {"type": "tool_use", "id": part.id, "name": name, "input": arguments}
        case ToolResult():
            texts = [{"type": "text", "text": inner.text} for inner in part.parts]  # type: ignore[union-attr] # texts
            return {"type": "tool_result", "tool_use_id": part.id, "content": texts}
    raise AssertionError(part)


def normal(role: str, blocks: list[dict[str, Any]]) -> tuple[str, list[str]]:
    """A message without what may differ: thinking, the order of results, whitespace around Claude's text."""
    kept = [block for block in blocks if block["type"] not in {"thinking", "redacted_thinking"}]
    if role == "assistant":
        kept = [{**block, "text": block["text"].strip()} if "text" in block else block for block in kept]
    return role, sorted(json.dumps(block, sort_keys=True) for block in kept)


@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("size", "people", "steps"),
    [
        pytest.param(2, 4, 3, id="crowded, short"),
        pytest.param(4, 2, 6, id="roomy, short"),
        pytest.param(2, 4, 20, id="crowded", marks=pytest.mark.soak),
        pytest.param(4, 2, 40, id="roomy", marks=pytest.mark.soak),
    ],
)
async def test_every_body_contains_only_its_own_conversation(
    tmp_path: Path, is_live: bool, size: int, people: int, steps: int
) -> None:
    async with open_pool_bench(tmp_path, size, is_live=is_live) as pool_bench:
        crowd = Crowd(pool_bench, size)
        async with asyncio.TaskGroup() as group:
            for number in range(people):
                group.create_task(Person(crowd, random.Random(100 * size + number)).live(steps))
        assert not crowd.faults, crowd.faults[0]
        assert all(recorded.refusal is None for recorded in pool_bench.standin.requests)
        print(crowd.ways, crowd.reasons, f"{crowd.kills} kills, {len(pool_bench.standin.requests)} requests")
        least = people * steps // 6
        assert crowd.reasons[StopReason.TOOL_CALLS] > least
        assert size == 2 or crowd.ways["continued"] > least
