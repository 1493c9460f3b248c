import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from server.agents.asking.questions import Decision, Question
from server.keys.named_key import NamedKey
from server.web.access.middleware import AccessPolicy
from server.web.control.parts import Parts
from server.web.events.hub import EventHub
from tests.server.web.scene import NOW, FakeControl, FakeEngine, client, served

TOKEN = {"x-drawbridge-token": FakeControl().token}
BASH = Question(
    "q1",
    "local:0",
    "req-1",
    "site",
    "Bash",
    description="Run the tests",
    detail="make test",
    reason="The command is not allowed by a rule",
    path="/home/someone/site",
)


@asynccontextmanager
async def asking(engine: FakeEngine, question: Question = BASH) -> AsyncIterator[asyncio.Task[Decision | None]]:
    task = asyncio.create_task(engine.approvals.ask(question))
    await asyncio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def page(engine: FakeEngine, hub: EventHub | None = None) -> httpx.AsyncClient:
    return client(served(engine, control=FakeControl(), parts=Parts(hub=hub)), **TOKEN)


async def test_open_questions_are_listed_with_all_that_the_tool_would_do() -> None:
    engine = FakeEngine()
    async with page(engine) as c:
        assert (await c.get("/control/approvals")).json() == {"data": [], "now": NOW, "limit_s": 300.0}
        async with asking(engine):
            (question,) = (await c.get("/control/approvals")).json()["data"]
        assert (await c.get("/control/approvals")).json()["data"] == []
    assert {name: question[name] for name in ("id", "project", "tool", "description", "detail", "reason", "path")} == {
        "id": "q1",
        "project": "site",
        "tool": "Bash",
        "description": "Run the tests",
        "detail": "make test",
        "reason": "The command is not allowed by a rule",
        "path": "/home/someone/site",
    }
    assert question["expires_at"] - question["asked_at"] == pytest.approx(300)
    assert "owner" not in question


async def test_a_decision_reaches_the_agent_once() -> None:
    engine = FakeEngine()
    async with page(engine) as c, asking(engine) as task:
        first = await c.post("/control/approvals/q1", json={"decision": "once"})
        assert (first.status_code, first.json()) == (200, {"id": "q1", "decision": "once"})
        assert await task == "once"
        second = await c.post("/control/approvals/q1", json={"decision": "refuse"})
        assert second.status_code == 409
        assert second.json()["error"]["message"] == "This question is closed: it was allowed."
        assert (await c.post("/control/approvals/q2", json={"decision": "once"})).status_code == 404


@pytest.mark.parametrize("body", [{}, [], {"decision": "always"}, {"decision": None}, {"decision": ["once"]}, "once"])
async def test_an_unknown_decision_decides_nothing(body: object) -> None:
    engine = FakeEngine()
    async with page(engine) as c, asking(engine) as task:
        reply = await c.post("/control/approvals/q1", json=body)
        assert (reply.status_code, reply.json()["error"]["param"]) == (400, "decision")
        await asyncio.sleep(0)
        assert not task.done()


async def test_the_whole_conversation_is_allowed_only_where_that_is_offered() -> None:
    engine = FakeEngine()
    async with page(engine) as c, asking(engine) as task:
        reply = await c.post("/control/approvals/q1", json={"decision": "conversation"})
        assert (reply.status_code, task.done()) == (400, False)


@pytest.mark.parametrize("listener", ["lan", "tunnel"])
async def test_nobody_decides_through_the_tunnel_or_from_other_devices(listener: Any) -> None:
    engine = FakeEngine()
    policy = AccessPolicy(listener, key="gate-key", hosts=frozenset({"127.0.0.1"}))
    app = served(engine, control=FakeControl(), policy=policy)
    async with client(app, **TOKEN, authorization="Bearer gate-key") as c, asking(engine) as task:
        assert (await c.get("/control/approvals")).status_code == 404
        assert (await c.post("/control/approvals/q1", json={"decision": "once"})).status_code == 404
        assert not task.done()


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer gate-key"}, {"x-drawbridge-token": "wrong"}])
async def test_without_the_token_nothing_is_shown_or_decided(headers: dict[str, str]) -> None:
    engine = FakeEngine()
    engine.change(api_key="gate-key")
    app = served(engine, control=FakeControl())
    async with client(app, **headers) as c, asking(engine) as task:
        assert (await c.get("/control/approvals")).status_code == 403
        assert (await c.post("/control/approvals/q1", json={"decision": "once"})).status_code == 403
        assert not task.done()


async def test_an_apps_own_key_decides_nothing() -> None:
    engine = FakeEngine()
    policy = AccessPolicy("local", find_key=lambda _: NamedKey("1", "app", b"", b"", NOW))
    app = served(engine, control=FakeControl(), policy=policy)
    async with client(app, authorization="Bearer of-the-app") as c, asking(engine) as task:
        assert (await c.post("/control/approvals/q1", json={"decision": "once"})).status_code == 403
        assert not task.done()


async def test_pages_are_told_without_what_the_tool_would_do() -> None:
    engine, hub = FakeEngine(), EventHub()
    async with page(engine, hub), asking(engine):
        engine.approvals.decide("q1", "refuse")
    events = [event.data for event in hub.after(0) or [] if event.kind == "approval"]
    assert events == [
        {"phase": "opened", "id": "q1", "outcome": None},
        {"phase": "closed", "id": "q1", "outcome": "refuse"},
    ]
    assert "make test" not in json.dumps(events)


async def test_the_public_status_says_nothing_of_questions() -> None:
    engine = FakeEngine()
    async with page(engine) as c, asking(engine):
        assert "approvals" in (await c.get("/control/status")).json()
        assert "approvals" not in (await c.get("/health")).json()
