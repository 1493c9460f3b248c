"""Sessions through the real CLI: what arrives upstream is what a client causes that sends everything each time."""

import asyncio
import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Cut, Reply, Text, Thinking, call, say
from server.standin.server import Standin
from tests.pictures import PNG
from tests.whole.bridge import ROOT, Bridge, conversation_of, open_bridge

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "the-words-of-the-user"
READ = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(PNG).decode()}"}}
QUESTIONS: tuple[dict[str, Any], ...] = (
    {"role": "user", "content": [{"type": "text", "text": "What is on it?"}, PICTURE]},
    {"role": "tool", "tool_call_id": "toolu_1", "content": "a cat"},
    {"role": "user", "content": "And its colour?"},
)


def answers() -> Iterator[Reply]:
    yield Reply(
        (Thinking(("Hm.",)), Text(("Let me ", "see. ")), call("read", {"b": 1, "a": [2]}, id="toolu_1")),
        stop_reason="tool_use",
    )
    yield Reply((Text(("It is a cat.\n",)),))
    yield Reply((Text(("Black.",)),))


def without_notes(body: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a request without what differs between any two: Claude Code's own notes and its ids."""
    own = [message for message in body["messages"] if message["role"] != "system"]
    return {"messages": own, "system": body["system"][2:], "tools": body.get("tools"), "model": body["model"]}


async def sent_upstream(folder: Path, standin: Standin, *, has_session: bool) -> list[dict[str, Any]]:
    """Asks the questions, each with all before it or as a session, with a restart before the last; what arrived."""
    replies = answers()
    standin.script(lambda _: next(replies))
    standin.requests.clear()
    history: list[dict[str, Any]] = [{"role": "system", "content": "be brief"}]
    for questions in (QUESTIONS[:2], QUESTIONS[2:]):
        async with open_bridge(standin, folder) as bridge:
            for question in questions:
                history.append(question)
                new = history if question is QUESTIONS[0] or not has_session else [question]
                body = {"messages": new, "tools": [READ], **({"session_id": "s"} if has_session else {})}
                reply = await bridge.post(body)
                assert reply.status_code == 200, reply.text
                assert "x-drawbridge-ignored" not in reply.headers
                history.append(reply.json()["choices"][0]["message"])
            await bridge.stop()
    return [without_notes(recorded.body) for recorded in standin.requests]


async def test_a_session_sends_what_a_client_causes_that_sends_everything(standin: Standin, tmp_path: Path) -> None:
    whole = await sent_upstream(tmp_path / "whole", standin, has_session=False)
    session = await sent_upstream(tmp_path / "session", standin, has_session=True)
    assert len(whole) == len(session) == 3
    assert session[:2] == whole[:2]
    # After the restart only the session still has Claude's thinking before the call.
    thought = session[2]["messages"][1]["content"].pop(0)
    assert (thought["type"], thought["thinking"], thought["signature"]) == ("thinking", "Hm.", Thinking(()).signature)
    assert session[2] == whole[2]


async def test_words_are_on_disk_only_for_sessions_and_only_if_the_settings_allow_it(
    standin: Standin, tmp_path: Path
) -> None:
    def kept() -> bytes:
        return b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())

    async with open_bridge(standin, tmp_path, "--sessions", "memory") as bridge:
        standin.script(lambda _: say("answer"))
        await bridge.chat(SECRET, session_id="s")
        await bridge.chat("more", session_id="s")
        assert conversation_of(standin.requests[-1].body)[0][1] == SECRET
        await bridge.stop()
    assert SECRET.encode() not in kept()
    async with open_bridge(standin, tmp_path) as bridge:
        await bridge.chat("named", session_id="s")
        await bridge.chat(SECRET)
        await bridge.stream(SECRET)
        # A kill loses nothing of what was answered.
        bridge.process.kill()
        await bridge.process.wait()
    assert SECRET.encode() not in kept()
    assert b"named" in kept()
    async with open_bridge(standin, tmp_path) as bridge:
        await bridge.chat("again", session_id="s")
        assert [text for _, text in conversation_of(standin.requests[-1].body)] == ["named", "answer", "again"]
        # A cut answer leaves the session as it was.
        standin.script(lambda _: say("half", Cut()))
        await bridge.chat("lost", session_id="s", timeout=1)
        standin.script(lambda _: say("answer"))
        await bridge.chat("last", session_id="s")
        texts = [text for _, text in conversation_of(standin.requests[-1].body)]
        assert texts == ["named", "answer", "again", "answer", "last"]
        url = bridge.url.removesuffix("/v1") + "/v1/sessions/s"
        assert (await bridge.client.delete(url)).json()["deleted"] is True
        assert b"named" not in kept()


async def test_ask_continues_a_session(bridge: Bridge, standin: Standin) -> None:
    async def ask(*arguments: str) -> str:
        line = [sys.executable, "-m", "tray", "ask", *arguments, "--data-dir", str(bridge.folder / "data")]
        run = partial(subprocess.run, capture_output=True, text=True, check=True, cwd=ROOT, env=bridge.environment)
        # In a thread, because the stand-in answers in this loop.
        return str((await asyncio.to_thread(run, line)).stdout)

    standin.script(lambda recorded: say(f"answer {len(conversation_of(recorded.body))}"))
    assert await ask("--session", "mine", "one") == "answer 1\n"
    assert await ask("--session", "mine", "--no-stream", "two") == "answer 3\n"
    assert await ask("three") == "answer 1\n"


async def test_ask_says_that_the_server_keeps_no_sessions(standin: Standin, tmp_path: Path) -> None:
    standin.script(lambda _: say("answer"))
    async with open_bridge(standin, tmp_path, "--sessions", "off") as bridge:
        line = [sys.executable, "-m", "tray", "ask", "--session", "mine", "x", "--data-dir", str(tmp_path / "data")]
        run = partial(subprocess.run, capture_output=True, text=True, check=True, cwd=ROOT, env=bridge.environment)
        done = await asyncio.to_thread(run, line)
    assert (done.stdout, done.stderr.count("'sessions' is off")) == ("answer\n", 1)


async def test_a_response_that_is_to_be_stored_survives_a_kill_and_no_other_one_is_on_the_disk(
    standin: Standin, tmp_path: Path
) -> None:
    async def ask(bridge: Bridge, input_: object, **fields: Any) -> dict[str, Any]:
        reply = await bridge.client.post("/responses", json={"input": input_, **fields})
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def kept() -> bytes:
        return b"".join(path.read_bytes() for path in (tmp_path / "data").rglob("*") if path.is_file())

    standin.script(lambda _: say("answer"))
    async with open_bridge(standin, tmp_path, "--sessions", "memory") as bridge:
        first = await ask(bridge, SECRET, store=True)
        await ask(bridge, "more", previous_response_id=first["id"])
        await bridge.stop()
    assert SECRET.encode() not in kept()
    async with open_bridge(standin, tmp_path) as bridge:
        gone = await bridge.client.post("/responses", json={"input": "x", "previous_response_id": first["id"]})
        assert gone.json()["error"]["code"] == "previous_response_not_found"
        await ask(bridge, SECRET, store=False)
        by_default = await ask(bridge, SECRET)
        assert (await bridge.client.get(f"/responses/{by_default['id']}")).json() == by_default
        named = await ask(bridge, "named")
        second = await ask(bridge, "second", previous_response_id=named["id"], store=True)
        # What was stored is read back before the kill, as a client that waits for nothing else would.
        assert (await bridge.client.get(f"/responses/{second['id']}")).json() == second
        bridge.process.kill()
        await bridge.process.wait()
    assert SECRET.encode() not in kept()
    assert b"named" in kept()
    async with open_bridge(standin, tmp_path) as bridge:
        await ask(bridge, "third", previous_response_id=second["id"])
        texts = [text for _, text in conversation_of(standin.requests[-1].body)]
        assert texts == ["named", "answer", "second", "answer", "third"]
        reference = {"type": "item_reference", "id": named["output"][-1]["id"]}
        items = [{"role": "user", "content": "referring"}, reference, {"role": "user", "content": "now"}]
        await ask(bridge, items)
        assert [text for _, text in conversation_of(standin.requests[-1].body)] == ["referring", "answer", "now"]
        assert (await bridge.client.get(f"/responses/{named['id']}")).status_code == 404
        assert (await bridge.client.delete(f"/responses/{second['id']}")).json()["deleted"] is True


async def test_a_fork_continues_what_an_edit_left_out(standin: Standin, tmp_path: Path) -> None:
    standin.script(lambda recorded: say(f"answer {len(conversation_of(recorded.body))}"))
    async with open_bridge(standin, tmp_path) as bridge:
        await bridge.chat("one", session_id="s")
        await bridge.chat("two", session_id="s")
        edited = await bridge.chat("one", "answer 1", "edited", session_id="s")
        fork = edited.headers["x-drawbridge-session-fork"]
        assert fork == "s~1"
        bridge.process.kill()
        await bridge.process.wait()
    async with open_bridge(standin, tmp_path) as bridge:
        for name, texts in ((fork, ["one", "answer 1", "two", "answer 3"]), ("s", ["one", "answer 1", "edited"])):
            await bridge.chat("three", session_id=name)
            asked = [text for _, text in conversation_of(standin.requests[-1].body)]
            assert (asked[: len(texts)], asked[-1]) == (texts, "three")
        read = (await bridge.client.get(f"/sessions/{fork}")).json()
        assert (read["forked_from"], read["messages"][-1]["content"]) == ("s", "answer 5")
