"""The environment note that Claude Code adds to each conversation: it names no folder, user or shell of the client's.

Which lines it has is Claude Code's; the README and the page on privacy list them.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from server.machine.files.temp_folders import shared_folders
from server.standin.script import Gate, Hold, say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOGIN = "quentin"
SYSTEM = "You are a coding agent. Working directory: /home/sam/project. OS: Windows 11, shell: PowerShell."
TOOL = {"type": "object", "properties": {"path": {"type": "string"}, "text": {"type": "string"}}}
BODY: dict[str, Any] = {
    "model": "sonnet",
    "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": "SAY ok"}],
    "tools": [{"type": "function", "function": {"name": "write_file", "description": "d", "parameters": TOOL}}],
}
_LINE = re.compile(r"^ - ([A-Z][\w ]{2,40}): (.*)$", re.MULTILINE)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(upstream: Standin, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bridge]:
    """A server of a user whose home, temporary folder and login shell contain the login name."""
    folder = tmp_path_factory.mktemp("users") / LOGIN
    folder.mkdir()
    own = {"USER": LOGIN, "LOGNAME": LOGIN, "SHELL": f"/home/{LOGIN}/bin/nu", "DRAWBRIDGE_RETRIES": "0"}
    async with open_bridge(upstream, folder, "--pool-size", "3", environment=own) as bridge:
        await bridge.until_pool(raw=3)
        yield bridge


def note_of(body: Mapping[str, Any]) -> str:
    """The text that Claude Code added to the conversation."""
    texts = []
    for message in body["messages"]:
        content = message["content"]
        blocks = [content] if isinstance(content, str) else [block["text"] for block in content]
        texts += [text for text in blocks if message["role"] == "system" or text.startswith("<system-reminder>")]
    return "\n".join(texts)


@pytest.mark.parametrize("model", ["sonnet", "opus", "haiku", "claude-sonnet-4-6"])
async def test_the_folder_of_the_note_is_neither_the_clients_nor_the_users(
    bridge: Bridge, standin: Standin, model: str
) -> None:
    reply = await bridge.post({**BODY, "model": model})
    assert reply.status_code == 200, reply.text
    body: Mapping[str, Any] = standin.requests[-1].body
    note = note_of(body)
    lines = dict(_LINE.findall(note))
    # Claude Code has no way to leave one of them out that keeps the sign-in.
    assert list(lines) == ["Primary working directory", "Is a git repository", "Platform", "Shell", "OS Version"]
    folder = Path(lines["Primary working directory"])
    assert folder.name == "empty-folder-of-the-api-relay-not-the-users"
    assert any(folder.is_relative_to(shared.resolve()) for shared in shared_folders())
    assert folder.is_dir()
    assert list(folder.iterdir()) == []
    assert lines["Is a git repository"] == "false"
    assert "login shell" not in note
    assert LOGIN not in str({**body, "metadata": None})
    assert str(bridge.folder) not in str({**body, "metadata": None})
    assert [block["text"] for block in body["system"]][-1] == SYSTEM


async def test_the_request_is_the_same_whichever_worker_sends_it(bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    standin.script(lambda recorded: say("one", Hold(gate)))
    waiting = [asyncio.create_task(bridge.post(BODY)) for _ in range(2)]
    async with asyncio.timeout(30):
        while len(standin.requests) < 2:
            await asyncio.sleep(0.02)
    gate.open()
    replies = [*await asyncio.gather(*waiting), await bridge.post(BODY)]
    assert [reply.status_code for reply in replies] == [200] * 3
    assert len({reply.headers["x-drawbridge-way"] for reply in replies}) > 1
    first, *others = [{**recorded.body, "metadata": None} for recorded in standin.requests]
    assert others == [first, first]
    turns = [{"role": "assistant", "content": "one"}, {"role": "user", "content": "two"}]
    await bridge.until_pool(answering=0)
    reply = await bridge.post({**BODY, "messages": [*BODY["messages"], *turns]})
    assert reply.headers["x-drawbridge-way"] == "continued"
    assert note_of(standin.requests[-1].body) == note_of(first)


async def test_nothing_of_it_remains_after_the_server(bridge: Bridge, standin: Standin) -> None:
    await bridge.post(BODY)
    folder = Path(dict(_LINE.findall(note_of(standin.requests[-1].body)))["Primary working directory"])
    assert folder.is_dir()
    assert await bridge.stop() == 0
    assert not folder.parent.exists()
