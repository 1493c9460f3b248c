"""Whatever a Claude Code lacks, its user gets right answers or a clear refusal, from the first request on."""

import asyncio
import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from server.claude.cli import bundled_cli
from server.selfcheck.kept import KEPT_FILE
from server.selfcheck.verdict import FOR_EVERY_ANSWER, Capability
from server.standin.script import say
from server.standin.server import Standin, open_standin
from tests.server.selfcheck.wrapper import BREAKS, change, spawns_of, write_wrapper
from tests.whole.bridge import Bridge, conversation_of, messages, open_bridge

UNFIT = [capability.name for capability in Capability if capability in FOR_EVERY_ANSWER]
WITHOUT_CARRIED = "tests.whole.without_carried"


async def answers_are_right(bridge: Bridge, standin: Standin) -> None:
    """Asks what needs each capability, some of it on a worker that has answered before; asserts on what arrives."""
    standin.requests.clear()
    await asks(bridge, standin, "one", system="Be terse.", stop=["END"], max_completion_tokens=2222)
    again = await asks(bridge, standin, "one", system="Be terse.")
    assert "stop_sequences" not in again
    assert again["max_tokens"] != 2222
    await asks(bridge, standin, "one", "to one", "@/etc/hostname", system="Be terse.")
    await asks(bridge, standin, "/clear", "to that", "two", "to two", "three", model="haiku")
    assert len(standin.requests) == 4
    standin.script(lambda _: say("to be", " continued", stop_reason="max_tokens"))
    reply = await bridge.chat("tell me all")
    assert reply.json()["choices"][0] == {
        **reply.json()["choices"][0],
        "finish_reason": "length",
        "message": {**reply.json()["choices"][0]["message"], "content": "to be continued"},
    }


async def asks(bridge: Bridge, standin: Standin, *turns: str, system: str = "", **fields: Any) -> dict[str, Any]:
    before = [{"role": "system", "content": system}] if system else []
    reply = await bridge.post({"messages": [*before, *messages(*turns)], **fields})
    assert reply.status_code == 200, reply.text
    body: dict[str, Any] = standin.requests[-1].body
    roles = ["assistant" if number % 2 else "user" for number in range(len(turns))]
    assert conversation_of(body) == list(zip(roles, turns, strict=True))
    texts = [block["text"] for block in body["system"]]
    assert texts[-1] == system if system else "Be terse." not in texts
    assert body["tools"] == []
    assert body["model"].startswith("claude-haiku" if fields.get("model") == "haiku" else "claude-sonnet")
    if "stop" in fields:
        assert (body["stop_sequences"], body["max_tokens"]) == (fields["stop"], fields["max_completion_tokens"])
    return body


@pytest.mark.parametrize("broken", BREAKS)
async def test_answers_are_right_whatever_is_broken(broken: str, folder: Path) -> None:
    """Whatever it is, the one that we carry answers instead, and its processes go on."""
    cli = write_wrapper(folder / "bin", broken)
    async with open_standin() as standin, open_bridge(standin, folder, "--cli-path", str(cli)) as bridge:
        await answers_are_right(bridge, standin)
        engine = await bridge.until_checked()
        assert engine["failed"] == [broken.lower()]
        assert str(bundled_cli()) in engine["words"]
        assert (engine["cli"], engine["isolation"]) == (str(bundled_cli()), "warm")
        assert any("WARNING" in line and str(bundled_cli()) in line for line in bridge.log.splitlines())


@pytest.mark.parametrize("broken", [name for name in BREAKS if name not in UNFIT])
async def test_answers_are_right_where_there_is_no_other_to_use(broken: str, folder: Path) -> None:
    """What only warm processes need: a process for each conversation answers."""
    cli = write_wrapper(folder / "bin", broken)
    async with open_standin() as standin:
        opened = open_bridge(standin, folder, "--cli-path", str(cli), program=WITHOUT_CARRIED)
        async with opened as bridge:
            await answers_are_right(bridge, standin)
            engine = await bridge.until_checked()
            assert engine["failed"] == [broken.lower()]
            assert engine["words"]
            assert (engine["cli"], engine["isolation"]) == (None, "process")
            assert any("WARNING" in line and "self-check of Claude Code" in line for line in bridge.log.splitlines())


@pytest.mark.parametrize("broken", ["SYSTEM_PROMPT", "SETTINGS"])
async def test_where_nothing_can_be_right_each_request_is_told_so(broken: str, folder: Path) -> None:
    cli = write_wrapper(folder / "bin", broken)
    opened = open_bridge(None, folder, "--cli-path", str(cli), program=WITHOUT_CARRIED)
    async with open_standin() as standin, opened as bridge:
        for _ in range(2):
            reply = await bridge.chat("hi")
            assert reply.status_code == 503
            assert reply.headers["x-should-retry"] == "false"
            error = reply.json()["error"]
            assert error["code"] == "claude_code_unfit"
            assert str(cli) in error["message"]
            assert "--cli-path" in error["message"]
        assert (await bridge.health())["trouble"]
        assert not standin.requests


async def test_a_verdict_is_kept_and_a_changed_claude_code_is_checked_anew(folder: Path) -> None:
    cli = write_wrapper(folder / "bin")
    users = {"AWS_PROFILE": "work", "A_NAME_OF_THE_USERS": "true", "CLAUDE_CODE_OAUTH_TOKEN": "true"}
    async with open_standin() as standin:

        def open_server() -> AbstractAsyncContextManager[Bridge]:
            return open_bridge(standin, folder, "--cli-path", str(cli), environment=users, is_checked=False)

        def checks() -> int:
            """How often it was checked, by processes that knew another stand-in and nothing of the user's.

            A check that a busy computer does not let come to an end says so, is tried again, and does not count.
            """
            spawned = [row["environment"] for row in spawns_of(cli)]
            found = [row for row in spawned if row["ANTHROPIC_BASE_URL"] != standin.url]
            assert not any(name in row for row in found for name in users)
            assert len(found) < len(spawned)
            logs = "".join(path.read_text() for path in (folder / "logs").glob("*.log*"))
            begun = logs.split("checking Claude Code")[1:]
            return sum("the self-check could not be done" not in what_followed for what_followed in begun)

        async with open_server() as bridge:
            assert (await bridge.until_checked())["isolation"] == "warm"
            assert checks() == 1
        async with open_server() as bridge:
            assert (await bridge.health())["engine"]["isolation"] == "warm"
            await bridge.chat("one")
            reply = await bridge.chat("one", "Hello from the stand-in.", "two")
            assert reply.headers["x-drawbridge-way"] == "continued"
            assert checks() == 1
            # It updates itself, and the next process that starts is of the new one.
            change(cli)
            async with asyncio.timeout(30):
                while checks() == 1:
                    await bridge.post({"messages": [{"role": "system", "content": f"{time.time()}"}, *messages("hi")]})
            assert (await bridge.until_checked())["isolation"] == "warm"
        (folder / "data" / KEPT_FILE).write_text("{")
        async with open_server() as bridge:
            assert (await bridge.until_checked())["isolation"] == "warm"
            assert checks() == 3
        async with open_server() as bridge:
            assert (await bridge.health())["engine"]["isolation"] == "warm"
        assert checks() == 3


async def test_a_pool_of_one_never_has_two_processes_for_the_check(folder: Path) -> None:
    cli = write_wrapper(folder / "bin")
    options = ("--cli-path", str(cli), "--pool-size", "1")
    async with open_standin() as standin, open_bridge(standin, folder, *options, is_checked=False) as bridge:
        most = 0
        async with asyncio.timeout(30):
            while not (await bridge.health())["engine"]["checked"]:
                # Children of Claude Code's own look like it for a moment.
                most = max(most, sum(worker.ppid() == bridge.process.pid for worker in bridge.workers()))
        assert most == 1
        assert (await bridge.chat("hi")).status_code == 200
