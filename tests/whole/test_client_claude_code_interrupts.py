"""Interrupts with Claude Code as the client of the server: Claude stops, and the session goes on."""

import asyncio
import json
import signal
from collections.abc import Mapping

import pytest

from server.standin.script import Gate, Hold, Script, say
from server.standin.server import Standin
from tests.whole.bridge import Bridge
from tests.whole.claude_code import LIMIT_S, ClaudeCode, ended
from tests.whole.test_client_claude_code_turns import client, exchanged

__all__ = ["client"]

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(600)]

QUESTION, NEXT = "Count to a million.", "And now?"
STREAMED = ("--output-format", "stream-json", "--verbose", "--include-partial-messages")


def begins(gate: Gate) -> Script:
    """An answer that never ends."""
    return say("Begun", Hold(gate), " never.")


async def test_ctrl_c_frees_the_worker_and_the_session_goes_on(
    client: ClaudeCode, bridge: Bridge, standin: Standin
) -> None:
    gate = Gate()
    standin.script(begins(gate), say("It is done."))
    process = await client.start(*STREAMED, "--", QUESTION)
    await shown(process, "Begun")
    await bridge.until_pool(answering=1, booting=0)
    workers = {worker.pid for worker in bridge.workers()}
    process.send_signal(signal.SIGINT)
    await ended(process)
    await standin.requests[0].client_disconnected()
    await bridge.until_pool(answering=0, waiting=0)
    report = await client.run("--continue", "--", NEXT)
    assert report["result"] == "It is done."
    assert {worker.pid for worker in bridge.workers()} == workers
    assert_goes_on(standin)


async def test_an_interrupt_keeps_the_session_alive(client: ClaudeCode, bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    standin.script(begins(gate), say("It is done."))
    process = await client.start("--input-format", "stream-json", *STREAMED, stdin=asyncio.subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(frame(user(QUESTION)))
    await shown(process, "Begun")
    process.stdin.write(frame({"type": "control_request", "request_id": "1", "request": {"subtype": "interrupt"}}))
    await standin.requests[0].client_disconnected()
    await bridge.until_pool(answering=0, waiting=0)
    await shown(process, '"type":"result"')
    process.stdin.write(frame(user(NEXT)))
    assert json.loads(await shown(process, '"type":"result"'))["result"] == "It is done."
    process.stdin.close()
    await ended(process)
    assert_goes_on(standin)


async def shown(process: asyncio.subprocess.Process, text: str) -> str:
    """The next line that the client prints with this text in it."""
    assert process.stdout is not None
    while text not in (line := (await asyncio.wait_for(process.stdout.readline(), LIMIT_S)).decode()):
        assert line, f"it ended without {text}"
    return line


def assert_goes_on(standin: Standin) -> None:
    """The second request has the first question and the next one. What lies between is the client's own affair."""
    _, resumed = [exchanged(request.body) for request in standin.requests]
    assert (resumed[0][0], resumed[0][1].strip(), resumed[-1]) == ("user", QUESTION, ("user", NEXT))


def user(text: str) -> dict[str, object]:
    return {"type": "user", "message": {"role": "user", "content": text}}


def frame(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"
