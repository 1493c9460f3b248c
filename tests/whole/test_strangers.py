"""Connections of strangers that send no whole request: callers are served, and the server can be stopped."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from server.standin.server import open_standin
from tests.whole.bridge import ROOT, Bridge, messages, open_bridge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows does not limit the descriptors of a process")

# More than the server has descriptors: 256.
STRANGERS = 400
HALVES = (
    b"",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localh",
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b'Content-Length: 99\r\n\r\n{"messages"',
)


@asynccontextmanager
async def strangers(bridge: Bridge) -> AsyncIterator[None]:
    """Keeps `STRANGERS` connections open, each with no request, half a head or half a body; a closed one comes back."""
    port = int(bridge.url.removesuffix("/v1").rpartition(":")[2])
    opened: set[int] = set()
    all_opened = asyncio.Event()

    async def insist(number: int) -> None:
        while True:
            with suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(HALVES[number % len(HALVES)])
                    opened.add(number)
                    if len(opened) == STRANGERS:
                        all_opened.set()
                    await reader.read()
                finally:
                    writer.close()
            await asyncio.sleep(0.2)

    tasks = [asyncio.create_task(insist(number)) for number in range(STRANGERS)]
    try:
        async with asyncio.timeout(60):
            await all_opened.wait()
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def stop_by_command(bridge: Bridge) -> None:
    command = (sys.executable, "-m", "tray", "stop", "--data-dir", str(bridge.folder / "data"))
    process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env=bridge.environment)
    assert await process.wait() == 0


async def stop_by_signal(bridge: Bridge) -> None:
    os.kill(bridge.process.pid, signal.SIGTERM)


@pytest.mark.parametrize("stop", [stop_by_signal, pytest.param(stop_by_command, marks=pytest.mark.soak)])
async def test_strangers_keep_no_caller_out_and_prevent_no_stop(
    folder: Path, stop: Callable[[Bridge], Awaitable[None]]
) -> None:
    program = "tests.whole.few_descriptors"
    async with open_standin() as standin, open_bridge(standin, folder, program=program) as bridge:
        assert (await bridge.chat("before")).status_code == 200
        async with strangers(bridge):
            assert (await bridge.chat("on the kept connection")).status_code == 200
            for number in range(4):
                # A dead process is replaced meanwhile, although that needs descriptors too.
                for worker in bridge.workers():
                    worker.kill()
                async with httpx.AsyncClient(base_url=bridge.url, trust_env=False, timeout=30) as caller:
                    body = {"messages": messages(f"on a new connection, {number}")}
                    assert (await caller.post("/chat/completions", json=body)).status_code == 200
            async with asyncio.timeout(30):
                await stop(bridge)
                assert await bridge.process.wait() == 0
        assert "Traceback" not in bridge.log + "".join(bridge.complaints)
        # A body that never came is a request, which has a line of its own; half a head has none.
        others = [line for line in bridge.log.splitlines() if " server.web.access.middleware: POST " not in line]
        assert len(others) < 100, others
