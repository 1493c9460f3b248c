"""Processes that fail in a request: retried unseen before the first word, one clear error after it."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from server.claude.cli.locate import bundled_cli
from server.standin.script import Gate, Hold, say
from server.standin.server import Standin, open_standin
from tests.whole.bridge import Bridge, data_of, messages, open_bridge

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals and shell scripts")


def kill(worker: psutil.Process) -> None:
    worker.kill()


def hang(worker: psutil.Process) -> None:
    os.kill(worker.pid, signal.SIGSTOP)


def close_stdout(worker: psutil.Process) -> None:
    """Ends the process that passes on the worker's output; the worker itself lives."""
    (passing_on,) = [child for child in worker.children() if child.name() == "cat"]
    passing_on.kill()


FAILURES = [kill, hang, close_stdout]


def cli_behind_a_pipe(folder: Path) -> str:
    cli = folder / "claude"
    real = shlex.quote(str(bundled_cli()))
    cli.write_text(f'#!/bin/bash\n[ "$1" = --version ] && exec {real} "$@"\nexec {real} "$@" > >(exec cat)\n')
    cli.chmod(0o755)
    return str(cli)


@asynccontextmanager
async def one_process(folder: Path) -> AsyncIterator[tuple[Standin, Bridge]]:
    """A server with one raw process, and its stand-in without a request."""
    options = ("--cli-path", cli_behind_a_pipe(folder), "--pool-size", "1", "--isolation", "process")
    async with open_standin() as standin, open_bridge(standin, folder, *options) as bridge:
        await bridge.until_checked()
        await bridge.until_pool(raw=1)
        standin.requests.clear()
        yield standin, bridge


@pytest.mark.parametrize("fail", FAILURES)
async def test_a_failure_before_the_first_word_is_invisible(
    folder: Path, fail: Callable[[psutil.Process], None]
) -> None:
    gate = Gate()
    async with one_process(folder) as (standin, bridge):
        standin.script(say("never", before_headers=(Hold(gate),)), say("Here I am."))
        asking = asyncio.create_task(bridge.chat("hi"))
        await asyncio.wait_for(gate.reached(), 30)
        (worker,) = bridge.workers()
        fail(worker)
        # Far below the 120 s that an answer may be silent.
        reply = await asyncio.wait_for(asking, 60)
        assert reply.json()["choices"][0]["message"]["content"] == "Here I am."
        assert len(standin.requests) == 2
        assert "Traceback" not in bridge.log


@pytest.mark.parametrize("fail", [kill, close_stdout])
async def test_a_failure_after_the_first_word_is_one_error_at_once(
    folder: Path, fail: Callable[[psutil.Process], None]
) -> None:
    gate = Gate()
    async with one_process(folder) as (standin, bridge):
        standin.script(say("Half", Hold(gate)), say("Here I am."))
        body = {"messages": messages("hi"), "stream": True}
        lines = []
        async with asyncio.timeout(60), bridge.client.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if '"Half"' in line:
                    (worker,) = bridge.workers()
                    fail(worker)
        codes = [chunk["error"]["code"] for chunk in data_of(lines) if "error" in chunk]
        assert codes == ["claude_code_ended"]
        assert "data: [DONE]" not in lines
        assert len(standin.requests) == 1
        assert (await bridge.chat("hi")).json()["choices"][0]["message"]["content"] == "Here I am."
        assert "Traceback" not in bridge.log
