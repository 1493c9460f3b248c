"""Processes, folders, sockets and memory of the real server: none is leaked, whatever happens."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from server.standin.script import Gate, Hold, say
from server.standin.server import Recorded, open_standin
from tests.tiers import sized
from tests.whole.bridge import Bridge, conversation_of, data_of, gone, messages, open_bridge, text_of

linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="the signal at a parent's death is not on Windows or macOS"
)


@linux_only
async def test_a_killed_server_takes_its_workers_along_and_the_next_start_sweeps(folder: Path) -> None:
    """Raw, streaming and waiting workers: only raw ones would end by themselves."""
    streaming, waiting = Gate(), Gate()
    async with open_standin() as standin:
        standin.script(say("Half", Hold(streaming)), say("never", before_headers=(Hold(waiting),)))
        async with open_bridge(standin, folder, "--pool-size", "3") as bridge:
            await bridge.until_pool(raw=3)
            asking = [asyncio.create_task(bridge.chat("hi", stream=True)) for _ in range(2)]
            await asyncio.wait_for(asyncio.gather(streaming.reached(), waiting.reached()), 30)
            workers = bridge.workers()
            assert len(workers) == 3
            os.kill(bridge.process.pid, signal.SIGKILL)
            assert await gone(workers, 3.0) == []
            await asyncio.gather(*asking, return_exceptions=True)
        left = list((folder / "tmp").glob("drawbridge-*"))
        assert len(left) == 1
        async with open_bridge(standin, folder) as again:
            assert (await again.chat("hi")).status_code == 200
            assert left[0] not in list((folder / "tmp").glob("drawbridge-*"))
        assert list((folder / "tmp").glob("drawbridge-*")) == []


async def test_stopping_ends_everything(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        await bridge.until_pool(raw=3)
        workers = bridge.workers()
        assert await bridge.stop() == 0
        assert await gone(workers, 3.0) == []
        assert list((folder / "tmp").iterdir()) == []
        assert not list((folder / "home").rglob("*.jsonl"))


async def test_a_running_answer_is_let_end(folder: Path) -> None:
    gate = Gate()
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        standin.script(say("first", Hold(gate), " last"))
        asking = asyncio.create_task(bridge.stream("hi"))
        await asyncio.wait_for(gate.reached(), 30)
        os.kill(bridge.process.pid, signal.SIGTERM)
        await asyncio.sleep(0)
        gate.open()
        assert text_of(await asking) == "first last"
        assert await bridge.stop() == 0


async def test_a_burst_of_24_gives_each_its_own_answer(folder: Path) -> None:
    def answer(recorded: Recorded) -> object:
        return say(f"to {conversation_of(recorded.body)[-1][1]}")

    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "3") as bridge:
        standin.script(answer)  # type: ignore[arg-type] # a script is an object
        replies = await asyncio.gather(*(bridge.chat(f"caller {number}") for number in range(24)))
        answers = [reply.json()["choices"][0]["message"]["content"] for reply in replies]
        assert answers == [f"to caller {number}" for number in range(24)]
        assert len(standin.requests) == 24


async def test_a_worker_killed_before_the_first_token_is_invisible(folder: Path) -> None:
    gate = Gate()
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        standin.script(say("never", before_headers=(Hold(gate),)), say("Here I am."))
        asking = asyncio.create_task(bridge.chat("hi"))
        await asyncio.wait_for(gate.reached(), 30)
        (worker,) = bridge.workers()
        worker.kill()
        assert (await asking).json()["choices"][0]["message"]["content"] == "Here I am."


async def test_a_worker_killed_after_it_is_one_clear_error_and_the_next_request_works(folder: Path) -> None:
    gate = Gate()
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        standin.script(say("Half", Hold(gate)), say("Here I am."))
        lines = []
        body = {"messages": messages("hi"), "stream": True}
        async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                lines.append(line)
                if '"Half"' in line:
                    (worker,) = bridge.workers()
                    worker.kill()
        assert len([chunk for chunk in data_of(lines) if "error" in chunk]) == 1
        assert "data: [DONE]" not in lines
        assert len(standin.requests) == 1
        assert (await bridge.chat("hi")).json()["choices"][0]["message"]["content"] == "Here I am."


@pytest.mark.timeout(400)
@sized("count", 200)
async def test_many_requests_leave_nothing_behind(folder: Path, count: int) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "2") as bridge:

        async def ask(count: int) -> None:
            for number in range(count):
                assert (await bridge.chat(f"question {number}")).status_code == 200
            await bridge.until_pool(ready=2, answering=0, booting=0)

        def counts() -> dict[str, int]:
            with bridge.server.oneshot():
                return {
                    "processes": len(bridge.workers()),
                    "threads": bridge.server.num_threads(),
                    "handles": bridge.server.num_fds() if hasattr(bridge.server, "num_fds") else 0,
                    "sockets": len(bridge.server.net_connections()),
                    "folders": len(list((folder / "tmp").glob("drawbridge-*/w*"))),
                }

        await ask(count // 5)
        before, memory = counts(), bridge.server.memory_info().rss
        await ask(count - count // 5)
        after = counts()
        # asyncio keeps a few idle threads for its executor; none is made for a request.
        assert after | {"threads": 0} == before | {"threads": 0}
        assert after["threads"] <= before["threads"] + 2
        assert bridge.server.memory_info().rss < memory + 12_000_000
        assert len(standin.requests) == count


async def test_the_demo_needs_no_account_and_says_that_it_is_a_demo(folder: Path) -> None:
    async with open_bridge(None, folder, "--demo") as bridge:
        reply = await bridge.chat("What is this?")
        assert "demo" in reply.json()["choices"][0]["message"]["content"].lower()
        assert (await bridge.health())["account"]["payer"] == "demo"
        assert "demo" in text_of(await bridge.stream("What is this?")).lower()
        assert any("demo" in line.lower() for line in bridge.complaints)


async def test_status_and_stop_find_the_running_one(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        told = await command(bridge, "status", "--json")
        assert json.loads(told)["base_url"] == bridge.url
        await command(bridge, "stop")
        async with asyncio.timeout(30):
            assert await bridge.process.wait() == 0


async def test_ask_talks_to_the_running_one(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        standin.script(say("Pa", "ris."))
        assert (await command(bridge, "ask", "What is the capital of France?")).strip() == "Paris."
        assert conversation_of(standin.requests[-1].body) == [("user", "What is the capital of France?")]


async def command(bridge: Bridge, *arguments: str) -> str:
    """Runs `drawbridge` with these arguments beside the running server; it must succeed. Returns its output."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tray", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**bridge.environment, "DRAWBRIDGE_DATA_DIR": str(bridge.folder / "data")},
        cwd=Path(__file__).resolve().parent.parent.parent,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, err.decode()
    return out.decode()


async def test_an_odd_time_limit_of_the_head_is_kept(folder: Path) -> None:
    """After the limit the stream begins, and a failure that comes later is an event in it."""
    gate = Gate()
    options = {"DRAWBRIDGE_HEAD_TIMEOUT": "0.3", "DRAWBRIDGE_HEARTBEAT": "0.2"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=options) as bridge:
        await bridge.until_pool(raw=3)
        standin.script(say("late", before_headers=(Hold(gate),)))
        body = {"messages": messages("hi"), "stream": True}
        comments = 0
        async with bridge.client.stream("POST", "/chat/completions", json=body) as response:
            assert response.status_code == 200
            async for line in response.aiter_lines():
                comments += line.startswith(":")
                if comments == 3:
                    gate.open()
        assert comments >= 3


async def test_silence_is_bounded_by_the_setting(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--timeout", "1") as bridge:
        standin.script(say("never", before_headers=(Hold(Gate()),)))
        reply = await bridge.chat("hi")
        assert reply.status_code == 504
        assert reply.headers["x-should-retry"] == "false"


async def test_without_a_cli_the_server_serves_and_says_what_to_do(folder: Path) -> None:
    async with open_bridge(None, folder, "--cli-path", str(folder / "nowhere")) as bridge:
        reply = await bridge.chat("hi")
        assert reply.status_code == 503
        assert "--cli-path" in reply.json()["error"]["message"]
        assert (await bridge.health())["status"] == "ok"
