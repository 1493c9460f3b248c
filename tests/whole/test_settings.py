"""Settings whose effect shows only in the whole server; the others are tested beside the code that reads them."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from server.claude.cli.locate import bundled_cli
from server.standin.script import Gate, Hold, Reply, Text, Thinking, say
from server.standin.server import open_standin
from tests.whole.bridge import open_bridge


async def test_the_default_model(folder: Path) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--model", "opus") as bridge:
        await bridge.chat("hi")
        await bridge.chat("hi", model="gpt-4o-mini")
        assert [recorded.body["model"] for recorded in standin.requests] == ["claude-opus-5-5"] * 2


@pytest.mark.parametrize("option", ["--pool-size", "-w", "--workers"])
async def test_the_pool_size_caps_the_processes(folder: Path, option: str) -> None:
    gate = Gate()
    async with open_standin() as standin, open_bridge(standin, folder, option, "2") as bridge:
        standin.script(lambda recorded: say("Half", Hold(gate)))
        asking = [asyncio.create_task(bridge.chat("hi")) for _ in range(4)]
        pool = await bridge.until_pool(answering=2, waiting=2)
        assert pool["size"] == 2
        assert len(bridge.workers()) == 2
        gate.open()
        assert [reply.status_code for reply in await asyncio.gather(*asking)] == [200] * 4


async def test_waiting_is_bounded_in_time(folder: Path) -> None:
    gate = Gate()
    options = ("--pool-size", "1", "--queue-timeout", "0.5")
    async with open_standin() as standin, open_bridge(standin, folder, *options) as bridge:
        await bridge.until_pool(raw=1)
        standin.script(lambda recorded: say("Half", Hold(gate)))
        first = asyncio.create_task(bridge.chat("hi"))
        await bridge.until_pool(answering=1)
        second = await bridge.chat("hi")
        assert second.status_code == 503
        assert "retry-after" not in second.headers
        gate.open()
        assert (await first).status_code == 200


async def test_waiting_is_bounded_in_number(folder: Path) -> None:
    gate = Gate()
    options = ("--pool-size", "1", "--max-waiting", "1")
    async with open_standin() as standin, open_bridge(standin, folder, *options) as bridge:
        standin.script(lambda recorded: say("Half", Hold(gate)))
        asking = [asyncio.create_task(bridge.chat("hi")) for _ in range(2)]
        await bridge.until_pool(answering=1, waiting=1)
        refused = await bridge.chat("hi")
        assert refused.status_code == 429
        assert "retry-after" not in refused.headers
        gate.open()
        assert [reply.status_code for reply in await asyncio.gather(*asking)] == [200] * 2


async def test_strict_model_names(folder: Path) -> None:
    environment = {"DRAWBRIDGE_STRICT_MODELS": "yes"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        refused = await bridge.chat("hi", model="gpt-4o-mini")
        assert (refused.status_code, refused.json()["error"]["code"]) == (404, "model_not_found")
        assert (await bridge.chat("hi", model="sonnet")).status_code == 200


async def test_an_idle_pool_shrinks_to_one_spare(folder: Path) -> None:
    environment = {"DRAWBRIDGE_IDLE_SHRINK": "1"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        await bridge.until_pool(raw=1, booting=0)
        assert (await bridge.chat("hi")).status_code == 200


@pytest.mark.skipif(sys.platform != "linux", reason="the environment of a process cannot be read on Windows or macOS")
async def test_the_key_is_required_and_never_reaches_a_child(folder: Path) -> None:
    environment = {"DRAWBRIDGE_API_KEY": "the-key-of-the-test"}
    async with open_standin() as standin, open_bridge(standin, folder, environment=environment) as bridge:
        assert (await bridge.chat("hi")).status_code == 401
        headers = {"authorization": "Bearer the-key-of-the-test"}
        assert (await bridge.chat("hi", headers=headers)).status_code == 200
        assert (await bridge.health()).keys() == {"status", "version"}
        told = "".join(Path(f"/proc/{worker.pid}/environ").read_text() for worker in bridge.workers())
        assert "HOME=" in told
        assert "the-key-of-the-test" not in told + bridge.log


async def test_settings_come_from_the_file_too(folder: Path) -> None:
    config = folder / "home" / ".config" / "drawbridge"
    config.mkdir(parents=True)
    (config / "settings.toml").write_text('model = "haiku"\npool_size = 1\n')
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        await bridge.chat("hi")
        assert standin.requests[-1].body["model"] == "claude-haiku-5-5"
        assert (await bridge.health())["pool"]["size"] == 1


async def test_little_memory_means_one_process_without_its_jit_compiler(folder: Path) -> None:
    file = folder / "home" / ".config" / "drawbridge" / "settings.toml"
    file.parent.mkdir(parents=True)
    file.write_text('memory = "small"\n')
    async with open_standin() as standin, open_bridge(standin, folder) as bridge:
        assert (await bridge.chat("hi")).status_code == 200
        assert (await bridge.until_pool(ready=1))["size"] == 1
        assert [worker.environ().get("BUN_JSC_useJIT") for worker in bridge.workers()] == ["0"]
        file.write_text('memory = "normal"\n')
        await bridge.until_pool(size=3, booting=0, ready=3)
        assert {worker.environ().get("BUN_JSC_useJIT") for worker in bridge.workers()} == {None}


@pytest.mark.skipif(sys.platform == "win32", reason="scripts are no programs on Windows")
async def test_a_newer_claude_code_of_the_users_is_used_where_that_is_preferred(folder: Path) -> None:
    carried = bundled_cli()
    assert carried is not None
    own = folder / "home" / ".local" / "bin" / "claude"
    own.parent.mkdir(parents=True)
    own.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec echo "99.0.0 (Claude Code)"\nexec {carried} "$@"\n')
    own.chmod(0o755)
    for preferred, used in (("carried", carried), ("newest", own)):
        async with open_standin() as standin, open_bridge(standin, folder, "--prefer-cli", preferred) as bridge:
            assert (await bridge.chat("hi")).status_code == 200
            # The version is read in the background, beside the first answer.
            async with asyncio.timeout(30):
                while (cli := (await bridge.health())["cli"])["version"] is None:
                    await asyncio.sleep(0.05)
            assert cli["path"] == str(used)


async def test_sampling_is_forwarded_only_where_a_setting_says_so(folder: Path) -> None:
    fields: dict[str, Any] = {"model": "claude-sonnet-4-5", "temperature": 0.3}
    async with open_standin() as standin, open_bridge(standin, folder / "a") as bridge:
        kept = await bridge.chat("hi", **fields)
        assert kept.headers["x-drawbridge-ignored"] == "temperature"
        assert standin.requests[-1].body.get("temperature") != 0.3
    environment = {"DRAWBRIDGE_FORWARD_SAMPLING": "yes"}
    async with open_standin() as standin, open_bridge(standin, folder / "b", environment=environment) as bridge:
        sent = await bridge.chat("hi", **fields)
        assert "x-drawbridge-ignored" not in sent.headers
        assert standin.requests[-1].body["temperature"] == 0.3
        await bridge.chat("hi", model="claude-sonnet-4-5")
        assert standin.requests[-1].body.get("temperature") != 0.3


@pytest.mark.parametrize(
    ("reasoning", "message"),
    [
        ("hidden", {"content": "So."}),
        ("field", {"content": "So.", "reasoning_content": "First this."}),
        ("tags", {"content": "<think>First this.</think>\n\nSo."}),
    ],
)
async def test_what_becomes_of_thoughts(folder: Path, reasoning: str, message: dict[str, str]) -> None:
    async with open_standin() as standin, open_bridge(standin, folder, "--reasoning", reasoning) as bridge:
        standin.script(Reply((Thinking(("First ", "this.")), Text(("So.",)))))
        told = (await bridge.chat("hi")).json()["choices"][0]["message"]
        assert told == {"role": "assistant", "refusal": None, **message}
        shown = standin.requests[-1].body.get("thinking", {}).get("display")  # type: ignore[attr-defined]
        assert (shown == "summarized") is (reasoning == "tags")
