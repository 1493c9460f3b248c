"""An agent's programs and its session after Drawbridge was killed while a command ran."""

import asyncio
import os
import signal
import sqlite3
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from server.standin.script import call
from server.standin.server import Standin
from tests.server.agents.scene import acts, results_in, run, says, words
from tests.whole.agents import command, working
from tests.whole.bridge import Bridge, gone

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(sys.platform != "linux", reason="the sandbox of commands is Linux's; not macOS or Windows"),
]
# One child in a session of its own, and one that ignores polite signals.
RUNS = (
    "python3 -c \"import subprocess, time; subprocess.Popen(['sleep', '8511'], start_new_session=True);"
    " subprocess.Popen(['sh', '-c', 'trap : HUP INT TERM; while :; do sleep 8511; done']);"
    " open('begun', 'w').close(); time.sleep(8511)\""
)


async def ask(bridge: Bridge, text: str) -> str:
    reply = await bridge.chat(text, model="sonnet@shop", session_id="s")
    assert reply.status_code == 200, reply.text
    return str(reply.json()["choices"][0]["message"]["content"])


def programs_of(folder: Path) -> list[psutil.Process]:
    """Everything that runs there, or was started with the server's folders in its environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            known = [*process.cmdline(), *process.environ().values()]
            if process.pid != os.getpid() and any(str(folder) in one for one in known):
                found.append(process)
    return found


def without_sandbox(folder: Path) -> dict[str, str]:
    """A PATH on which the sandbox does not work."""
    broken = folder / "bin"
    broken.mkdir(exist_ok=True)
    (broken / "bwrap").write_text("#!/bin/sh\nexit 1\n")
    (broken / "bwrap").chmod(0o755)
    return {"PATH": f"{broken}:{os.environ['PATH']}"}


async def begun(bridge: Bridge, mark: Path, *, is_asked: bool) -> None:
    """Waits until the command runs, which the user allows first if Claude Code asks."""
    async with asyncio.timeout(60):
        while is_asked and not (shown := (await command(bridge, "approvals")).split()[:1]):
            await asyncio.sleep(0.1)
        if is_asked:
            await command(bridge, "approvals", "allow", shown[0])
        while not mark.exists():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("is_sandboxed", [True, False], ids=["sandbox", "no sandbox"])
async def test_a_kill_in_the_middle_of_a_command_leaves_no_process_and_the_session_continues(
    standin: Standin, short_folder: Path, is_sandboxed: bool
) -> None:
    folder = short_folder
    environment = None if is_sandboxed else without_sandbox(folder)
    standin.script(
        acts(call("Read", {"file_path": str(folder / "shop" / "sums.py")})), says("It subtracts."), acts(run(RUNS))
    )
    async with working(standin, folder, "full", environment=environment) as (bridge, work):
        assert await ask(bridge, "What does it do?") == "It subtracts."
        asking = asyncio.create_task(bridge.chat("Test it.", model="sonnet@shop", session_id="s"))
        await begun(bridge, work / "begun", is_asked=not is_sandboxed)
        programs = programs_of(folder)
        assert sum("8511" in " ".join(one.cmdline()) for one in programs) >= 3
        os.kill(bridge.process.pid, signal.SIGKILL)
        await asyncio.gather(asking, return_exceptions=True)
        assert await gone(programs, 30) == []
        assert programs_of(folder) == []
    with sqlite3.connect(folder / "data" / "sessions.sqlite3") as stored:
        assert stored.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    standin.script(says("I was interrupted."))
    async with working(standin, folder, "full", environment=environment) as (bridge, work):
        assert await ask(bridge, "What happened?") == "I was interrupted."
        listed = (await bridge.client.get("/sessions/s")).json()
        assert listed["message_count"] == 4
        body = standin.requests[-1].body
        read, killed = results_in(body)
        assert "a - b" in words(read)
        assert "interrupted" in words(killed)
        assert (await bridge.client.delete("/sessions/s")).status_code == 200
        assert not list((folder / "data" / "agents").iterdir())
    assert programs_of(folder) == []
