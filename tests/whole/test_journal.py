"""The list of requests of a real server: it survives a restart and a kill, has no words, and never stops an answer."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Gate, Hold, say
from server.standin.server import Standin
from tests.whole.bridge import ROOT, Bridge, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET, ANSWER, KEY = "the-words-of-the-user", "the-words-of-claude", "sk-drawbridge-0123456789abcdef"


def command(bridge: Bridge, *arguments: str) -> str:
    """What a command of Drawbridge prints, for this server's data folder."""
    line = [sys.executable, "-m", "tray", *arguments, "--data-dir", str(bridge.folder / "data")]
    return subprocess.run(line, capture_output=True, text=True, check=True, cwd=ROOT, env=bridge.environment).stdout


def listed(bridge: Bridge) -> list[dict[str, Any]]:
    return [json.loads(line) for line in command(bridge, "requests", "--json").splitlines()]


async def test_requests_survive_a_restart_and_a_kill_without_their_words(standin: Standin, folder: Path) -> None:
    standin.script(lambda _: say(ANSWER))
    async with open_bridge(standin, folder, environment={"DRAWBRIDGE_API_KEY": KEY}) as bridge:
        bridge.client.headers["authorization"] = f"Bearer {KEY}"
        await bridge.chat(SECRET, headers={"x-title": "Cline"})
        await bridge.stream(SECRET)
        assert (await bridge.post({"model": "sonnet", "user": SECRET})).status_code == 400
        await bridge.stop()
        assert sorted(row["outcome"] for row in listed(bridge)) == ["answered", "answered", "failed"]
    async with open_bridge(standin, folder) as bridge:
        await bridge.chat(SECRET)
        # Written while the server runs, not only at its end.
        while len(rows := listed(bridge)) < 4:
            pass
        bridge.process.kill()
        await bridge.process.wait()
    async with open_bridge(standin, folder) as bridge:
        assert [row["id"] for row in listed(bridge)] == [row["id"] for row in rows]
        assert "Cline" in command(bridge, "usage")
        assert {row["payer"] for row in rows} == {"api key", ""}
        assert {row["model"] for row in rows if row["outcome"] == "answered"} == {"claude-sonnet-5-5"}
    kept = b"".join(path.read_bytes() for path in folder.joinpath("data").rglob("*") if path.is_file())
    assert b"Cline" in kept
    for secret in (SECRET, ANSWER, KEY):
        assert secret.encode() not in kept


@pytest.mark.parametrize("obstacle", ["folder", "newer"])
async def test_a_list_that_cannot_be_written_stops_no_answer_and_is_named(
    standin: Standin, folder: Path, obstacle: str
) -> None:
    file = folder / "data" / "journal.sqlite3"
    file.parent.mkdir()
    if obstacle == "folder":
        file.mkdir()
    else:
        program = (
            f"import sqlite3; sqlite3.connect({str(file)!r}).execute('PRAGMA user_version = 99').connection.commit()"
        )
        subprocess.run([sys.executable, "-c", program], check=True)
    standin.script(lambda _: say(ANSWER))
    async with open_bridge(standin, folder) as bridge:
        assert (await bridge.chat("Hi")).status_code == 200
        assert "Requests are answered but not listed" in command(bridge, "status")
        assert await bridge.stop() == 0


async def test_a_request_is_stopped_by_its_id_and_its_process_answers_the_next_one(
    standin: Standin, folder: Path
) -> None:
    standin.script(lambda _: say("Half", Hold(Gate()), ANSWER))
    async with open_bridge(standin, folder, "--pool-size", "1") as bridge:
        asking = asyncio.create_task(bridge.stream("Hi"))
        running: dict[str, Any] = {}
        while not running.get("first_ms"):
            shown = await asyncio.to_thread(command, bridge, "requests", "--running", "--json")
            running = next(map(json.loads, shown.splitlines()), {})
        before = bridge.workers()
        await asyncio.to_thread(command, bridge, "stop-request", running["id"])
        lines = await asking
        assert any("request_stopped" in line for line in lines)
        # Upstream the answer ends too: nobody pays for the rest.
        await asyncio.wait_for(standin.requests[-1].ended(), 30)
        standin.script(lambda _: say(ANSWER))
        assert ANSWER in (await bridge.chat("And now?")).text
        assert bridge.workers() == before
