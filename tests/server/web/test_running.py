"""Running requests: listed while they run, and stopped by their id, in every dialect."""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping

import httpx
import pytest

from server.conversation.events import Event, PartDelta, PartStarted, Started
from server.conversation.parts import Text
from server.conversation.request import ModelRequest
from server.web.access.middleware import AccessMiddleware
from tests.server.web.scene import ASK, FakeControl, FakeEngine, client, served, text_events
from tests.server.web.test_journaling import REQUESTS, Kept

TITLE = "The request was stopped"


class Endless:
    """An engine whose answers begin and never end."""

    def __init__(self) -> None:
        self.engine = FakeEngine(self.answer)
        self.begun = asyncio.Event()

    async def answer(self, _: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("claude-sonnet-5", way="reset")
        yield PartStarted(0, Text(""))
        yield PartDelta(0, "Bon")
        self.begun.set()
        await asyncio.Event().wait()


async def ask(app: AccessMiddleware, path: str, body: Mapping[str, object], **headers: str) -> httpx.Response:
    async with client(app, **headers) as c:
        return await c.post(path, json=body)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("path", "body"), [(path, body) for path, _, body in REQUESTS])
async def test_a_stopped_request_ends_with_an_error_and_frees_its_process(
    path: str, body: dict[str, object], is_streamed: bool
) -> None:
    endless, kept = Endless(), Kept()
    app = kept.app(endless.engine)
    asked = {"model": "sonnet", "stream": is_streamed, **body}
    asking = asyncio.create_task(ask(app, path, asked, **{"x-request-id": "mine", "x-title": "Cline"}))
    await endless.begun.wait()
    async with client(app) as c:
        (listed,) = (await c.get("/v1/requests")).json()["data"]
        stopped = await c.delete("/v1/requests/mine")
    reply = await asking
    assert (listed["id"], listed["app"], listed["model"], listed["way"]) == (
        "mine",
        "Cline",
        "claude-sonnet-5",
        "reset",
    )
    assert stopped.json() == {"id": "mine", "object": "request", "stopped": True}
    assert TITLE in reply.text
    assert is_streamed or reply.status_code == 409
    assert endless.engine.closed == 1
    assert [(record.outcome, record.error) for record in kept] == [("failed", "RequestStopped")]
    async with client(app) as c:
        assert (await c.get("/v1/requests")).json()["data"] == []
        gone = await c.delete("/v1/requests/mine")
    assert (gone.status_code, "No running request" in gone.text) == (404, True)


async def test_nobody_else_sees_or_stops_a_request() -> None:
    """A request of another listener or key is another owner's."""
    endless = Endless()
    endless.engine.change(api_key="secret", reach="lan", require_key=True)
    app = served(endless.engine, control=FakeControl())
    lan = AccessMiddleware(app._app, lambda: app._policy().__class__(name="lan", key="secret"))
    asking = asyncio.create_task(ask(app, "/v1/chat/completions", ASK, authorization="Bearer secret"))
    await endless.begun.wait()
    async with client(lan, authorization="Bearer secret") as c:
        assert (await c.get("/v1/requests")).json()["data"] == []
    async with client(app, authorization="Bearer secret") as c:
        (listed,) = (await c.get("/v1/requests")).json()["data"]
    async with client(lan, authorization="Bearer secret") as c:
        assert (await c.delete(f"/v1/requests/{listed['id']}")).status_code == 404
        assert (await c.delete(f"/v1/chat/completions/{listed['id']}")).status_code == 404
        assert (await c.get(f"/v1/chat/completions/{listed['id']}/status")).status_code == 404
    async with client(app) as c:
        assert (await c.get("/v1/requests")).status_code == 401
    assert not asking.done()
    token = {"x-drawbridge-token": "token-of-this-instance"}
    async with client(app) as c:
        assert (await c.delete(f"/control/requests/{listed['id']}")).status_code == 403
        rows = (await c.get("/control/requests", headers=token)).json()["data"]
        assert [row["id"] for row in rows] == [listed["id"]]
        assert (await c.delete(f"/control/requests/{listed['id']}", headers=token)).json() == {"stopped": 1}
    assert json.loads((await asking).text)["error"]["code"] == "request_stopped"
    # The state of one that has ended is its owner's, too.
    path = f"/v1/chat/completions/{listed['id']}/status"
    async with client(lan, authorization="Bearer secret") as c:
        assert (await c.get(path)).status_code == 404
    async with client(app, authorization="Bearer secret") as c:
        assert (await c.get(path)).json()["status"] == "failed"


async def test_a_complete_answer_is_not_stopped_any_more() -> None:
    """Its client gets all of it, so it is no failure, although its stream is not closed yet."""
    release = asyncio.Event()

    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        try:
            for event in text_events("Bon", "jour"):
                yield event
        finally:
            await release.wait()

    kept = Kept()
    app = kept.app(FakeEngine(answer))
    asking = asyncio.create_task(ask(app, "/v1/chat/completions", ASK, **{"x-request-id": "mine"}))
    async with client(app) as c:
        while not (rows := (await c.get("/v1/requests")).json()["data"]) or rows[0]["first_ms"] is None:
            await asyncio.sleep(0)
        await asyncio.sleep(0.05)
        assert (await c.delete("/v1/requests/mine")).status_code == 404
    release.set()
    assert (await asking).json()["choices"][0]["message"]["content"] == "Bonjour"
    assert [record.outcome for record in kept if record.id == "mine"] == ["answered"]
