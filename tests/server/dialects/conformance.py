"""The rules that every dialect obeys, as a test class.

A dialect's tests provide a `Kit`, which reads the dialect as its clients do, as the fixture `kit` of a subclass.
"""

import json
import random
import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from server import errors
from server.config import Config
from server.conversation.events import Event, Failed, StopReason
from server.conversation.request import ModelRequest
from server.dialects.base import Dialect, ParseOptions, Reply
from server.dialects.registry import DIALECTS, dialect_for
from server.errors import (
    AnswerCut,
    DrawbridgeError,
    InvalidRequest,
    KeyRefused,
    MethodNotAllowed,
    QueueFull,
    WorkerDied,
)
from server.web.access.policy import AccessPolicy
from server.web.path_aliases import canonical_path
from server.web.unavailable import is_unbuilt
from tests.server.dialects.answers import ANSWERS, Answer, answer, expected_answer, text
from tests.server.dialects.bodies import OWNER, Body
from tests.server.dialects.conversations import CONVERSATIONS, Conversation
from tests.server.dialects.refusals import REFUSALS
from tests.server.web.scene import NOW, FakeEngine, client, served

OPTIONS = ParseOptions(Config(), token="0123456789abcdef", now=NOW)
REQUEST_ID = "req_conformance"
HEADERS = {"content-type": "application/json", "x-request-id": REQUEST_ID}


@dataclass(frozen=True)
class Frame:
    """One unit of a stream: the name of a server-sent event, if it has one, and the data."""

    event: str | None
    data: str

    @property
    def json(self) -> Any:
        """The data; text where it is not JSON, as in OpenAI's end mark."""
        return self.data if self.data.startswith("[") else json.loads(self.data)


class Kit(ABC):
    """How the suite writes requests of a dialect and reads its replies."""

    dialect: Dialect
    has_calls = True
    """Whether a reply can contain calls; without tools in its requests, none can come."""

    @property
    def path(self) -> str:
        """A path of the dialect, with its parameters filled in."""
        return self.dialect.paths[0]

    def bodies(self, conversation: Conversation) -> list[tuple[Body, ModelRequest]]:
        """The conversation in each form that the dialect accepts, with the expected request; none if it has no form."""
        name = self.dialect.name
        return [(conversation.bodies[name], conversation.expected_in(name))] if name in conversation.bodies else []

    def refusal(self, cases: Mapping[str, tuple[Body, str]]) -> tuple[Body, str] | None:
        """The body of a refused request and the field that the error names; None if the dialect has no form for it."""
        return cases.get(self.dialect.name)

    @abstractmethod
    def question(self, *, is_streamed: bool) -> dict[str, Any]:
        """A valid request, with usage reported where that is an option."""

    @abstractmethod
    def frames(self, stream: bytes) -> list[Frame]:
        """The frames of a stream without comments; fails if a byte is outside the framing."""

    @abstractmethod
    def read_stream(self, frames: Sequence[Frame]) -> Answer:
        """What a client assembles from a stream."""

    @abstractmethod
    def read_whole(self, body: Any) -> Answer:
        """What a client reads from a whole answer."""

    @abstractmethod
    def is_end(self, frame: Frame) -> bool:
        """Whether the frame says that the answer is complete."""

    @abstractmethod
    def error_message(self, body: Any) -> str | None:
        """The message of an error body, or of an error in a stream; None if it is not one."""


def sse_frames(stream: bytes) -> list[Frame]:
    """The server-sent events of a stream without comments."""
    *blocks, rest = stream.decode().split("\n\n")
    assert rest == ""
    return [frame for block in blocks for frame in _sse_frame(block.split("\n"))]


def _sse_frame(lines: list[str]) -> list[Frame]:
    assert all(len(line.splitlines()) == 1 for line in lines), lines
    if all(line.startswith(":") for line in lines):
        return []
    *names, data = lines
    assert len(names) <= 1
    assert data.startswith("data: ")
    assert all(name.startswith("event: ") for name in names)
    return [Frame(names[0].removeprefix("event: ") if names else None, data.removeprefix("data: "))]


def ndjson_frames(stream: bytes) -> list[Frame]:
    """The lines of a stream of newline-delimited JSON."""
    *lines, rest = stream.decode().split("\n")
    assert rest == ""
    for line in lines:
        assert len(line.splitlines()) == 1
        assert isinstance(json.loads(line), dict)
    return [Frame(None, line) for line in lines]


def encoded(reply: Reply, events: Sequence[Event], *, with_heartbeats: bool = False) -> bytes:
    """A whole stream, as the server sends it."""
    encoder = reply.encoder()
    stream = encoder.start()
    for event in events:
        stream += (encoder.heartbeat() if with_heartbeats else b"") + encoder.event(event)
    return stream if isinstance(events[-1], Failed) else stream + encoder.end()


def _error_kinds(kind: type[DrawbridgeError] = DrawbridgeError) -> Iterator[type[DrawbridgeError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith(errors.__name__):
            yield from _error_kinds(child)


def playing(*events: Event | Exception) -> FakeEngine:
    """An engine whose every answer is `events`; an exception is raised in its place."""

    async def play(_: ModelRequest) -> AsyncGenerator[Event, None]:
        for event in events:
            if isinstance(event, Exception):
                raise event
            yield event

    return FakeEngine(play)


class Conformance:
    """Subclass it and define the fixture `kit`."""

    def reply(self, kit: Kit) -> Reply:
        return kit.dialect.parse(kit.question(is_streamed=True), OWNER, OPTIONS).reply

    async def post(
        self, kit: Kit, engine: FakeEngine, body: object, *, policy: AccessPolicy | None = None, method: str = "POST"
    ) -> httpx.Response:
        """Posts `body`, as JSON unless it is bytes, to the real application over `engine`."""
        dialects = DIALECTS if kit.dialect in DIALECTS else (*DIALECTS, kit.dialect)
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        async with client(served(engine, dialects=dialects, policy=policy)) as c:
            return await c.request(method, kit.path, content=content, headers=HEADERS)

    # Requests

    @pytest.mark.parametrize("name", CONVERSATIONS)
    def test_a_conversation_is_parsed_into_the_expected_request(self, kit: Kit, name: str) -> None:
        bodies = kit.bodies(CONVERSATIONS[name])
        assert bodies or name != "a question"
        for body, expected in bodies:
            assert kit.dialect.parse(body, OWNER, OPTIONS).request == expected

    @pytest.mark.parametrize("name", REFUSALS)
    def test_a_refusal_names_the_field(self, kit: Kit, name: str) -> None:
        if (case := kit.refusal(REFUSALS[name].cases)) is not None:
            body, param = case
            with pytest.raises(InvalidRequest) as caught:
                kit.dialect.parse(body, OWNER, OPTIONS)
            assert caught.value.param == param

    @pytest.mark.parametrize("body", [None, [], "text", 1, {}])
    def test_a_body_that_is_no_request_is_invalid(self, kit: Kit, body: object) -> None:
        with pytest.raises(InvalidRequest):
            kit.dialect.parse(body, OWNER, OPTIONS)

    @pytest.mark.parametrize("is_streamed", [True, False])
    def test_the_request_decides_whether_the_reply_is_streamed(self, kit: Kit, is_streamed: bool) -> None:
        exchange = kit.dialect.parse(kit.question(is_streamed=is_streamed), OWNER, OPTIONS)
        assert exchange.is_streamed == is_streamed
        assert exchange.request.profile.owner == OWNER

    # Replies

    @pytest.mark.parametrize("name", ANSWERS)
    def test_a_client_reads_the_same_answer_streamed_and_whole(self, kit: Kit, name: str) -> None:
        events, reply = ANSWERS[name], self.reply(kit)
        collector = reply.collector()
        for event in events:
            collector.add(event)
        whole = kit.read_whole(json.loads(json.dumps(collector.body())))
        expected = expected_answer(events)
        assert kit.read_stream(kit.frames(encoded(reply, events))) == whole
        assert (whole.text, whole.calls) == (expected.text, expected.calls if kit.has_calls else ())
        assert whole.reasoning in {"", expected.reasoning}
        assert whole.finish

    @pytest.mark.parametrize("name", ANSWERS)
    def test_a_stream_has_one_end_and_it_is_last(self, kit: Kit, name: str) -> None:
        frames = kit.frames(encoded(self.reply(kit), ANSWERS[name]))
        assert [kit.is_end(frame) for frame in frames] == [False] * (len(frames) - 1) + [True]
        assert not any(kit.error_message(frame.json) for frame in frames[:-1])

    @pytest.mark.parametrize("name", ANSWERS)
    def test_heartbeats_do_not_change_the_answer(self, kit: Kit, name: str) -> None:
        reply = self.reply(kit)
        silent, beating = encoded(reply, ANSWERS[name]), encoded(reply, ANSWERS[name], with_heartbeats=True)
        assert len(beating) > len(silent)
        assert kit.read_stream(kit.frames(beating)) == kit.read_stream(kit.frames(silent))

    def test_an_answer_at_its_limit_ends_differently_from_a_complete_one(self, kit: Kit) -> None:
        reply = self.reply(kit)
        ends = [answer(text(0, "Once"), reason=reason) for reason in (StopReason.END, StopReason.LENGTH)]
        complete, limited = [kit.read_stream(kit.frames(encoded(reply, events))).finish for events in ends]
        assert complete != limited

    @pytest.mark.parametrize("length", range(4))
    def test_a_failure_in_a_stream_is_one_error_and_no_end(self, kit: Kit, length: int) -> None:
        events = [*ANSWERS["text"][:length], Failed(WorkerDied("It died."))]
        frames = kit.frames(encoded(self.reply(kit), events))
        messages = [kit.error_message(frame.json) for frame in frames]
        assert messages[-1] is not None
        assert "It died." in messages[-1]
        assert not any(messages[:-1])
        assert not any(map(kit.is_end, frames))

    def test_a_failed_or_unfinished_answer_is_never_whole(self, kit: Kit) -> None:
        error = WorkerDied()
        collector = self.reply(kit).collector()
        for event in ANSWERS["text"][:-1]:
            collector.add(event)
        with pytest.raises(AnswerCut):
            collector.body()
        with pytest.raises(WorkerDied) as caught:
            collector.add(Failed(error))
        assert caught.value is error

    @pytest.mark.parametrize("name", ANSWERS)
    def test_a_reply_depends_on_its_inputs_alone(self, kit: Kit, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """Ids and times come in the options, and one encoder's state does not reach the next."""

        def impure(*_: object) -> None:
            raise AssertionError("a dialect read the clock or a random number")

        for module, function in ((time, "time"), (time, "time_ns"), (secrets, "token_hex"), (random, "random")):
            monkeypatch.setattr(module, function, impure)
        reply = self.reply(kit)
        first, second = encoded(reply, ANSWERS[name]), encoded(reply, ANSWERS[name])
        again = encoded(self.reply(kit), ANSWERS[name])
        assert first == second == again
        other = kit.dialect.parse(kit.question(is_streamed=True), OWNER, replace(OPTIONS, now=NOW + 3600))
        assert kit.read_stream(kit.frames(encoded(other.reply, ANSWERS[name]))) == kit.read_stream(kit.frames(first))

    # Errors

    @pytest.mark.parametrize("kind", list(dict.fromkeys(_error_kinds())))
    def test_every_error_has_a_response(self, kit: Kit, kind: type[DrawbridgeError]) -> None:
        reply = kit.dialect.error(kind("What happened."), "req_1")
        assert 400 <= reply.status < 600
        message = kit.error_message(json.loads(json.dumps(reply.body)))
        assert message is not None
        assert message.startswith("What happened.")
        assert all(name == name.lower() for name in reply.headers)

    def test_its_paths_are_below_its_prefixes_and_no_other_dialects(self, kit: Kit) -> None:
        dialects = DIALECTS if kit.dialect in DIALECTS else (*DIALECTS, kit.dialect)
        for path in (*kit.dialect.paths, *kit.dialect.prefixes, kit.path):
            assert dialect_for(path, dialects) is kit.dialect
        assert canonical_path(kit.path) == kit.path
        assert not is_unbuilt(kit.path)

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"a": NaN}'])
    async def test_a_malformed_body_is_an_error_in_the_dialects_form(self, kit: Kit, content: bytes) -> None:
        reply = await self.post(kit, FakeEngine(), content)
        assert reply.status_code == kit.dialect.error(InvalidRequest(), REQUEST_ID).status
        assert kit.error_message(reply.json())

    async def test_an_error_before_the_route_has_the_dialects_form(self, kit: Kit) -> None:
        policy = AccessPolicy(key="gate-key")
        reply = await self.post(kit, FakeEngine(), kit.question(is_streamed=True), policy=policy)
        expected = kit.dialect.error(KeyRefused(), REQUEST_ID)
        assert (reply.status_code, reply.headers["content-type"]) == (expected.status, "application/json")
        assert kit.error_message(reply.json())
        wrong_method = await self.post(kit, FakeEngine(), {}, method="DELETE")
        assert wrong_method.status_code == kit.dialect.error(MethodNotAllowed(), REQUEST_ID).status
        assert kit.error_message(wrong_method.json())

    # Over the application

    @pytest.mark.parametrize("name", ANSWERS)
    async def test_the_application_sends_the_dialects_stream(self, kit: Kit, name: str) -> None:
        reply = await self.post(kit, playing(*ANSWERS[name]), kit.question(is_streamed=True))
        assert (reply.status_code, reply.headers["content-type"]) == (200, kit.dialect.content_type)
        assert reply.headers["x-drawbridge-way"] == "process"
        frames = kit.frames(reply.content)
        assert kit.is_end(frames[-1])
        assert kit.read_stream(frames).text == expected_answer(ANSWERS[name]).text

    async def test_the_application_sends_the_dialects_whole_answer(self, kit: Kit) -> None:
        reply = await self.post(kit, playing(*ANSWERS["text"]), kit.question(is_streamed=False))
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/json")
        assert kit.read_whole(reply.json()).text == "Good day.\n"

    @pytest.mark.parametrize("is_streamed", [True, False])
    @pytest.mark.parametrize("error", [QueueFull(retry_after_s=3), KeyError("the prompt"), Failed(WorkerDied())])
    async def test_an_error_before_the_first_event_is_a_status(
        self, kit: Kit, is_streamed: bool, error: Event | Exception
    ) -> None:
        reply = await self.post(kit, playing(error), kit.question(is_streamed=is_streamed))
        own = error.error if isinstance(error, Failed) else error
        expected = kit.dialect.error(own if isinstance(own, DrawbridgeError) else DrawbridgeError(), REQUEST_ID)
        assert reply.status_code == expected.status
        assert kit.error_message(reply.json())
        assert "the prompt" not in reply.text
        assert {name: reply.headers[name] for name in expected.headers} == expected.headers

    @pytest.mark.parametrize("failure", [WorkerDied("It died."), Failed(WorkerDied("It died."))])
    async def test_an_error_after_the_first_event_ends_the_stream(self, kit: Kit, failure: Event | Exception) -> None:
        engine = playing(*ANSWERS["text"][:3], failure)
        reply = await self.post(kit, engine, kit.question(is_streamed=True))
        frames = kit.frames(reply.content)
        assert reply.status_code == 200
        assert "It died." in (kit.error_message(frames[-1].json) or "")
        assert not any(map(kit.is_end, frames))
        whole = await self.post(kit, engine, kit.question(is_streamed=False))
        assert whole.status_code >= 500
