"""A conversation with tools over a worker, for tests."""

import asyncio
from contextlib import aclosing
from typing import Any

from server.claude.worker.worker import Worker
from server.conversation.events import Event, PartDelta, PartStarted
from server.conversation.parts import Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelSettings, Profile, Tool
from server.standin.script import Reply, call
from server.standin.script import Text as ScriptText
from server.standin.server import Standin
from tests.server.claude.conftest import SONNET, Bench

SCHEMA = '{"type": "object", "properties": {"a": {"type": "string"}}}'
# Names of Claude Code's own tools, and names that Claude's API does not take.
TOOLS = tuple(
    Tool(name, f"What {name!r} does.", SCHEMA) for name in ("look", "Bash", "Agent", "Read", "a.b", "Größe messen")
)
PROFILE = Profile(system="Be terse.", tools=TOOLS)
QUESTION = Message("user", (Text("one"),))


class Loop:
    """A conversation with tools: each request brings all messages before it.

    Set `worker` to None to continue on another worker.
    """

    def __init__(
        self, bench: Bench, standin: Standin, profile: Profile = PROFILE, worker: Worker | None = None
    ) -> None:
        self.bench, self.standin, self.profile = bench, standin, profile
        self.worker = worker
        self._used: list[Worker] = []
        self.messages: tuple[Message, ...] = (QUESTION,)

    async def ask(self, settings: ModelSettings = SONNET, *, held: int | None = None) -> list[Event]:
        """Asks the last message and adds the answer to the conversation."""
        if self.worker is None:
            self.worker = await self.bench.warm(self.profile, other_than=self._used)
            self._used.append(self.worker)
            held = 0
        is_first = len(self.messages) == 1
        held = 0 if is_first else len(self.messages) - 1 if held is None else held
        async with aclosing(self.worker.ask(self.profile, settings, self.messages, held=held)) as answer:
            events = [event async for event in answer]
        self.messages = (*self.messages, Message("assistant", parts_of(events)))
        return events

    def result(self, *results: ToolResult) -> None:
        self.messages = (*self.messages, Message("user", results))

    async def close(self) -> None:
        """Closes all workers, and waits until the stand-in has recorded everything that they have sent."""
        assert self.worker is not None
        await self.worker.close()
        await self.bench.settle(close=True)
        self.worker = None
        await asyncio.wait_for(self.standin.disconnected(), 10)

    @property
    def body(self) -> dict[str, Any]:
        return self.standin.requests[-1].body


def parts_of(events: list[Event]) -> tuple[Any, ...]:
    texts: dict[int, str] = {}
    parts: dict[int, Any] = {}
    for event in events:
        if isinstance(event, PartStarted):
            parts[event.index], texts[event.index] = event.part, ""
        elif isinstance(event, PartDelta):
            texts[event.index] += event.text
    return tuple(
        Text(texts[index]) if isinstance(part, Text) else ToolCall(part.id, part.name, texts[index])
        for index, part in parts.items()
    )


def results_of(calls: tuple[Any, ...], text: str = "seen") -> tuple[ToolResult, ...]:
    return tuple(ToolResult(part.id, (Text(text),)) for part in calls if isinstance(part, ToolCall))


def messages_upstream(body: dict[str, Any]) -> list[tuple[str, Any]]:
    """The turns without notes and marks; texts as blocks, and results as lists of blocks."""
    found = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if message["role"] != "system":
            found.append((message["role"], [_plain(block) for block in blocks]))
    return found


def _plain(block: dict[str, Any]) -> dict[str, Any]:
    plain = {name: value for name, value in block.items() if name != "cache_control"}
    if isinstance(plain.get("content"), str):
        plain["content"] = [{"type": "text", "text": plain["content"]}]
    return plain


CALLS = Reply((ScriptText(("Let me.",)), call("look", {"a": "x"}), call("Bash", {"b": [1, {"c": None}]})), "tool_use")
