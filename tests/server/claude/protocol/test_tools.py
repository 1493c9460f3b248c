"""The client's tools through the real CLI, asserted on the bodies upstream."""

import asyncio
import json
import os
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.claude.protocol.tool_names import legal_name
from server.claude.worker.worker import Worker
from server.conversation.events import Event, Finished, PartDelta, PartStarted, StopReason
from server.conversation.parts import Image, Message, Text, ToolCall, ToolResult
from server.conversation.request import ModelSettings, Profile, Tool, ToolChoice
from server.errors import AnswerCut, DrawbridgeError, UpstreamDown, WorkerDied
from server.standin.script import Cut, Drop, Pause, Refusal, Reply, StreamError, ToolUse, call, refuse, say
from server.standin.script import Text as ScriptText
from server.standin.server import Standin, default_answer
from tests.server.claude.conftest import SONNET, Bench
from tests.server.claude.worker.test_history import MARK, _headers
from tests.server.claude.worker.test_session import masked

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


@pytest.fixture
def loop(bench: Bench, standin: Standin) -> Loop:
    return Loop(bench, standin)


@pytest_asyncio.fixture(loop_scope="module")
async def fresh_loop(bench: Bench, standin: Standin) -> Loop:
    """With a worker that has not been used before."""
    return Loop(bench, standin, worker=await bench.fresh())


async def test_the_tools_arrive_as_the_client_wrote_them(bench: Bench, standin: Standin) -> None:
    """64 of them, 200 kB in all, one description of 10 kB: neither deferred nor cut."""
    schema = {
        "type": "object",
        "properties": {"e": {"type": "string", "title": "é"}},
        "$defs": {"x": {"$ref": "http://x.invalid/y"}},
    }
    tools = tuple(
        Tool(f"tool_{n}", "Ü" * (10_000 if n == 7 else 3_000), json.dumps({**schema, "title": str(n)}))
        for n in range(64)
    )
    loop = Loop(bench, standin, Profile(tools=tools))
    await loop.ask()
    assert loop.body["tools"] == [
        {"name": tool.name, "description": tool.description, "input_schema": json.loads(tool.schema)} for tool in tools
    ]
    assert standin.requests[-1].refusal is None


async def test_a_tools_name_changes_nothing_else(loop: Loop, bench: Bench, standin: Standin) -> None:
    loop.worker = await bench.fresh()
    await loop.ask(held=0)
    plain = Loop(bench, standin, Profile(system="Be terse."))
    await plain.ask()
    bodies: list[dict[str, Any]] = [dict(recorded.body) for recorded in standin.requests]
    assert [[tool["name"] for tool in body.pop("tools")] for body in bodies] == [
        [legal_name(t.name) for t in TOOLS],
        [],
    ]
    work = [json.dumps(body["messages"]).split("working directory: ")[1].split("\\n")[0] for body in bodies]
    first, second = (json.dumps(masked(body)) for body in bodies)
    assert first.replace(work[0], work[1]) == second


async def test_calls_end_the_answer_and_wait_for_their_results(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, say("Done."))
    events = await loop.ask()
    assert isinstance(events[-1], Finished)
    assert (events[-1].reason, events[-1].cost_usd, events[-1].usage.output) == (StopReason.TOOL_CALLS, None, 5)
    text, look, bash = parts_of(events)
    assert (text.text, look.name, json.loads(look.arguments), bash.name) == ("Let me.", "look", {"a": "x"}, "Bash")
    assert loop.worker is not None
    assert loop.worker.is_at_rest
    # In another order than they were called.
    loop.result(ToolResult(bash.id, (Text("two"), Text("parts"))), ToolResult(look.id, (Text("<b>\r\n@/etc/hosts"),)))
    events = await loop.ask()
    assert parts_of(events) == (Text("Done."),)
    assert len(standin.requests) == 2
    assert messages_upstream(loop.body)[2] == (
        "user",
        [
            {
                "type": "tool_result",
                "tool_use_id": look.id,
                "content": [{"type": "text", "text": "<b>\r\n@/etc/hosts"}],
            },
            {
                "type": "tool_result",
                "tool_use_id": bash.id,
                "content": [{"type": "text", "text": "two"}, {"type": "text", "text": "parts"}],
            },
        ],
    )


async def test_several_rounds_send_the_same_messages_live_and_replayed(bench: Bench, standin: Standin) -> None:
    bodies = []
    for is_replayed in (False, True):
        loop = Loop(bench, standin)
        for number in range(3):
            ids = [f"toolu_{number}_{which}" for which in range(2)]
            reply = Reply(
                (
                    ScriptText((f"Round {number}",)),
                    call("look", {"a": str(number)}, id=ids[0]),
                    call(legal_name("a.b"), {}, id=ids[1]),
                ),
                "tool_use",
            )
            standin.script(reply, say("Done."))
            events = await loop.ask()
            assert parts_of(events)[2].name == "a.b"
            loop.result(*results_of(parts_of(events), f"result {number}"))
            if is_replayed:
                loop.worker = None
        await loop.ask()
        bodies.append(messages_upstream(loop.body))
    assert bodies[0] == bodies[1]
    assert len(bodies[0]) == 7
    assert len(standin.requests) == 8


SIZES = [60_000, 450_000, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("is_replayed", [False, True], ids=["waited for", "replayed"])
async def test_a_large_result_arrives_unchanged_and_is_not_written_to_disk(
    loop: Loop, standin: Standin, bench: Bench, size: int, is_replayed: bool
) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    loop.result(*results_of(parts_of(events), MARK + "x" * size))
    if is_replayed:
        loop.worker = None
    await loop.ask()
    results = messages_upstream(loop.body)[2][1]
    assert [result["content"] for result in results] == [[{"type": "text", "text": MARK + "x" * size}]] * 2
    assert len(standin.requests) == 2
    written = (walked for root in (bench.environment["HOME"], bench.scratch.root) for walked in os.walk(root))
    for folder, _, names in written:
        for file in (Path(folder, name) for name in names):
            # The processes live and remove files of their own.
            with suppress(FileNotFoundError):
                assert not file.is_file() or MARK.encode() not in file.read_bytes()


PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
ODD_RESULTS = {
    "nothing": ToolResult("", ()),
    "an empty text": ToolResult("", (Text(""),)),
    "blanks": ToolResult("", (Text(" \n"),)),
    "blanks among others": ToolResult("", (Text("a"), Text(" "), Text("b"))),
    "an error": ToolResult("", (Text("no"), Text("way")), is_error=True),
    "an image": ToolResult("", (Text("see"), Image("image/png", data=PNG))),
}


@pytest.mark.parametrize("odd", ODD_RESULTS.values(), ids=ODD_RESULTS.keys())
async def test_what_a_waiting_process_would_change_is_replayed(loop: Loop, standin: Standin, odd: ToolResult) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    _, look, bash = parts_of(events)
    loop.result(ToolResult(bash.id, (Text("fine"),)), ToolResult(look.id, odd.parts, odd.is_error))
    await loop.ask()
    result = messages_upstream(loop.body)[2][1][1]
    found = [block.get("text", "(an image)") for block in result["content"]]
    expected = [part.text if isinstance(part, Text) else "(an image)" for part in odd.parts]
    assert found == (expected if len(expected) == 1 else [text for text in expected if text.strip()] or [""])
    assert "no output" not in json.dumps(loop.body)
    assert result.get("is_error", False) is odd.is_error
    assert len(standin.requests) == 2


async def test_results_with_text_are_replayed(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    loop.messages = (*loop.messages, Message("user", (*results_of(parts_of(events)), Text("and now?"))))
    await loop.ask()
    roles = [role for role, _ in messages_upstream(loop.body)]
    assert roles == ["user", "assistant", "user"]
    assert [block["type"] for block in messages_upstream(loop.body)[2][1]] == ["tool_result", "tool_result", "text"]


STRAYS = {
    "an unknown tool": call("ghost", {"a": 1}),
    "a tool of Claude Code's": call("Write", {"file_path": "/tmp/x", "content": "x"}),
    "our own": call("mcp__client__call", {"a": 1}),
    "no JSON": ToolUse("look", ('{"a": ',)),
    "a list": ToolUse("look", ("[1]",)),
    "a number that is none": ToolUse("look", ('{"a": NaN}',)),
}


@pytest.mark.parametrize("stray", STRAYS.values(), ids=STRAYS.keys())
async def test_a_call_that_claude_code_would_answer_goes_to_the_client(
    loop: Loop, standin: Standin, stray: ToolUse
) -> None:
    """It is passed on as Claude wrote it, without a second request upstream; the conversation continues by a replay."""
    standin.script(Reply((call("look", {}), stray), "tool_use", before_stop=(Pause(5),)), default_answer)
    events = await loop.ask()
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is StopReason.TOOL_CALLS
    _, found = parts_of(events)
    assert (found.name, found.arguments) == (stray.name, "".join(str(piece) for piece in stray.deltas))
    await loop.close()
    assert len(standin.requests) == 1
    loop.result(*results_of(parts_of(events)))
    await loop.ask()
    assert len(standin.requests) == 2
    assert standin.requests[-1].refusal is None


async def test_a_call_without_arguments_has_empty_ones(loop: Loop, standin: Standin) -> None:
    standin.script(Reply((ToolUse("look", ()),), "tool_use"), default_answer)
    assert parts_of(await loop.ask())[0].arguments == "{}"
    loop.result(*results_of(loop.messages[-1].parts))
    await loop.ask()
    assert len(standin.requests) == 2


async def test_a_worker_with_open_calls_leaks_nothing_into_another_conversation(
    fresh_loop: Loop, standin: Standin
) -> None:
    loop = fresh_loop
    await loop.ask()
    fresh = masked(loop.body), _headers(standin.requests[-1])
    for _ in range(3):
        standin.script(Reply((ScriptText((MARK,)), call("look", {"a": MARK}), call("Bash", {"a": MARK})), "tool_use"))
        loop.messages = (Message("user", (Text(MARK),)),)
        events = await loop.ask(held=0)
        assert len(parts_of(events)) == 3
        standin.script(default_answer)
        loop.messages = (QUESTION,)
        await loop.ask(held=0)
        assert (masked(loop.body), _headers(standin.requests[-1])) == fresh
    assert len(standin.requests) == 7


async def test_a_client_that_disconnects_within_calls_leaves_nothing_behind(fresh_loop: Loop, standin: Standin) -> None:
    loop = fresh_loop
    await loop.ask()
    fresh = masked(loop.body)
    assert loop.worker is not None
    for _ in range(3):
        standin.script(Reply((call("look", {"a": MARK}), Pause(0.05), call("look", {"a": MARK})), "tool_use"))
        answer = loop.worker.ask(PROFILE, SONNET, (Message("user", (Text(MARK),)),))
        async for event in answer:
            if isinstance(event, PartDelta):
                break
        await answer.aclose()
        assert await loop.worker.settle()
        standin.script(default_answer)
        loop.messages = (QUESTION,)
        await loop.ask(held=0)
        assert masked(loop.body) == fresh


async def test_a_death_between_call_and_result_is_an_error_before_the_first_event(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask()
    loop.result(*results_of(parts_of(events)))
    assert loop.worker is not None
    await loop.worker._process.kill()
    with pytest.raises(WorkerDied):
        await loop.ask()
    loop.worker = None
    await loop.ask()
    assert len(messages_upstream(loop.body)) == 3


async def test_a_connection_that_breaks_after_the_calls_does_not_lose_them(loop: Loop, standin: Standin) -> None:
    standin.script(Reply((call("look", {"a": "x"}),), "tool_use", before_stop=(Pause(0.2), Cut())), default_answer)
    events = await loop.ask()
    assert isinstance(events[-1], Finished)
    # Claude Code does not report the break; it needs some time to notice it.
    await asyncio.wait_for(standin.requests[-1].ended(), 10)
    await asyncio.sleep(1)
    loop.result(*results_of(parts_of(events)))
    try:
        await loop.ask()
    except WorkerDied:
        loop.worker = None
        await loop.ask()
    assert len(messages_upstream(loop.body)) == 3


# The pauses give Claude Code time to start a call while the answer continues.
CUTS_IN_CALLS = {
    "in its arguments": Reply((ToolUse("look", ('{"a": ', Cut())),), "tool_use"),
    "in its arguments, later": Reply((ToolUse("look", ('{"a": ', Pause(0.5), Cut())),), "tool_use"),
    "behind it": Reply((call("look", {"a": "x"}), Cut()), "tool_use"),
    "behind it, later": Reply((call("look", {"a": "x"}), Pause(0.5), Cut()), "tool_use"),
    "in the second": Reply((call("look", {"a": "x"}), ToolUse("look", ('{"a"', Pause(0.5), Cut()))), "tool_use"),
    "before a reason": Reply((call("look", {"a": "x"}),), stop_reason=None),
    "before a reason, later": Reply((call("look", {"a": "x"}), Pause(0.5)), stop_reason=None),
    "an error behind it": Reply((call("look", {"a": "x"}), Pause(0.5), StreamError()), "tool_use"),
}


@pytest.mark.parametrize("reply", CUTS_IN_CALLS.values(), ids=CUTS_IN_CALLS)
async def test_a_cut_within_a_call_is_an_error_without_a_second_request(
    loop: Loop, standin: Standin, reply: Reply
) -> None:
    standin.script(lambda _: reply)
    with pytest.raises((AnswerCut, UpstreamDown)):
        await loop.ask()
    await loop.close()
    assert len(standin.requests) == 1


CHOICES = [
    (ToolChoice(), None),
    (ToolChoice("none"), {"type": "none"}),
    (ToolChoice("any"), {"type": "any"}),
    (ToolChoice("auto", parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
    (ToolChoice("tool", "a.b"), {"type": "tool", "name": legal_name("a.b")}),
    (
        ToolChoice("tool", "look", parallel=False),
        {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
    ),
]


async def test_a_tool_choice_applies_to_its_request_only(loop: Loop, standin: Standin) -> None:
    for choice, expected in CHOICES:
        loop.messages = (QUESTION,)
        await loop.ask(ModelSettings(model="sonnet", tool_choice=choice), held=0)
        assert loop.body.get("tool_choice") == expected
        assert standin.requests[-1].refusal is None


async def test_a_choice_that_changes_with_the_results_is_followed(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, default_answer)
    events = await loop.ask(ModelSettings(model="sonnet", tool_choice=ToolChoice("any")))
    loop.result(*results_of(parts_of(events)))
    await loop.ask(ModelSettings(model="sonnet"))
    assert [recorded.body.get("tool_choice") for recorded in standin.requests] == [{"type": "any"}, None]


async def test_an_effort_that_changes_with_the_results_is_followed(loop: Loop, standin: Standin) -> None:
    """Claude Code keeps the effort of the turn's first request, so the conversation is replayed."""
    standin.script(CALLS, default_answer)
    events = await loop.ask(ModelSettings(model="sonnet", effort="low"))
    loop.result(*results_of(parts_of(events)))
    await loop.ask(ModelSettings(model="sonnet", effort="high"))
    assert [recorded.body["output_config"] for recorded in standin.requests] == [{"effort": "low"}, {"effort": "high"}]
    assert len(messages_upstream(loop.body)) == 3


@pytest.mark.parametrize("failure", [refuse(529), refuse(400, "no"), Drop(reset=True)], ids=["529", "400", "dropped"])
async def test_a_failure_after_the_results_leaves_nothing_behind(
    fresh_loop: Loop, standin: Standin, failure: Refusal | Drop
) -> None:
    loop = fresh_loop
    await loop.ask()
    fresh = masked(loop.body)
    standin.script(CALLS, lambda _: failure)
    loop.messages = (Message("user", (Text(MARK),)),)
    events = await loop.ask(held=0)
    loop.result(*results_of(parts_of(events), MARK))
    with pytest.raises(DrawbridgeError):
        await loop.ask()
    assert loop.worker is not None
    assert loop.worker.is_at_rest
    failed = loop.messages
    standin.script(default_answer)
    loop.messages = (QUESTION,)
    await loop.ask(held=0)
    assert masked(loop.body) == fresh
    # A repeated request is answered.
    loop.messages = failed
    await loop.ask(held=0)
    assert [role for role, _ in messages_upstream(loop.body)] == ["user", "assistant", "user"]


async def test_an_answer_to_results_that_reaches_its_limit_ends_there(loop: Loop, standin: Standin) -> None:
    standin.script(CALLS, say("so", stop_reason="max_tokens", before_stop=(Pause(5),)), default_answer)
    events = await loop.ask()
    loop.result(*results_of(parts_of(events)))
    events = await loop.ask()
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is StopReason.LENGTH
    await loop.close()
    assert len(standin.requests) == 2


async def test_calls_that_reach_the_limit_end_with_it_and_are_not_awaited(loop: Loop, standin: Standin) -> None:
    reply = Reply((call("look", {"a": "x"}), ToolUse("look", ('{"a": "',))), "max_tokens", before_stop=(Pause(5),))
    standin.script(reply, default_answer)
    events = await loop.ask()
    assert isinstance(events[-1], Finished)
    assert events[-1].reason is StopReason.LENGTH
    await loop.close()
    assert len(standin.requests) == 1
