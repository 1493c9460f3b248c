"""What each stage of a short request costs in our process, in microseconds of CPU: no process and no socket is used.

CPU time means the same on a busy machine, but for the caches; the best of several batches is taken.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from server.claude.protocol.request import reset_frame, settings_body, user_frame
from server.claude.protocol.response import ResponseReader
from server.claude.worker.process import read_frame
from server.config import Config
from server.conversation.events import Event, PartDelta, PartStarted, Started
from server.conversation.parts import Message, Text
from server.conversation.request import ModelSettings
from server.dialects.base import ParseOptions
from server.dialects.registry import DIALECTS
from server.large_json import dumps
from server.pool.pool import Pool
from server.pool.types import Limits
from server.web.access.head import Head
from server.web.access.policy import authorize, policy_for
from server.web.json_body import parse_json
from tests.bench.measuring import Fact, Found
from tests.bench.scene import Scene
from tests.bench.stages.loopback import BODY, HEADERS, Line, answer_in_chunks, answer_shortly
from tests.server.pool.harness import PROFILE, WorkerFactory
from tests.server.web.scene import FakeEngine, served, text_events

_BATCHES = 5
_OPTIONS = ParseOptions(Config(), token="0" * 24, now=0.0)
_CHUNK = b'data: {"choices":[{"index":0,"delta":{"content":" token"},"finish_reason":null}]}\n\n'


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of the way of a request. `run` does it so many times; `unit` is what each time is done for."""

    name: str
    run: Callable[[int], Awaitable[None]]
    unit: str = "request"


async def measure_stages(scene: Scene) -> list[Found]:
    """Measures all stages."""
    return list(await stage_facts(scene.scale.stage_calls))


async def stage_facts(calls: int) -> list[Fact]:
    """The stages from the socket to the process, then those back for each token, then all of HTTP together."""
    return [await _fact(stage, calls) for stage in STAGES]


async def _fact(stage: Stage, calls: int) -> Fact:
    best = float("inf")
    for _ in range(_BATCHES):
        began = time.thread_time_ns()
        await stage.run(calls)
        best = min(best, (time.thread_time_ns() - began) / 1000 / calls)
    return Fact(f"stage: {stage.name}", f"{best:.1f} us of CPU", note=f"for each {stage.unit}")


async def _accept(calls: int) -> None:
    line = Line(answer_shortly)
    for _ in range(calls):
        await line.ask()


async def _policy(calls: int) -> None:
    for _ in range(calls):
        authorize(Head.read("POST", "/v1/chat/completions", HEADERS), policy_for(Config()))


async def _parse(calls: int) -> None:
    for _ in range(calls):
        parse_json(BODY)


async def _translate(calls: int) -> None:
    body = parse_json(BODY)
    for _ in range(calls):
        DIALECTS[0].parse(body, "local", _OPTIONS)


async def _lease(calls: int) -> None:
    async with Pool(WorkerFactory().spawn, limits=Limits(isolation="warm")) as pool:
        for _ in range(calls):
            async with pool.lease(PROFILE) as lease:
                lease.first_token()
                lease.keep(None)


async def _write(calls: int) -> None:
    question = Message("user", (Text("Hello?"),))
    for _ in range(calls):
        settings_body(ModelSettings("sonnet"))
        "".join(dumps(frame) + "\n" for frame in (reset_frame(), user_frame(question, ask=True))).encode()


async def _read(calls: int) -> None:
    reader = ResponseReader()
    for line in _opening():
        reader.feed(read_frame(line) or {})
    delta = _line({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": " token"}})
    for _ in range(calls):
        events, _kill = reader.feed(read_frame(delta) or {})
        assert events


async def _encode(calls: int) -> None:
    encoder = DIALECTS[0].parse(parse_json(BODY), "local", _OPTIONS).reply.encoder()
    opening: list[Event] = [Started("m"), PartStarted(0, Text(""))]
    for event in opening:
        encoder.event(event)
    for _ in range(calls):
        encoder.event(PartDelta(0, " token"))


async def _send(calls: int) -> None:
    line = Line(answer_in_chunks(_CHUNK, calls))
    await line.ask()


async def _http(calls: int) -> None:
    line = Line(served(FakeEngine()))
    for _ in range(calls):
        await line.ask()


async def _stream(calls: int) -> None:
    async def answer(_: object) -> AsyncGenerator[Event, None]:
        for event in text_events(*(" token" for _ in range(calls))):
            yield event
            # As from a pipe: one token at a time.
            await asyncio.sleep(0)

    await Line(served(FakeEngine(answer))).ask()


def _opening() -> Iterator[bytes]:
    message = {"id": "msg_1", "model": "m", "usage": {"input_tokens": 1, "output_tokens": 1}}
    yield _line({"type": "message_start", "message": message})
    yield _line({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})


def _line(event: object) -> bytes:
    """A line as Claude Code writes it."""
    ids = {"session_id": "0" * 36, "parent_tool_use_id": None, "uuid": "0" * 36, "api_message_id": "msg_1"}
    return json.dumps({"type": "stream_event", "event": event, **ids}, separators=(",", ":")).encode() + b"\n"


STAGES = (
    Stage("accept, and a short response", _accept),
    Stage("policy", _policy),
    Stage("parse JSON", _parse),
    Stage("translate the request", _translate),
    Stage("lease a worker, and return it", _lease),
    Stage("write to the process", _write),
    Stage("read from the process", _read, "token"),
    Stage("encode", _encode, "token"),
    Stage("send", _send, "token"),
    Stage("all of HTTP, with an answer of two tokens", _http),
    Stage("all of HTTP", _stream, "token"),
)
