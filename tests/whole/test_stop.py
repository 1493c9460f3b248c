"""Stopping a server that is busy: with requests of every state, by every means, and nothing is left of it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from server.standin.script import Gate, Hold, say
from server.standin.server import open_standin
from tests.whole.bridge import Bridge, gone, messages, open_bridge, text_of
from tests.whole.test_life import command

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HALVES = (b"", HEAD[:30], HEAD + b'Content-Length: 99\r\n\r\n{"messages"')
# What uvicorn logs when the grace has passed with requests that still run.
GRACE_PASSED = "timeout graceful shutdown exceeded"
not_on_windows = pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process at these signals")


def by(number: signal.Signals) -> Callable[[Bridge], Awaitable[None]]:
    async def stop(bridge: Bridge) -> None:
        os.kill(bridge.process.pid, number)

    return stop


async def by_command(bridge: Bridge) -> None:
    await command(bridge, "stop")


async def connect(bridge: Bridge, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    port = int(bridge.url.removesuffix("/v1").rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    return reader, writer


def large_bodies() -> list[bytes]:
    text = {"messages": messages('a "word" ' * 2_500_000)}
    numbers = {"messages": messages("hi"), "metadata": {"numbers": list(range(240_000))}}
    turns = {"messages": messages(*["w"] * 9_999)}
    return [json.dumps(body).encode() for body in (text, numbers, turns)]


async def test_requests_that_have_not_arrived_completely_do_not_delay_a_stop(folder: Path) -> None:
    gate = Gate()
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        standin.script(say("first", Hold(gate), " last"))
        asking = asyncio.create_task(bridge.stream("hi"))
        await asyncio.wait_for(gate.reached(), 30)
        strangers = [await connect(bridge, half) for half in HALVES for _ in range(10)]
        # Answered after their bytes were read, since the server reads in the order of arrival.
        await bridge.health()
        os.kill(bridge.process.pid, signal.SIGTERM)
        for reader, _ in strangers:
            with suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 30) == b""
        gate.open()
        assert text_of(await asking) == "first last"
        assert await bridge.stop() == 0
        assert GRACE_PASSED not in bridge.log
        for _, writer in strangers:
            writer.close()


@pytest.mark.parametrize(
    "stop",
    [
        pytest.param(by(signal.SIGTERM), marks=not_on_windows),
        pytest.param(by(signal.SIGINT), marks=[pytest.mark.soak, not_on_windows]),
        pytest.param(by_command, marks=pytest.mark.soak),
    ],
    ids=["SIGTERM", "SIGINT", "command"],
)
async def test_a_stop_under_load_ends_everything(folder: Path, stop: Callable[[Bridge], Awaitable[None]]) -> None:
    """Large bodies are translated, a stream runs, a request waits for its first word, others have half arrived."""
    streaming, waiting = Gate(), Gate()
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "3") as bridge:
        await bridge.until_pool(raw=3)
        standin.script(say("Half", Hold(streaming)), say("never", before_headers=(Hold(waiting),)))
        asking = [asyncio.create_task(bridge.chat("hi", stream=True)) for _ in range(2)]
        await asyncio.wait_for(asyncio.gather(streaming.reached(), waiting.reached()), 30)
        headers = {"content-type": "application/json"}
        for body in large_bodies():
            posting = bridge.client.post("/chat/completions", content=body, headers=headers)
            asking.append(asyncio.create_task(posting))
        strangers = [await connect(bridge, half) for half in HALVES for _ in range(5)]
        await bridge.health()
        children = bridge.server.children(recursive=True)
        await stop(bridge)
        async with asyncio.timeout(60):
            assert await bridge.process.wait() == 0
        assert await gone(children, 5.0) == []
        assert list((folder / "tmp").iterdir()) == []
        assert "Traceback" not in bridge.log + "".join(bridge.complaints)
        await asyncio.gather(*asking, return_exceptions=True)
        for _, writer in strangers:
            writer.close()
