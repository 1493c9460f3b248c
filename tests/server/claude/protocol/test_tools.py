"""The client's tools through the real CLI, asserted on the bodies upstream."""

import json
from typing import Any

import pytest

from server.claude.protocol.tool_names import legal_name
from server.conversation.events import Finished, StopReason
from server.conversation.parts import Text, ToolResult
from server.conversation.request import ModelSettings, Profile, Tool, ToolChoice
from server.standin.script import Pause, Reply, ToolUse, call, say
from server.standin.script import Text as ScriptText
from server.standin.server import Standin, default_answer
from tests.server.claude.conftest import Bench
from tests.server.claude.tool_loop import CALLS, QUESTION, TOOLS, Loop, messages_upstream, parts_of, results_of
from tests.server.claude.worker.test_session import masked


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
