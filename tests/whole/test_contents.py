"""Kept contents on the real Claude Code: all dialects, streamed and not, and nothing on the disk unless wanted."""

import asyncio
import base64
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.machine.instance import TOKEN_HEADER, read_instance
from server.standin.script import Pause, Reply, Text, Thinking, call, say
from server.standin.server import Standin
from tests.whole.bridge import ROOT, Bridge, messages, open_bridge

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(360)]

ASKED, ANSWERED = "Why is the ZEPPELIN grey", "It is PAINTED"
PNG = (Path(__file__).parents[2] / "assets" / "icons" / "drawbridge.png").read_bytes()
PICTURE = base64.b64encode(PNG).decode()
TOOL = {"type": "object", "properties": {"at": {"type": "string"}}}
DIALECTS: list[tuple[str, dict[str, object]]] = [
    ("chat/completions", {"messages": messages(ASKED), "model": "sonnet"}),
    ("responses", {"input": ASKED, "model": "sonnet"}),
    ("messages", {"messages": messages(ASKED), "model": "sonnet", "max_tokens": 99}),
]


@dataclass
class Kept:
    """A server, and its /control/contents."""

    bridge: Bridge

    async def ask(self, method: str, path: str = "", body: object = None) -> Any:
        instance = read_instance(self.bridge.folder / "data")
        assert instance is not None
        url = self.bridge.url.removesuffix("/v1") + f"/control/contents{path}"
        response = await self.bridge.client.request(method, url, json=body, headers={TOKEN_HEADER: instance.token})
        assert response.status_code == 200, response.text
        return response.json()

    async def of(self, request_id: str) -> Any:
        """The kept request, which is rendered in a moment."""
        async with asyncio.timeout(30):
            while (found := await self.ask("GET", f"/{request_id}"))["state"] != "kept":
                await asyncio.sleep(0.05)
        return found


@asynccontextmanager
async def keeping(standin: Standin, folder: Path, *options: str) -> AsyncIterator[Kept]:
    async with open_bridge(standin, folder, *options) as bridge:
        kept = Kept(bridge)
        await kept.ask("POST", body={"on": True, "minutes": 15})
        yield kept


def command(bridge: Bridge, *arguments: str) -> str:
    """What the command prints on stdout."""
    line = [sys.executable, "-m", "tray", *arguments, "--data-dir", str(bridge.folder / "data")]
    return subprocess.run(line, cwd=ROOT, env=bridge.environment, capture_output=True, text=True, check=True).stdout


def files_with(folder: Path, word: str) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file() and word.encode() in file.read_bytes()]


async def test_every_dialect_is_kept_streamed_and_not_and_nothing_of_it_reaches_the_disk(
    standin: Standin, tmp_path: Path
) -> None:
    standin.script(lambda _: Reply((Thinking(("Hm, a ", "ship.")), Text((ANSWERED, " grey.")))))
    async with keeping(standin, tmp_path) as kept:
        for path, body in DIALECTS:
            for is_streamed in (False, True):
                reply = await kept.bridge.client.post(f"/{path}", json={**body, "stream": is_streamed})
                assert reply.status_code == 200
                found = await kept.of(reply.headers["x-request-id"])
                assert ASKED in found["request"]["text"]
                parts = [(part["kind"], part["text"]) for part in found["answer"]["parts"]]
                assert ("text", f"{ANSWERED} grey.") in parts, (path, is_streamed)
                assert found["answer"]["stop"] == "end"
                assert (found["record"]["status"], found["state"]) == (200, "kept")
        await kept.bridge.stop()
    for word in (ASKED, ANSWERED):
        assert files_with(tmp_path / "data", word) == []
        assert files_with(tmp_path / "logs", word) == []


async def test_pictures_tools_errors_counts_and_embeddings(standin: Standin, tmp_path: Path) -> None:
    async with keeping(standin, tmp_path) as kept:
        post = kept.bridge.client.post
        standin.script(Reply((call("look", {"at": "the sky"}),), stop_reason="tool_use"))
        picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PICTURE}"}}
        content = [{"type": "text", "text": "See"}, picture]
        tools = [{"type": "function", "function": {"name": "look", "parameters": TOOL}}]
        body = {"model": "sonnet", "messages": [{"role": "user", "content": content}], "tools": tools, "seed": 7}
        called = await post("/chat/completions", json=body, headers={"authorization": "Bearer sk-very-secret-key"})
        found = await kept.of(called.headers["x-request-id"])
        text = json.dumps(found)
        assert f"(image/png, {len(PNG) / 1000:.1f} kB)" in text
        assert PICTURE[:60] not in text
        assert "very-secret" not in text
        (part,) = found["answer"]["parts"]
        assert (part["kind"], part["name"], json.loads(part["text"])) == ("tool call", "look", {"at": "the sky"})
        assert found["ignored"] == "seed"

        wrong = await post("/chat/completions", json={"messages": ASKED})
        found = await kept.of(wrong.headers["x-request-id"])
        assert (found["record"]["status"], found["answer"]["came"]) == (400, True)
        assert "messages must be an array" in found["answer"]["reply"]["text"]

        count = await post("/messages/count_tokens", json={"model": "sonnet", "messages": messages(ASKED)})
        assert "input_tokens" in (await kept.of(count.headers["x-request-id"]))["answer"]["reply"]["text"]
        standin.script(lambda _: say(ANSWERED))
        compact = await post("/responses/compact", json={"model": "sonnet", "input": messages(ASKED)})
        found = await kept.of(compact.headers["x-request-id"])
        assert (ASKED in found["request"]["text"], found["answer"]["came"]) == (True, True)
        root = kept.bridge.url.removesuffix("/v1")
        others: list[tuple[str, dict[str, object]]] = [
            ("/api/chat", {"messages": messages(ASKED)}),
            ("/v1/completions", {"prompt": ASKED}),
        ]
        for path, fields in others:
            reply = await kept.bridge.client.post(root + path, json={"model": "sonnet", "stream": True, **fields})
            found = await kept.of(reply.headers["x-request-id"])
            assert (found["answer"]["parts"][0]["text"], found["path"]) == (ANSWERED, path)
        vectors = await post("/embeddings", json={"model": "text-embedding-3-small", "input": ASKED})
        assert "numbers)" in (await kept.of(vectors.headers["x-request-id"]))["answer"]["reply"]["text"]


async def test_an_answer_that_its_client_leaves_is_kept_as_far_as_it_came(standin: Standin, tmp_path: Path) -> None:
    standin.script(lambda _: say("So ", "far", Pause(60), " and no further"))
    async with keeping(standin, tmp_path) as kept:
        body = {"model": "sonnet", "messages": messages(ASKED), "stream": True}
        async with kept.bridge.client.stream("POST", "/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if "far" in line:
                    break
            request_id = response.headers["x-request-id"]
            assert (await kept.ask("GET", f"/{request_id}"))["state"] == "running"
        async with asyncio.timeout(30):
            while (found := await kept.ask("GET", f"/{request_id}"))["state"] != "kept":
                await asyncio.sleep(0.05)
        assert found["answer"]["parts"][0]["text"] == "So far"
        assert (found["answer"]["stop"], found["record"]["outcome"]) == ("", "cancelled")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes and signals")
async def test_on_the_disk_they_survive_a_kill_and_go_with_the_setting(standin: Standin, tmp_path: Path) -> None:
    async with keeping(standin, tmp_path, "--contents-days", "3") as kept:
        reply = await kept.bridge.chat(ASKED, model="sonnet")
        request_id = reply.headers["x-request-id"]
        await kept.of(request_id)
        async with asyncio.timeout(30):
            while not files_with(tmp_path / "data", "ZEPPELIN"):
                await asyncio.sleep(0.05)
        written = sorted((tmp_path / "data").glob("contents.sqlite3*"))
        assert {stat.S_IMODE(file.stat().st_mode) for file in written} == {0o600}
        os.kill(kept.bridge.process.pid, signal.SIGKILL)
        await kept.bridge.process.wait()
    async with open_bridge(standin, tmp_path, "--contents-days", "3") as bridge:
        again = Kept(bridge)
        assert (await again.ask("GET"))["on"] is False
        assert ASKED in (await again.ask("GET", f"/{request_id}"))["request"]["text"]
        unkept = await bridge.chat("Not this one", model="sonnet")
        assert (await again.ask("GET", f"/{unkept.headers['x-request-id']}"))["state"] == "not kept"
    async with open_bridge(standin, tmp_path) as bridge:
        async with asyncio.timeout(30):
            while list((tmp_path / "data").glob("contents.sqlite3*")):
                await asyncio.sleep(0.05)
        assert (await Kept(bridge).ask("GET", f"/{request_id}"))["state"] == "not kept"


async def test_an_export_masks_names_and_forgetting_leaves_nothing(standin: Standin, tmp_path: Path) -> None:
    async with keeping(standin, tmp_path) as kept:
        reply = await kept.bridge.chat("My file is /home/ada/x and my mail ada@example.org", model="sonnet")
        request_id = reply.headers["x-request-id"]
        await kept.of(request_id)
        text = json.dumps(await kept.ask("GET", f"/{request_id}/export"))
        assert "ada" not in text
        assert "/home/(user)/x" in text
        done = await asyncio.to_thread(command, kept.bridge, "status")
        assert "Contents of requests are kept until" in done
        listed = await asyncio.to_thread(command, kept.bridge, "contents")
        assert request_id in listed
        shown = json.loads(await asyncio.to_thread(command, kept.bridge, "contents", "show", request_id))
        assert "/home/ada/x" in shown["request"]["text"]
        assert (await kept.ask("DELETE"))["has_kept"] is False
        assert (await kept.ask("GET", f"/{request_id}"))["state"] == "not kept"
        assert (await kept.ask("GET"))["data"] == []


async def test_only_our_own_page_and_commands_see_them(standin: Standin, tmp_path: Path) -> None:
    async with keeping(standin, tmp_path) as kept:
        reply = await kept.bridge.chat(ASKED, model="sonnet")
        root = kept.bridge.url.removesuffix("/v1") + "/control/contents"
        for method in ("GET", "POST", "DELETE"):
            assert (await kept.bridge.client.request(method, root, json={"on": True})).status_code == 403
        for path in (reply.headers["x-request-id"], f"{reply.headers['x-request-id']}/export"):
            assert (await kept.bridge.client.get(f"{root}/{path}")).status_code == 403
