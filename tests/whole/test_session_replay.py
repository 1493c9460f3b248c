"""Sessions in the other dialects through the real CLI, and a kill while Claude answers."""

import asyncio
import sqlite3
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from server.standin.script import Gate, Hold, Reply, say
from server.standin.server import Standin
from tests.pictures import PNG
from tests.whole.bridge import conversation_of, open_bridge
from tests.whole.test_sessions import answers, without_notes

pytestmark = pytest.mark.asyncio(loop_scope="module")

Items = list[dict[str, Any]]
DATA = b64encode(PNG).decode()
SCHEMA = {"type": "object", "properties": {}}


@dataclass(frozen=True)
class Speaking:
    """How a dialect puts the three questions, the history in a request, and what was answered."""

    path: str
    field: str
    questions: Sequence[Mapping[str, Any]]
    fields: Mapping[str, Any]
    answered: Callable[[dict[str, Any]], Items]


MESSAGES = Speaking(
    "/v1/messages",
    "messages",
    (
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is on it?"},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
            ],
        },
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "a cat"}]},
        {"role": "user", "content": "And its colour?"},
    ),
    {
        "model": "sonnet",
        "max_tokens": 4000,
        "system": "be brief",
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "tools": [{"name": "read", "input_schema": SCHEMA}],
    },
    lambda reply: [{"role": "assistant", "content": reply["content"]}],
)
RESPONSES = Speaking(
    "/v1/responses",
    "input",
    (
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is on it?"},
                {"type": "input_image", "image_url": f"data:image/png;base64,{DATA}"},
            ],
        },
        {"type": "function_call_output", "call_id": "toolu_1", "output": "a cat"},
        {"role": "user", "content": "And its colour?"},
    ),
    {
        "model": "sonnet",
        "store": False,
        "instructions": "be brief",
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "tools": [{"type": "function", "name": "read", "parameters": SCHEMA}],
    },
    lambda reply: list(reply["output"]),
)


OLLAMA = Speaking(
    "/api/chat",
    "messages",
    (
        {"role": "user", "content": "What is on it?", "images": [DATA]},
        {"role": "tool", "tool_name": "read", "content": "a cat"},
        {"role": "user", "content": "And its colour?"},
    ),
    {
        "model": "sonnet",
        "stream": False,
        "think": True,
        "tools": [{"type": "function", "function": {"name": "read", "parameters": SCHEMA}}],
    },
    lambda reply: [reply["message"]],
)


def _next(replies: Iterator[Reply], _: object) -> Reply:
    return next(replies)


async def sent_upstream(
    standin: Standin, folder: Path, speaking: Speaking, **session: str
) -> Sequence[Mapping[str, Any]]:
    """Asks the questions; what arrived. With a session the server is new before the last one, and knows only that."""
    standin.script(partial(_next, answers()))
    standin.requests.clear()
    history: Items = []
    for questions in (speaking.questions[:2], speaking.questions[2:]) if session else (speaking.questions,):
        async with open_bridge(standin, folder) as bridge:
            for question in questions:
                history.append(dict(question))
                body = {**speaking.fields, speaking.field: [question] if session else history, **session}
                reply = await bridge.client.post(f"{bridge.url.removesuffix('/v1')}{speaking.path}", json=body)
                assert reply.status_code == 200, reply.text
                assert "session_id" not in reply.headers.get("x-drawbridge-ignored", "")
                history += speaking.answered(reply.json())
            await bridge.stop()
    return [without_notes(recorded.body) for recorded in standin.requests]


@pytest.mark.parametrize("speaking", [MESSAGES, RESPONSES, OLLAMA], ids=["messages", "responses", "ollama"])
async def test_a_session_is_replayed_exactly(standin: Standin, tmp_path: Path, speaking: Speaking) -> None:
    whole = await sent_upstream(standin, tmp_path / "whole", speaking)
    session = await sent_upstream(standin, tmp_path / "session", speaking, session_id="s")
    assert len(whole) == 3
    assert session == whole
    # It has what could be lost: the picture, Claude's thinking with its signature, and the call with its result.
    assert DATA in str(session[2])
    thought, text, call = session[2]["messages"][1]["content"]
    assert (thought["type"], thought["thinking"], text["text"]) == ("thinking", "Hm.", "Let me see. ")
    assert (call["type"], call["id"], call["input"]) == ("tool_use", "toolu_1", {"b": 1, "a": [2]})


async def test_a_kill_while_claude_answers_leaves_the_session_as_it_was(standin: Standin, tmp_path: Path) -> None:
    standin.script(lambda _: say("answer"))
    async with open_bridge(standin, tmp_path) as bridge:
        await bridge.chat("one", session_id="s")
        gate = Gate()
        standin.script(lambda _: say("half", Hold(gate), "never"))
        asking = [asyncio.create_task(bridge.chat(text, session_id="s")) for text in ("lost", "waiting")]
        await gate.reached()
        bridge.process.kill()
        await bridge.process.wait()
        await asyncio.gather(*asking, return_exceptions=True)
        with closing(sqlite3.connect(tmp_path / "data" / "sessions.sqlite3")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            assert connection.execute("SELECT messages FROM session").fetchall() == [(2,)]
            assert connection.execute("SELECT count(*) FROM message").fetchone()[0] == 2
    standin.script(lambda _: say("answer"))
    async with open_bridge(standin, tmp_path) as bridge:
        await bridge.chat("two", session_id="s")
        assert [text for _, text in conversation_of(standin.requests[-1].body)] == ["one", "answer", "two"]
