"""The ways to a worker through the whole server: equal turns upstream, and nothing of another conversation."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import httpx
import pytest

from server.standin.script import Gate, Hold, Script, say
from server.standin.server import Recorded, open_standin
from tests.whole.bridge import Bridge, conversation_of, messages, open_bridge


def echo(recorded: Recorded) -> Script:
    return say("to ", conversation_of(recorded.body)[-1][1])


async def way(bridge: Bridge, *turns: str, system: str = "", **fields: str) -> str:
    """How the request found its worker."""
    before = [{"role": "system", "content": system}] if system else []
    reply = await bridge.post({"messages": [*before, *messages(*turns)], **fields})
    assert reply.status_code == 200, reply.text
    return reply.headers["x-drawbridge-way"]


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "fixed"])
async def test_each_way_is_taken_and_sends_the_turns_of_the_request(folder: Path, is_live: bool) -> None:
    async with (
        open_standin() as standin,
        open_bridge(standin, folder, "--pool-size", "2", is_live=is_live) as bridge,
    ):
        standin.script(echo)
        await bridge.until_pool(raw=2)
        asked = [
            (await way(bridge, "one"), ["one"]),
            (await way(bridge, "one", "to one", "two"), ["one", "to one", "two"]),
            (
                await way(bridge, "one", "to one", "two", " to two\n", "three"),
                ["one", "to one", "two", "to two", "three"],
            ),
            (await way(bridge, "other"), ["other"]),
            (await way(bridge, "one", "to one", "TWO"), ["one", "to one", "TWO"]),
            (await way(bridge, "hi", system="Be terse."), ["hi"]),
        ]
        last = "reset" if is_live else "spare"
        assert [found for found, _ in asked] == ["spare", "continued", "continued", "reset", "reset", last]
        for recorded, (_, turns) in zip(standin.requests, asked, strict=True):
            assert [text for _, text in conversation_of(recorded.body)] == turns
        ways = dict((await bridge.health())["pool"]["ways"])
        assert ways == Counter(found for found, _ in asked)


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "fixed"])
async def test_a_pool_of_one_continues_without_a_spare_and_takes_another_prompt(folder: Path, is_live: bool) -> None:
    async with (
        open_standin() as standin,
        open_bridge(standin, folder, "--pool-size", "1", is_live=is_live) as bridge,
    ):
        standin.script(echo)
        await bridge.until_pool(raw=1)
        assert await way(bridge, "one") == "spare"
        await bridge.until_pool(parked=1, raw=0, booting=0)
        assert await way(bridge, "one", "to one", "two") == "continued"
        (before,) = bridge.workers()
        assert await way(bridge, "hi", system="Be terse.") == ("reset" if is_live else "cold")
        (after,) = bridge.workers()
        assert (after == before) == is_live


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "fixed"])
async def test_only_a_pool_of_fixed_processes_gives_up_a_conversation_for_a_spare(folder: Path, is_live: bool) -> None:
    async with (
        open_standin() as standin,
        open_bridge(standin, folder, "--pool-size", "2", is_live=is_live) as bridge,
    ):
        standin.script(echo)
        await bridge.until_pool(raw=2)
        await asyncio.gather(way(bridge, "one"), way(bridge, "two", system="Be terse."))
        before = set(bridge.workers())
        await bridge.until_pool(parked=2 if is_live else 1, raw=0 if is_live else 1, answering=0)
        assert (set(bridge.workers()) == before) == is_live


async def test_another_model_on_a_warm_worker_leaves_no_trace(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        standin.script(echo)
        await way(bridge, "one", model="sonnet")
        assert await way(bridge, "one", "to one", "two", model="haiku") == "reset"
        body = standin.requests[-1].body
        assert body["model"] == "claude-haiku-5-5"
        assert [text for _, text in conversation_of(body)] == ["one", "to one", "two"]
        assert "local-command" not in json.dumps(body)


async def test_a_disconnect_frees_a_worker_that_forgets(folder: Path) -> None:
    gate = Gate()
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        standin.script(say("MARK", Hold(gate), "never"))
        asking = asyncio.create_task(bridge.chat("MARK", stream=True))
        await asyncio.wait_for(gate.reached(), 30)
        (before,) = bridge.workers()
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await asyncio.wait_for(standin.requests[-1].client_disconnected(), 30)
        await bridge.until_pool(parked=1)
        assert await way(bridge, "hi") == "reset"
        assert "MARK" not in json.dumps(standin.requests[-1].body)
        assert [worker.pid for worker in bridge.workers()] == [before.pid]


async def test_isolation_by_process_is_a_setting(folder: Path) -> None:
    environment = {"DRAWBRIDGE_ISOLATION": "process"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        standin.script(echo)
        ways = Counter([await way(bridge, "one"), await way(bridge, "one", "to one", "two"), await way(bridge, "one")])
        assert ways == {"process": 3}


async def test_a_conversation_is_never_continued_under_another_key(folder: Path) -> None:
    settings = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('api_key = "the first"\n')
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "2") as bridge:
        standin.script(echo)

        async def post(key: str, *turns: str) -> httpx.Response:
            headers = {"authorization": f"Bearer {key}"}
            body = {"messages": messages(*turns)}
            return await bridge.client.post("/chat/completions", json=body, headers=headers)

        await post("the first", "one")
        reply = await post("the first", "one", "to one", "two")
        assert reply.headers["x-drawbridge-way"] == "continued"
        settings.write_text('api_key = "the second"\n')
        async with asyncio.timeout(60):
            while (await post("the first", "hi")).status_code != 401:
                await asyncio.sleep(0.1)
        reply = await post("the second", "one", "to one", "two", "to two", "three")
        assert reply.status_code == 200, reply.text
        assert reply.headers["x-drawbridge-way"] in {"spare", "cold"}
        assert [text for _, text in conversation_of(standin.requests[-1].body)] == [
            "one",
            "to one",
            "two",
            "to two",
            "three",
        ]


async def test_one_process_takes_prompts_that_claude_code_changes_in_files(folder: Path) -> None:
    prompts = ["Be kind.", " Be terse.", "Be terse.\r\n", "\ufeffBe terse.", "Be terse.\n", "In ${CLAUDE_PLUGIN_ROOT}."]
    async with open_standin() as standin, open_bridge(standin, folder, "--pool-size", "1") as bridge:
        standin.script(echo)
        await bridge.until_pool(raw=1)
        (before,) = bridge.workers()
        ways = [await way(bridge, "one", system=system) for system in (*prompts, *reversed(prompts))]
        assert ways == ["spare", *["reset"] * (len(ways) - 1)]
        arrived = [recorded.body["system"][-1]["text"] for recorded in standin.requests]  # type: ignore[index] # JSON
        assert arrived == [*prompts, *reversed(prompts)]
        assert bridge.workers() == [before]
