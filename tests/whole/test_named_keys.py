"""Keys of apps with the real command and the real Claude Code: limited, kept to models, revoked while one answers."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from server.standin.script import Gate, Hold, say
from server.standin.server import Standin
from tests.whole.bridge import ROOT, Bridge, messages, open_bridge, text_of

pytestmark = pytest.mark.asyncio(loop_scope="module")

MAIN = "the-key-of-the-user"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def keyed(upstream: Standin, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A server that requires a key."""
    environment = {"DRAWBRIDGE_API_KEY": MAIN, "DRAWBRIDGE_RETRIES": "0", "DRAWBRIDGE_FALLBACK_MODEL": "sonnet"}
    async with open_bridge(upstream, tmp_path_factory.mktemp("keyed"), environment=environment) as bridge:
        bridge.client.headers["authorization"] = f"Bearer {MAIN}"
        yield bridge


async def command(bridge: Bridge, *arguments: str) -> str:
    """What a command of Drawbridge prints, for the user of this server."""
    line = [sys.executable, "-m", "tray", *arguments]
    run = await asyncio.to_thread(
        subprocess.run, line, capture_output=True, text=True, check=True, cwd=ROOT, env=bridge.environment
    )
    return str(run.stdout).strip()


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def ask(bridge: Bridge, key: str, **fields: Any) -> httpx.Response:
    return await bridge.chat("Hi", headers=bearer(key), **fields)


async def test_a_limit_binds_one_key_only_and_can_be_lifted_while_the_server_runs(
    keyed: Bridge, standin: Standin
) -> None:
    limited = await command(keyed, "keys", "add", "Limited", "--requests", "1")
    other = await command(keyed, "keys", "add", "Other")
    assert (await ask(keyed, limited)).status_code == 200
    arrived = len(standin.requests)
    refused = await ask(keyed, limited)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert "'Limited' may use 1 request a minute" in refused.json()["error"]["message"]
    assert len(standin.requests) == arrived
    assert (await ask(keyed, other)).status_code == 200
    await command(keyed, "keys", "set", "limited", "--requests", "0")
    assert (await ask(keyed, limited)).status_code == 200
    journal = ["requests", "--json", "--key", "Limited", "--data-dir", str(keyed.folder / "data")]
    while len(rows := [json.loads(row) for row in (await command(keyed, *journal)).splitlines()]) < 3:
        pass
    assert [row["status"] for row in rows] == [200, 429, 200]


async def test_of_a_model_that_a_key_may_not_use_nothing_arrives(keyed: Bridge, standin: Standin) -> None:
    key = await command(keyed, "keys", "add", "Small", "--model", "haiku")
    # Claude Code has listed its models.
    assert (await ask(keyed, key, model="haiku")).status_code == 200
    assert "haiku" in str(standin.requests[-1].body["model"])
    arrived = len(standin.requests)
    for model in ("sonnet", "gpt-4o", "claude-opus-4-5", "cc:opus", "default", "", "sonnet-high"):
        denied = await ask(keyed, key, model=model)
        assert (denied.status_code, denied.json()["error"]["code"]) == (403, "model_not_allowed")
    stream = await keyed.client.post(
        "/messages",
        json={"model": "opus", "max_tokens": 9, "messages": messages("Hi"), "stream": True},
        headers=bearer(key),
    )
    assert (stream.status_code, stream.json()["error"]["type"]) == (403, "permission_error")
    assert len(standin.requests) == arrived
    listed = [row["id"] for row in (await keyed.client.get("/models", headers=bearer(key))).json()["data"]]
    assert listed
    assert all("haiku" in name for name in listed)


async def test_a_key_that_is_revoked_while_it_is_answered_gets_the_whole_answer_and_no_other(
    keyed: Bridge, standin: Standin
) -> None:
    key, other = await command(keyed, "keys", "add", "Leaving"), await command(keyed, "keys", "add", "Staying")
    gate = Gate()
    standin.script(lambda _: say("Half. ", Hold(gate), "And the rest."))
    body = {"messages": messages("Hi"), "stream": True}
    lines: list[str] = []
    async with keyed.client.stream("POST", "/chat/completions", json=body, headers=bearer(key)) as reply:
        reading = reply.aiter_lines()
        while "Half" not in text_of(lines):
            lines += [line async for line in _one(reading)]
        await command(keyed, "keys", "revoke", "leaving")
        refused = await ask(keyed, key)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        gate.open()
        lines += [line async for line in reading if line]
    assert text_of(lines) == "Half. And the rest."
    assert lines[-1] == "data: [DONE]"
    for right in (other, MAIN):
        assert (await ask(keyed, right)).status_code == 200


async def _one(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    yield await anext(lines)


async def test_a_key_does_not_continue_the_conversation_of_another_even_with_the_same_words(
    keyed: Bridge, standin: Standin
) -> None:
    one, two = [await command(keyed, "keys", "add", name) for name in ("One", "Two")]
    standin.script(lambda _: say("The same answer."))
    ways: dict[str, str] = {}
    for follower in (two, one):
        # Another question for each: a process that holds a conversation holds one more turn afterwards.
        asked = f"The same question {len(ways)}"
        assert (await keyed.chat(asked, headers=bearer(one))).status_code == 200
        reply = await keyed.chat(asked, "The same answer.", "More", headers=bearer(follower))
        ways[follower] = reply.headers["x-drawbridge-way"]
    assert ways[two] != "continued"
    assert ways[one] == "continued"


async def test_no_key_is_in_any_file_or_log(keyed: Bridge) -> None:
    key = await command(keyed, "keys", "add", "Secret")
    await keyed.client.get("/models", headers={"authorization": key, "x-note": key})
    await keyed.client.get(f"/models/{key}", headers=bearer(key))
    await keyed.client.get(f"/{key}", headers=bearer(key))
    shown = await command(keyed, "doctor", "--json", "--data-dir", str(keyed.folder / "data"))
    assert "keys of apps" in shown
    secret = key.split("-", 2)[2].encode()
    for path in keyed.folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert secret not in path.read_bytes(), path
    assert secret.decode() not in shown + "".join(keyed.complaints)


async def test_where_no_key_is_required_a_revoked_key_is_refused_and_any_other_text_is_not(
    standin: Standin, folder: Path
) -> None:
    async with open_bridge(standin, folder) as bridge:
        key = await command(bridge, "keys", "add", "Talon", "--requests", "1")
        assert [(await ask(bridge, key)).status_code for _ in range(2)] == [200, 429]
        await command(bridge, "keys", "revoke", "Talon")
        arrived = len(standin.requests)
        refused = await ask(bridge, key)
        assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
        assert len(standin.requests) == arrived
        assert (await ask(bridge, "anything")).status_code == 200
