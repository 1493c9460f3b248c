"""The client library: claudebridge's published examples, with another import, against the real Claude Code."""

import asyncio
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from server.standin.script import say
from server.standin.server import Standin
from tests.whole.bridge import ROOT, Bridge, conversation_of, open_bridge
from tests.whole.published import FOLDER

pytestmark = pytest.mark.asyncio(loop_scope="module")

EXAMPLE = (FOLDER / "claudebridge-library.txt").read_text().replace("claudebridge.client", "server.client")
SESSIONS = """
import asyncio
from server.client import BridgeClient

with BridgeClient() as client:
    client.complete_sync("I am Alice.", session_id="a/b ü")
    client.complete_sync("Who am I?", stream=False, session_id="a/b ü")
    print(client.sessions.get("a/b ü")["message_count"], len(client.sessions.list()))
    print([message["content"] for message in client.sessions.messages("a/b ü")])
    page = client.sessions.get("a/b ü", limit=1, after=2)
    print(page["messages"], page["next_after"])
    fork = client.sessions.fork("a/b ü", "copy")
    print(fork["forked_from"], client.sessions.fork("copy")["forked_from"])

async def main():
    async with BridgeClient() as client:
        await client.complete("And now?", session_id="copy")
        await client.complete("Alone.", session_id=None)
        sessions = client.async_sessions
        print((await sessions.get("copy"))["message_count"], len(await sessions.list(limit=1)))
        print([message["content"] async for message in sessions.messages("copy")][-2:])
        third = await sessions.fork("copy", "third")
        print(third["id"], (await sessions.stats())["session_stats"]["active_sessions"])
        for one in await sessions.list():
            await sessions.delete(one["id"])
        try:
            await sessions.get("copy")
        except Exception as error:
            print(type(error).__name__, error.status_code)

asyncio.run(main())
with BridgeClient() as client:
    print(client.sessions.stats()["session_stats"]["active_sessions"])
"""
PROJECTS = """
import asyncio
from server.client import BridgeClient

with BridgeClient() as client:
    made = client.projects.create("shop", permission="edit")
    print(made["name"], made["permission"], client.projects.get(made["id"])["name"])
    for number in range(101):
        client.projects.create(f"p{number}")
    print(len(client.projects.list()))
    client.projects.delete("shop", folder=True)

async def main():
    async with BridgeClient() as client:
        projects = client.async_projects
        print(len(await projects.list()))
        print((await projects.create("other"))["name"], (await projects.get("other"))["name"])
        await projects.delete("other")
        try:
            await projects.get("other")
        except Exception as error:
            print(type(error).__name__, error.status_code)

asyncio.run(main())
"""
CONVERSATION = """
import asyncio
from server.client import BridgeClient

messages = [{"role": "system", "content": "You are a pirate."}, {"role": "user", "content": "Say hello."}]
client = BridgeClient()
print(client.complete_messages_sync(messages, stream=False), client.complete_messages_sync(messages, model="opus"))

async def main():
    print(await client.complete_messages(messages), await client.complete_messages(messages, stream=False))
    async for chunk in client.stream_messages(messages, session_id="s"):
        print(chunk, end="")
    await client.aclose()

asyncio.run(main())
client.close_sync()
"""
MISSING = """
import sys
sys.modules["openai"] = None
from server.client import BridgeClient
client = BridgeClient()
assert client.health_check()
try:
    client.list_models()
except Exception as error:
    print(error)
"""


def run(bridge: Bridge, *arguments: str, text: str | None = None, **more: str) -> str:
    environment = {**bridge.environment, "DRAWBRIDGE_DATA_DIR": str(bridge.folder / "data"), **more}
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, env=environment, input=text, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def asked(standin: Standin) -> list[tuple[object, object]]:
    """The model and the question of each request that arrived upstream."""
    return [(request.body["model"], conversation_of(request.body)[-1][1]) for request in standin.requests]


async def test_the_published_examples_work(standin: Standin, folder: Path) -> None:
    standin.script(lambda _: say("Good ", "day"))
    async with open_bridge(standin, folder) as bridge:
        # A proxy of the environment must not see requests to this computer.
        nowhere = {"HTTP_PROXY": "http://127.0.0.1:9"}
        printed = await asyncio.to_thread(run, bridge, "-c", EXAMPLE, **nowhere)
        first, second, third = printed.splitlines()
        assert (first, second, third.partition("[")[0]) == ("Good day", "Good day", "Good day")
        assert [question for _, question in asked(standin)] == ["Hello!", "Hello!", "Tell me a story"]
        standin.requests.clear()
        by_url = await asyncio.to_thread(
            run, bridge, "-c", EXAMPLE, BRIDGE_URL=bridge.url.removesuffix("/v1"), DRAWBRIDGE_DATA_DIR=str(folder / "x")
        )
        assert by_url == printed
        standin.requests.clear()
        assert await asyncio.to_thread(run, bridge, "-m", "server.client", "What is Python?") == "Good day\n"
        assert await asyncio.to_thread(run, bridge, "-m", "server.client", text="Hello") == "Good day\n"
        one = await asyncio.to_thread(run, bridge, "-m", "server.client", "--model", "opus", "--no-stream", "Quick")
        two = await asyncio.to_thread(run, bridge, "-m", "server.client", "-n", "2", "Hello")
        assert (one, two.count("Good day")) == ("Good day\n", 2)
        assert asked(standin)[2] == ("claude-opus-5-5", "Quick")
        missing = await asyncio.to_thread(run, bridge, "-c", MISSING)
        assert "uv pip install openai" in missing


async def test_conversations_through_the_client(standin: Standin, folder: Path) -> None:
    standin.script(lambda _: say("Good ", "day"))
    async with open_bridge(standin, folder) as bridge:
        haiku = {"OPENROUTER_MODEL": "haiku", "BRIDGE_URL": f"{bridge.url.removesuffix('/v1')}/api/v1"}
        printed = await asyncio.to_thread(run, bridge, "-c", CONVERSATION, **haiku)
        await asyncio.to_thread(run, bridge, "-m", "server.client", "Alone", **haiku)
        await asyncio.to_thread(run, bridge, "-m", "server.client", "--model", "sonnet", "Named", **haiku)
        check = "from server.client import BridgeClient; print(BridgeClient().health_check())"
        assert await asyncio.to_thread(run, bridge, "-c", check, **haiku) == "True\n"
    assert printed.splitlines() == ["Good day Good day", "Good day Good day", "Good day"]
    models = [str(model).split("-")[1] for model, _ in asked(standin)]
    assert models == ["haiku", "opus", *["haiku"] * 4, "sonnet"]
    assert all("You are a pirate." in str(request.body["system"]) for request in standin.requests[:5])


async def test_sessions_through_the_client(standin: Standin, folder: Path) -> None:
    standin.script(lambda _: say("Good ", "day"))
    async with open_bridge(standin, folder) as bridge:
        printed = await asyncio.to_thread(run, bridge, "-c", SESSIONS)
    assert printed.splitlines() == [
        "4 1",
        "['I am Alice.', 'Good day', 'Who am I?', 'Good day']",
        "[{'role': 'user', 'content': 'Who am I?'}] 3",
        *("a/b ü copy", "6 1", "['And now?', 'Good day']", "third 4", "NotFoundError 404", "0"),
    ]
    # What Claude got.
    conversations = [[text for _, text in conversation_of(request.body)] for request in standin.requests[-4:]]
    assert conversations == [
        ["I am Alice."],
        ["I am Alice.", "Good day", "Who am I?"],
        ["I am Alice.", "Good day", "Who am I?", "Good day", "And now?"],
        ["Alone."],
    ]


async def test_projects_through_the_client(standin: Standin, folder: Path) -> None:
    root = folder / "projects"
    root.mkdir(parents=True)
    async with open_bridge(standin, folder, "--projects-by-api", "--projects-root", str(root)) as bridge:
        printed = await asyncio.to_thread(run, bridge, "-c", PROJECTS)
    assert printed.splitlines() == ["shop edit shop", "102", "101", "other other", "NotFoundError 404"]
    assert not (root / "shop").exists()
    assert (root / "other").is_dir()


async def test_without_a_server_the_command_says_so(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "server.client", "Hello", "--data-dir", str(tmp_path)]
    run = partial(subprocess.run, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    done = await asyncio.to_thread(run, line)
    assert (done.returncode, done.stdout) == (1, "")
    assert "No server is running" in done.stderr
    assert "Traceback" not in done.stderr
