"""Sessions over HTTP, with an engine whose answers the test writes."""

import asyncio
import contextlib
from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from server.config import Config
from server.conversation.events import Event, Failed, Finished, PartDelta, PartEnded, PartStarted, Started, StopReason
from server.conversation.parts import Image, Message, Text, Thinking, ToolCall, ToolResult
from server.conversation.request import ModelRequest
from server.errors import AnswerCut
from server.sessions.store import SessionStore
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from tests.pictures import PNG
from tests.server.web.scene import FakeEngine, client, text_events

TOOL = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {}}}}
PATHS = {
    "/v1/chat/completions": "chat",
    "/v1/messages": "messages",
    "/v1/responses": "responses",
    "/api/chat": "ollama",
}


class Scene:
    """The HTTP side over a store in memory or in a folder."""

    def __init__(self, config: Config, folder: Path | None = None) -> None:
        self.engine = FakeEngine(self._answer, config=config)
        self.answers: list[list[Event]] = []
        self.hold: asyncio.Event | None = None
        file = folder / "sessions.sqlite3" if folder else None
        self.store = SessionStore(lambda: self.engine.config, file)
        self.store.follow_settings()
        app = create_app(config, self.engine, parts=Parts(sessions=self.store))
        self.app = AccessMiddleware(app, lambda: policy_for(self.engine.config))

    async def _answer(self, request: ModelRequest) -> AsyncGenerator[Event, None]:
        number = len(self.engine.requests)
        if self.hold is not None:
            await self.hold.wait()
        for event in self.answers.pop(0) if self.answers else text_events(f"answer {number}"):
            yield event

    async def chat(self, *messages: Any, name: object = "s", **fields: Any) -> httpx.Response:
        body = {"messages": [one if isinstance(one, dict) else user(one) for one in messages], **fields}
        async with client(self.app) as c:
            return await c.post("/v1/chat/completions", json={**body, "session_id": name})

    async def get(self, path: str, method: str = "GET", **named: Any) -> httpx.Response:
        async with client(self.app) as c:
            return await c.request(method, f"/v1/sessions{path}", **named)

    @property
    def last(self) -> list[tuple[str, str]]:
        """The conversation that the engine got last."""
        return [(message.role, text_of(message)) for message in self.engine.requests[-1].messages]


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def claude(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def text_of(message: Message) -> str:
    return "".join(part.text for part in message.parts if isinstance(part, Text))


@contextlib.asynccontextmanager
async def keeping(folder: Path | None = None, **settings: Any) -> AsyncIterator[Scene]:
    scene = Scene(Config(**settings), folder)
    try:
        yield scene
    finally:
        scene.store.close()


async def test_a_client_that_sends_only_what_is_new_continues() -> None:
    async with keeping() as scene:
        first = await scene.chat({"role": "system", "content": "be brief"}, "hello")
        second = await scene.chat("more")
        assert scene.last == [("user", "hello"), ("assistant", "answer 1"), ("user", "more")]
        assert scene.engine.requests[-1].profile.system == "be brief"
        assert [reply.headers["x-drawbridge-session"] for reply in (first, second)] == ["new", "continued"]
        assert "x-drawbridge-ignored" not in second.headers
        await scene.chat({"role": "system", "content": "be long"}, "again", stream=True)
        await scene.chat("and again")
        assert scene.engine.requests[-1].profile.system == "be long"
        assert len(scene.last) == 7
        # Without the session, and with another one.
        await scene.chat("alone", name="t")
        await scene.chat("alone", name=None)
        assert scene.last == [("user", "alone")]


async def test_a_client_that_sends_all_of_it_is_recognised_and_may_edit() -> None:
    async with keeping() as scene:
        history: list[dict[str, str]] = []
        for question in ("one", "two", "three"):
            history.append(user(question))
            reply = await scene.chat(*history)
            assert scene.last == [(message["role"], message["content"]) for message in history]
            history.append(reply.json()["choices"][0]["message"])
        assert reply.headers["x-drawbridge-session"] == "resent"
        edited = await scene.chat(*history[:2], user("edited"))
        assert scene.last == [("user", "one"), ("assistant", "answer 1"), ("user", "edited")]
        # What is stored was not edited in its beginning, but ended elsewhere.
        assert edited.headers["x-drawbridge-session"] == "changed"
        assert edited.headers["x-drawbridge-session-fork"] == "s~1"
        await scene.chat("next")
        assert [text for _, text in scene.last] == ["one", "answer 1", "edited", "answer 4", "next"]


async def test_an_edited_history_is_kept_as_a_fork_and_a_repeated_question_is_not() -> None:
    async with keeping() as scene:
        for question in ("one", "two"):
            await scene.chat(question, name="a ü")
        known = [("user", "one"), ("assistant", "answer 1"), ("user", "two"), ("assistant", "answer 2")]
        again = await scene.chat("one", claude("answer 1"), "two", name="a ü")
        assert again.headers["x-drawbridge-session"] == "changed"
        assert "x-drawbridge-session-fork" not in again.headers
        assert (await scene.get("")).json()["total"] == 1
        # An answer that fails changes nothing.
        scene.answers = [[Failed(AnswerCut())]]
        await scene.chat("one", claude("answer 1"), "edited", name="a ü")
        assert (await scene.get("")).json()["total"] == 1
        edited = await scene.chat("one", claude("answer 1"), "edited", name="a ü", stream=True)
        assert edited.headers["x-drawbridge-session-fork"] == "a%20%C3%BC~1"
        fork = (await scene.get(f"/{edited.headers['x-drawbridge-session-fork']}")).json()
        assert (fork["id"], fork["forked_from"], fork["message_count"]) == ("a ü~1", "a ü", 4)
        known[3] = ("assistant", "answer 3")
        assert [(message["role"], message["content"]) for message in fork["messages"]] == known
        assert {row["id"]: row["forked_from"] for row in (await scene.get("")).json()["data"]} == {
            "a ü": None,
            "a ü~1": "a ü",
        }
        await scene.chat("three", name="a ü~1")
        assert scene.last == [*known, ("user", "three")]
        await scene.get("/a ü", "DELETE")
        assert [row["id"] for row in (await scene.get("")).json()["data"]] == ["a ü~1"]


async def test_a_session_is_read_with_its_messages() -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(PNG).decode()}"}}
    question = {"role": "user", "content": [{"type": "text", "text": "look"}, picture]}
    result = {"role": "tool", "tool_call_id": "toolu_1", "content": "found"}
    async with keeping() as scene:
        scene.answers = [[*scene_call("toolu_1")]]
        await scene.chat({"role": "system", "content": "be brief"}, question, tools=[TOOL])
        await scene.chat(result, tools=[TOOL])
        call = {"id": "toolu_1", "type": "function", "function": {"name": "read", "arguments": "{}"}}
        messages = [
            question,
            {"role": "assistant", "content": None, "tool_calls": [call]},
            result,
            {"role": "assistant", "content": "answer 2"},
        ]
        read = (await scene.get("/s")).json()
        assert (read["system_prompt"], read["messages"], read["next_after"]) == ("be brief", messages, None)
        first = (await scene.get("/s?limit=3")).json()
        assert (first["messages"], first["next_after"], first["message_count"]) == (messages[:3], 3, 4)
        assert (await scene.get("/s?after=3")).json()["messages"] == messages[3:]
        for query in ("limit=0", "limit=1001", "after=-1", "after=x", "after=1e3"):
            refused = await scene.get(f"/s?{query}")
            assert (refused.status_code, refused.json()["error"]["param"]) == (400, query.partition("=")[0])
        # A client may send again what it read.
        await scene.chat(*messages, "next", tools=[TOOL])
        assert len(scene.last) == 5


@pytest.mark.parametrize("path", PATHS)
async def test_every_dialect_of_conversations_has_sessions(path: str) -> None:
    async with keeping() as scene, client(scene.app) as c:
        for text in ("one", "two"):
            messages = {"input": text} if path == "/v1/responses" else {"messages": [user(text)]}
            body = {"model": "sonnet", "max_tokens": 100, "stream": False, **messages}
            reply = await c.post(path, json=body, headers={"x-session-id": "mine"})
            assert reply.status_code == 200, reply.text
        assert scene.last == [("user", "one"), ("assistant", "answer 1"), ("user", "two")]
        assert "session" not in reply.headers.get("x-drawbridge-ignored", "")


async def test_calls_pictures_and_thoughts_are_replayed_as_they_were() -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{b64encode(PNG).decode()}"}}
    async with keeping() as scene:
        thought, call = Thinking("hm", "signed", "claude-sonnet-5"), ToolCall("toolu_1", "read", '{"a":  1}')
        scene.answers = [
            [
                Started("claude-sonnet-5"),
                PartStarted(0, Thinking("", None, "claude-sonnet-5")),
                PartDelta(0, "hm"),
                PartEnded(0, "signed"),
                PartStarted(1, ToolCall("toolu_1", "read")),
                PartDelta(1, '{"a":  1}'),
                PartEnded(1),
                Finished(StopReason.TOOL_CALLS),
            ]
        ]
        await scene.chat({"role": "user", "content": [{"type": "text", "text": "look"}, picture]}, tools=[TOOL])
        reply = await scene.chat({"role": "tool", "tool_call_id": "toolu_1", "content": "found"}, tools=[TOOL])
        asked, answered, result = scene.engine.requests[-1].messages
        assert [type(part) for part in asked.parts] == [Text, Image]
        assert repr(answered) == repr(Message("assistant", (thought, call)))
        assert result == Message("user", (ToolResult("toolu_1", (Text("found"),)),))
        assert "x-drawbridge-ignored" not in reply.headers
        # A result without an id is that of the open call, as in one request.
        scene.answers = [[*scene_call("toolu_2")]]
        await scene.chat("again", tools=[TOOL])
        await scene.chat({"role": "tool", "content": "found again"}, tools=[TOOL])
        assert scene.engine.requests[-1].messages[-1].parts == (ToolResult("toolu_2", (Text("found again"),)),)


def scene_call(id_: str) -> list[Event]:
    return [
        Started("claude-sonnet-5"),
        PartStarted(0, ToolCall(id_, "read")),
        PartDelta(0, "{}"),
        PartEnded(0),
        Finished(StopReason.TOOL_CALLS),
    ]


async def test_a_failed_or_cut_answer_leaves_the_session_as_it_was() -> None:
    async with keeping() as scene:
        await scene.chat("one")
        begun = text_events("half")[:3]
        for stream in (False, True):
            scene.answers = [[*begun, Failed(AnswerCut())]]
            await scene.chat("lost", stream=stream)
        scene.hold = asyncio.Event()
        asking = asyncio.create_task(scene.chat("left"))
        while len(scene.engine.requests) < 4:
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        scene.hold = None
        await scene.chat("two")
        assert scene.last == [("user", "one"), ("assistant", "answer 1"), ("user", "two")]


async def test_requests_of_one_session_are_answered_in_order_and_others_do_not_wait() -> None:
    async with keeping() as scene:
        scene.hold = asyncio.Event()
        asking = [asyncio.create_task(scene.chat(f"q{number}")) for number in range(4)]
        while not scene.engine.requests:
            await asyncio.sleep(0)
        other = asyncio.create_task(scene.chat("other", name="t"))
        while len(scene.engine.requests) < 2:
            await asyncio.sleep(0)
        assert scene.last == [("user", "other")]
        # One that leaves while it waits holds up nobody behind it.
        asking.pop(2).cancel()
        scene.hold.set()
        await asyncio.gather(other, *asking)
        assert [text for role, text in scene.last if role == "user"] == ["q0", "q1", "q3"]


async def test_too_many_and_too_slow_requests_get_an_error() -> None:
    async with keeping(max_waiting=0, queue_timeout_s=0.2) as scene:
        scene.hold = asyncio.Event()
        asking = [asyncio.create_task(scene.chat(f"q{number}")) for number in range(3)]
        done, _ = await asyncio.wait(asking[1:])
        assert sorted(task.result().status_code for task in done) == [429, 503]
        # More processes would not help.
        assert all(
            "one after another" in task.result().text and "--pool-size" not in task.result().text for task in done
        )
        scene.hold.set()
        assert (await asking[0]).status_code == 200
        assert (await scene.chat("after")).status_code == 200
        assert [text for role, text in scene.last if role == "user"] == ["q0", "after"]


async def test_a_request_that_a_library_repeats_counts_once() -> None:
    async with keeping() as scene:
        await scene.chat("one")
        await scene.chat("two")
        async with client(scene.app, **{"x-stainless-retry-count": "1"}) as c:
            await c.post("/v1/chat/completions", json={"messages": [user("two")], "session_id": "s"})
        assert [text for role, text in scene.last if role == "user"] == ["one", "two"]
        await scene.chat("two")
        assert [text for role, text in scene.last if role == "user"] == ["one", "two", "two"]


async def test_an_answer_in_json_is_kept_as_the_client_has_it() -> None:
    async with keeping() as scene:
        await scene.chat("one", response_format={"type": "json_object"})
        tool = scene.engine.requests[-1].answer.tool  # type: ignore[union-attr] # there is one
        assert tool is not None
        call = [*scene_call("toolu_1")]
        call[1] = PartStarted(0, ToolCall("toolu_1", tool))
        scene.answers = [call]
        reply = await scene.chat("two", response_format={"type": "json_object"})
        assert reply.json()["choices"][0]["message"]["content"] == "{}"
        await scene.chat("three")
        assert scene.last[-2:] == [("assistant", "{}"), ("user", "three")]


async def test_sessions_are_listed_read_forked_and_deleted() -> None:
    async with keeping() as scene:
        await scene.chat("one", name="a/b")
        await scene.chat("one", name="ü 2")
        listed = (await scene.get("")).json()
        assert (listed["total"], {row["session_id"] for row in listed["sessions"]}) == (2, {"a/b", "ü 2"})
        assert (await scene.get("?limit=1")).json()["data"] == listed["data"][:1]
        assert (await scene.get("?limit=x")).status_code == 400
        read = (await scene.get("/a/b")).json()
        assert (read["id"], read["message_count"]) == ("a/b", 2)
        assert read["created_at"] <= read["last_accessed"] < read["expires_at"]
        fork = await scene.get("/a/b/fork", "POST", json={"session_id": "copy"})
        assert (fork.json()["id"], fork.json()["forked_from"]) == ("copy", "a/b")
        assert (await scene.get("/a/b/fork", "POST", json={"session_id": "copy"})).status_code == 400
        made = (await scene.get("/a/b/fork", "POST")).json()["id"]
        stats = (await scene.get("/stats")).json()
        assert (stats["session_stats"]["active_sessions"], stats["session_stats"]["total_messages"]) == (4, 8)
        assert (stats["kept"], stats["problem"], stats["default_ttl_hours"]) == ("memory", None, 1.0)
        for name in ("a/b", "ü 2", "copy", made):
            assert (await scene.get(f"/{name}", "DELETE")).json()["deleted"] is True
            assert (await scene.get(f"/{name}")).json()["error"]["code"] == "not_found"
        assert (await scene.get("/a/b/fork", "POST")).status_code == 404
        assert (await scene.get("")).json()["total"] == 0


async def test_a_session_of_another_key_is_unknown() -> None:
    async with keeping(api_key="first") as scene:
        async with client(scene.app, authorization="Bearer first") as c:
            await c.post("/v1/chat/completions", json={"messages": [user("one")], "session_id": "s"})
            assert (await c.get("/v1/sessions/s")).status_code == 200
        assert (await scene.get("/s")).status_code == 401
        scene.engine.change(api_key="second")
        async with client(scene.app, authorization="Bearer second") as c:
            assert (await c.get("/v1/sessions")).json()["total"] == 0
            for method, path in (("GET", "/s"), ("DELETE", "/s"), ("POST", "/s/fork")):
                assert (await c.request(method, f"/v1/sessions{path}")).status_code == 404
            await c.post("/v1/chat/completions", json={"messages": [user("two")], "session_id": "s"})
        assert scene.last == [("user", "two")]


async def test_several_answers_have_no_session() -> None:
    async with keeping() as scene:
        reply = await scene.chat("one", n=2)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "n")


async def test_without_sessions_the_field_is_named_as_ignored(tmp_path: Path) -> None:
    async with keeping(tmp_path, sessions="off") as scene:
        await scene.chat("one")
        reply = await scene.chat("two")
        assert (scene.last, reply.headers["x-drawbridge-ignored"]) == ([("user", "two")], "session_id")
        assert (await scene.get("/stats")).json()["kept"] == "nowhere"
        assert not list(tmp_path.iterdir())


async def test_a_session_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.web.sessions.MOST_BYTES", 400)
    async with keeping() as scene:
        assert (await scene.chat("x" * 150)).status_code == 200
        refused = await scene.chat("y" * 150)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "session_id")
        assert len(scene.engine.requests) == 1
        # A conversation that the client makes shorter fits again.
        assert (await scene.chat(user("short"), claude("yes"), user("y" * 20))).status_code == 200


async def test_a_title_for_the_conversation_is_not_part_of_it() -> None:
    title = "### Task:\nGenerate a concise title summarizing the chat history.\n"
    async with keeping() as scene:
        await scene.chat("one")
        await scene.chat(title)
        await scene.chat("two")
        assert [text for _, text in scene.last] == ["one", "answer 1", "two"]


async def test_a_session_on_disk_goes_on_after_a_restart(tmp_path: Path) -> None:
    async with keeping(tmp_path, sessions="disk") as scene:
        await scene.chat("one")
        await scene.chat("without a session", name=None)
    async with keeping(tmp_path, sessions="disk") as scene:
        await scene.chat("two")
        assert [text for _, text in scene.last] == ["one", "answer 1", "two"]
    assert b"without a session" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())
