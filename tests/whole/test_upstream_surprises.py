"""Odd events from upstream, odd lines of the CLI, and processes that hang: no request hangs."""

import asyncio
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from server.claude.cli.locate import bundled_cli
from server.standin.script import Plain, Reply, ToolUse, say
from server.standin.server import Standin, open_standin
from tests.whole.bridge import Bridge, gone, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Far below the timeout of the answer, 120 s.
SOON_S = 60.0
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}

START = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5-5",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    },
}
TEXT = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
DELTA = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hm."}}
CALL = {"type": "content_block_start", "index": 0, "content_block": {"type": "tool_use", "id": "toolu_1", "input": {}}}
STOP = {"type": "content_block_stop", "index": 0}
END = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}}


def without_index(event: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != "index"}


def stream_of(*events: dict[str, Any]) -> Plain:
    lines = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in (*events, {"type": "message_stop"})]
    return Plain("".join(lines), content_type="text/event-stream")


ODD = {
    "a block without an index": stream_of(START, without_index(TEXT), DELTA, STOP, END),
    "a block whose index is a string": stream_of(START, {**TEXT, "index": "0"}, DELTA, STOP, END),
    "a delta without an index": stream_of(START, TEXT, without_index(DELTA), STOP, END),
    "a call without a name": stream_of(START, CALL, STOP, {**END, "delta": {"stop_reason": "tool_use"}}),
    "a stop reason that is a list": stream_of(START, TEXT, DELTA, STOP, {**END, "delta": {"stop_reason": ["x"]}}),
    "a stop reason that is an object": stream_of(START, TEXT, DELTA, STOP, {**END, "delta": {"stop_reason": {}}}),
    "a stop reason that is unknown": stream_of(START, TEXT, DELTA, STOP, {**END, "delta": {"stop_reason": "new"}}),
    "a start without a message": stream_of({"type": "message_start"}, TEXT, DELTA, STOP, END),
    "a block of an unknown type": stream_of(START, {**TEXT, "content_block": {"type": "hologram"}}, DELTA, STOP, END),
}


SURPRISE = (500, "claude_code_surprise")
# Claude Code itself reports these two, one by ending the answer and one as a failure of the API.
EXPECTED = dict.fromkeys(ODD, SURPRISE) | {
    "a delta without an index": (500, "answer_cut"),
    "a start without a message": (503, "claude_unavailable"),
}


@pytest.mark.parametrize(("odd", "expected"), [(ODD[name], EXPECTED[name]) for name in ODD], ids=list(ODD))
async def test_an_odd_event_from_upstream_is_an_upstream_error_at_once(
    bridge: Bridge, standin: Standin, odd: Plain, expected: tuple[int, str]
) -> None:
    standin.script(lambda recorded: odd)
    async with asyncio.timeout(SOON_S):
        reply = await bridge.chat("hi", tools=[TOOL])
    assert (reply.status_code, reply.json()["error"]["code"]) == expected, reply.text
    assert "a bug in Drawbridge" not in bridge.log


async def test_a_call_nested_a_thousand_deep_ends_at_once(bridge: Bridge, standin: Standin) -> None:
    arguments = '{"at": ' + "[" * 1000 + "]" * 1000 + "}"
    standin.script(lambda recorded: Reply((ToolUse("look", (arguments,)),), stop_reason="tool_use"))
    async with asyncio.timeout(SOON_S):
        reply = await bridge.chat("hi", tools=[TOOL])
    assert reply.status_code == 200
    (call,) = reply.json()["choices"][0]["message"]["tool_calls"]
    assert call["function"] == {"name": "look", "arguments": arguments}
    standin.script(say("still here"))
    assert (await bridge.chat("hello")).status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script")
async def test_a_deep_line_of_the_cli_at_its_start_is_passed_over(folder: Path) -> None:
    cli = folder / "claude"
    deep = "printf '{\"a\":'; head -c 100000 /dev/zero | tr '\\0' '['; echo"
    cli.write_text(f'#!/bin/sh\n{deep}\nexec {shlex.quote(str(bundled_cli()))} "$@"\n')
    cli.chmod(0o755)
    async with open_standin() as standin, open_bridge(standin, folder, "--cli-path", str(cli)) as bridge:
        # The first request with another CLI waits for the self-check, on a busy machine for up to 30 s.
        assert (await bridge.chat("hi")).status_code == 200


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process by a signal")
@pytest.mark.parametrize("how_many", [1, 3])
async def test_stopped_processes_are_replaced_within_seconds(folder: Path, how_many: int) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "3") as bridge:
        await bridge.until_pool(raw=3)
        stopped = bridge.workers()[:how_many]
        for worker in stopped:
            os.kill(worker.pid, signal.SIGSTOP)
        # The oldest spare, which is the first that was started, gets the request.
        async with asyncio.timeout(60):
            reply = await bridge.chat("hi")
        assert reply.status_code == 200, reply.text
        assert await gone(stopped, 30.0) == []
        assert len(standin.requests) == 1
