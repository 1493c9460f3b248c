"""A dialect that is defined in this folder alone is served by the real application and passes the conformance suite."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from server.conversation.parts import Text
from server.conversation.request import ModelRequest, ModelSettings, Profile
from server.dialects.registry import DIALECTS
from tests.server.dialects.answers import ANSWERS, Answer
from tests.server.dialects.bodies import OWNER, Body
from tests.server.dialects.conformance import Conformance, Frame, Kit, ndjson_frames, playing
from tests.server.dialects.conversations import Conversation
from tests.server.dialects.toy.dialect import Toy
from tests.server.web.scene import FakeEngine, client, served

TOY = Toy()
DIALECTS_WITH_TOY = (*DIALECTS, TOY)
QUESTION: dict[str, Any] = {"say": [{"from": "user", "text": "Hi"}], "stream": True}


class ToyKit(Kit):
    dialect = TOY
    path = "/toy/sonnet/answer"

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        request = conversation.expected
        texts = [(message.role, message.parts[0]) for message in request.messages if len(message.parts) == 1]
        said = [{"from": role, "text": part.text} for role, part in texts if isinstance(part, Text)]
        is_plain = (request.profile, request.settings) == (Profile(owner=OWNER), ModelSettings())
        return [({"say": said}, request)] if is_plain and len(said) == len(request.messages) else []

    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        return {**QUESTION, "stream": is_streamed}

    def frames(self, stream: bytes) -> list[Frame]:
        return ndjson_frames(stream)

    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        lines = [frame.json for frame in frames]
        text = "".join(line.get("text", "") for line in lines)
        return self.read_whole({"text": text, **lines[-1]})

    def read_whole(self, body: Any) -> Answer:
        calls = tuple((call["id"], call["name"], json.loads(call["arguments"])) for call in body["calls"])
        return Answer(text=body["text"], calls=calls, finish=body["done"])

    def is_end(self, frame: Frame) -> bool:
        return "done" in frame.json

    def error_message(self, body: Any) -> str | None:
        return body.get("error")  # type: ignore[no-any-return] # a JSON object


class TestToy(Conformance):
    @pytest.fixture
    def kit(self) -> Kit:
        return ToyKit()


async def test_path_and_headers_reach_the_dialect_and_other_paths_keep_theirs() -> None:
    engine = FakeEngine()
    async with client(served(engine, dialects=DIALECTS_WITH_TOY)) as c:
        reply = await c.post("/toy/opus/answer", json=QUESTION, headers={"user-agent": "me"})
        chat = await c.post("/v1/chat/completions", json={})
        unknown = [(await c.get(path)).json()["error"] for path in ("/toy/opus", "/toys")]
    assert reply.text.startswith('{"id":"toy-')
    assert {"model": "opus", "agent": "me"}.items() <= json.loads(reply.text.splitlines()[0]).items()
    assert engine.requests[0].model == "opus"
    assert chat.json()["error"]["param"] == "messages"
    assert isinstance(unknown[0], str)
    assert isinstance(unknown[1], dict)


async def test_an_error_knows_the_id_of_its_request() -> None:
    async with client(served(FakeEngine(), dialects=DIALECTS_WITH_TOY), **{"x-request-id": "mine"}) as c:
        replies = [await c.post("/toy/opus/answer", json={}), await c.get("/toy", headers={"host": "evil.example"})]
    assert [reply.headers["toy-request"] for reply in replies] == ["mine", "mine"]


async def test_a_silent_stream_starts_with_a_heartbeat() -> None:
    engine = playing(*ANSWERS["text"])
    engine.change(head_timeout_s=0.0, heartbeat_s=0.0)
    async with client(served(engine, dialects=DIALECTS_WITH_TOY)) as c:
        reply = await c.post("/toy/opus/answer", json=QUESTION)
    assert ToyKit().read_stream(ndjson_frames(reply.content)).text == "Good day.\n"
