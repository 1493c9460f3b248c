"""A client of the Responses API over the real application, with scripted answers of Claude."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from server.conversation.events import Event
from server.conversation.request import ModelRequest
from tests.server.dialects.answers import answer, text
from tests.server.web.scene import FakeEngine, client, served

Events = Sequence[Event]


@dataclass
class Scene:
    """`answers` are given in order, the last one again and again."""

    http: httpx.AsyncClient
    engine: FakeEngine
    answers: list[Events] = field(default_factory=list)

    async def ask(self, input_: object, **fields: Any) -> dict[str, Any]:
        """A whole response."""
        reply = await self.post({"input": input_, **fields})
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return body

    async def post(self, body: object, path: str = "/v1/responses", **headers: str) -> httpx.Response:
        return await self.http.post(path, json=body, headers=headers)

    async def stream(self, input_: object, headers: dict[str, str] | None = None, **fields: Any) -> list[Any]:
        """The events of a streamed response."""
        body = {"input": input_, "stream": True, **fields}
        reply = await self.http.post("/v1/responses", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        return [json.loads(line[6:]) for line in reply.text.split("\n") if line.startswith("data: ")]

    @property
    def last(self) -> ModelRequest:
        """The last request that reached Claude."""
        return self.engine.requests[-1]


@asynccontextmanager
async def open_scene(*answers: Events) -> AsyncIterator[Scene]:
    given = list(answers) or [answer(text(0, "Hello."))]

    async def play(_: ModelRequest) -> AsyncGenerator[Event, None]:
        for event in given.pop(0) if len(given) > 1 else given[0]:
            yield event

    engine = FakeEngine(play)
    async with client(served(engine)) as http:
        yield Scene(http, engine, given)
