"""Conversations with tools through the whole product: parked or replayed, across restarts, of any size."""

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Reply, Thinking, call, say
from server.standin.script import Text as Words
from server.standin.server import Standin
from tests.server.claude.tool_loop import messages_upstream
from tests.whole.bridge import Bridge, open_bridge

TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "description": "Does it.", "parameters": {"type": "object", "properties": {}}},
    }
    for name in ("look", "Bash", "a.b")
]
MARK = "MARK"
pytestmark = pytest.mark.asyncio(loop_scope="module")


class Agent:
    """A client with tools, which sends back all that it got."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = [{"role": "user", "content": "one"}]
        self.way = ""

    async def ask(self, bridge: Bridge, **fields: Any) -> list[dict[str, Any]]:
        """Sends the conversation; returns the calls of the answer."""
        answer = await bridge.post({"model": "sonnet", "messages": self.messages, "tools": TOOLS, **fields})
        assert answer.status_code == 200, answer.text
        self.way = answer.headers["x-drawbridge-way"]
        (choice,) = answer.json()["choices"]
        self.messages.append({name: value for name, value in choice["message"].items() if value is not None})
        assert (choice["finish_reason"] == "tool_calls") is ("tool_calls" in self.messages[-1])
        calls: list[dict[str, Any]] = self.messages[-1].get("tool_calls", [])
        return calls

    def bring(self, calls: list[dict[str, Any]], text: str) -> None:
        """Appends the results, that of the last call first."""
        self.messages += [{"role": "tool", "tool_call_id": one["id"], "content": text} for one in reversed(calls)]


def calling(number: int) -> Reply:
    """Thinking, text and two calls."""
    return Reply(
        (
            Thinking((f"Hm {number}.",)),
            Words((f" Round {number}. ",)),
            call("Bash", {"n": number, "é": [1.5, None]}, id=f"toolu_{number}a"),
            call("look", {}, id=f"toolu_{number}b"),
        ),
        "tool_use",
    )


async def test_the_same_turns_arrive_waited_for_and_replayed(upstream: Standin, tmp_path: Path) -> None:
    found, ways = [], []
    for isolation in ("warm", "process"):
        agent = Agent()
        environment = {"DRAWBRIDGE_ISOLATION": isolation}
        async with open_bridge(upstream, tmp_path / isolation, environment=environment) as bridge:
            for number in range(3):
                upstream.script(calling(number))
                agent.bring(await agent.ask(bridge), f"result {number}")
            upstream.script(say("Done."))
            assert await agent.ask(bridge) == []
        found.append(messages_upstream(upstream.requests[-1].body))
        ways.append(agent.way)
    assert ways == ["continued", "process"]
    assert found[0] == found[1]
    assert [role for role, _ in found[0]] == ["user", "assistant"] * 3 + ["user"]
    assert [block["type"] for block in found[0][1][1]] == ["thinking", "text", "tool_use", "tool_use"]
    assert all(recorded.refusal is None for recorded in upstream.requests)


async def test_a_conversation_survives_a_restart_between_call_and_result(upstream: Standin, tmp_path: Path) -> None:
    agent = Agent()
    for number in range(3):
        async with open_bridge(upstream, tmp_path) as bridge:
            upstream.script(calling(number) if number < 2 else say("Done."))
            agent.bring(await agent.ask(bridge), f"result {number}")
    turns = messages_upstream(upstream.requests[-1].body)
    assert [[block["type"] for block in blocks] for _, blocks in turns] == [
        ["text"],
        *[["text", "tool_use", "tool_use"], ["tool_result", "tool_result"]] * 2,
    ]
    assert upstream.requests[-1].refusal is None


async def test_a_worker_killed_between_call_and_result_is_invisible(upstream: Standin, tmp_path: Path) -> None:
    """One dead worker: the server retries once."""
    agent = Agent()
    async with open_bridge(upstream, tmp_path, "--pool-size", "1") as bridge:
        upstream.script(calling(1), say("Done."))
        calls = await agent.ask(bridge)
        (worker,) = bridge.workers()
        worker.kill()
        agent.bring(calls, "seen")
        assert await agent.ask(bridge) == []
    assert agent.messages[-1]["content"] == "Done."


@pytest.mark.parametrize("isolation", ["warm", "process"])
async def test_large_results_arrive_whole_and_are_written_nowhere(
    upstream: Standin, tmp_path: Path, isolation: str
) -> None:
    async with open_bridge(upstream, tmp_path, environment={"DRAWBRIDGE_ISOLATION": isolation}) as bridge:
        for size in (60_000, 450_000, 1_000_000):
            agent = Agent()
            upstream.script(calling(1), say("Done."))
            agent.bring(await agent.ask(bridge), MARK + "é" * size)
            await agent.ask(bridge)
            results = messages_upstream(upstream.requests[-1].body)[2][1]
            assert [result["content"][0]["text"] for result in results] == [MARK + "é" * size] * 2
        for place, _, names in os.walk(tmp_path):
            for file in (Path(place, name) for name in names):
                # Processes that end now delete their files.
                with suppress(FileNotFoundError):
                    assert not file.is_file() or MARK.encode() not in file.read_bytes(), file


async def test_nothing_of_tools_sticks_to_the_next_conversation(upstream: Standin, tmp_path: Path) -> None:
    async with open_bridge(upstream, tmp_path, "--pool-size", "1") as bridge:
        upstream.script(lambda _: say("Done."))
        await Agent().ask(bridge)
        fresh = upstream.requests[-1].body
        agent = Agent()
        agent.messages = [{"role": "user", "content": MARK}]
        upstream.script(calling(1), lambda _: say("Done."))
        await agent.ask(bridge, tool_choice="required", parallel_tool_calls=False)
        assert upstream.requests[-1].body["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
        again = Agent()
        await again.ask(bridge)
        assert again.way == "reset"
        body = upstream.requests[-1].body
        assert json.dumps({**body, "metadata": None}) == json.dumps({**fresh, "metadata": None})
