from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.agents.asking.approvals import Change
from server.config import Config
from server.desktop_tools.actions import Window
from server.keys.named_key import NamedKey
from server.web.access.middleware import AccessPolicy
from tests.server.desktop_tools.fake_desktop import FakeDesktop
from tests.server.web.scene import NOW, FakeControl, FakeEngine, client, served

TOKEN = {"x-drawbridge-token": FakeControl().token}
SECRET = "the words that were typed"


@pytest.fixture
async def engine() -> AsyncIterator[FakeEngine]:
    """One with a session in which Claude has taken a screenshot, typed something and asked for what is not done."""
    made = FakeEngine(config=Config(computer_use=True))
    desktop = FakeDesktop(Window("notes", "gedit", 7))
    desktop.go.set()

    def allow(change: Change) -> None:
        if change.outcome is None:
            made.approvals.decide(change.question.id, "conversation")

    made.approvals.watch(allow)
    session = made.computer.start(desktop, minutes=5)
    await session.call("screenshot", {})
    await session.call("type", {"text": SECRET})
    desktop.locked = True
    await session.call("key", {"text": "ctrl+s"})
    yield made
    await made.computer.close()


async def test_the_status_has_the_time_limit_and_each_action_in_words(engine: FakeEngine) -> None:
    async with client(served(engine, control=FakeControl()), **TOKEN) as c:
        reply = await c.get("/control/status")
    computer = reply.json()["computer"]
    assert computer["is_on"]
    assert computer["ends_at"] == engine.computer.status.ends_at
    assert computer["actions"] == [
        {"words": "screenshot", "result": "done"},
        {"words": f"type {len(SECRET)} characters in gedit", "result": "done"},
        {"words": "press ctrl+s", "result": "refused"},
    ]
    assert SECRET not in reply.text


async def test_the_page_stops_the_session_and_a_second_stop_changes_nothing(engine: FakeEngine) -> None:
    async with client(served(engine, control=FakeControl()), **TOKEN) as c:
        first = await c.post("/control/computer/stop")
        assert (first.status_code, first.json()["computer"]["is_on"]) == (200, False)
        assert "dashboard" in first.json()["computer"]["ended"]
        assert len(first.json()["computer"]["actions"]) == 3
        engine.computer.stop("menu")
        assert (await c.post("/control/computer/stop")).json() == first.json()
        assert (await c.get("/control/status")).json()["computer"] == first.json()["computer"]
    assert engine.computer.session is None


@pytest.mark.parametrize(("method", "path"), [("POST", "start"), ("POST", ""), ("PUT", ""), ("GET", "start")])
async def test_nothing_starts_a_session_by_http(method: str, path: str) -> None:
    engine = FakeEngine(config=Config(computer_use=True))
    async with client(served(engine, control=FakeControl()), **TOKEN) as c:
        reply = await c.request(method, f"/control/computer/{path}", json={"minutes": 5})
    assert reply.status_code in {404, 405}
    assert engine.computer.session is None


@pytest.mark.parametrize(
    ("listener", "headers", "status"),
    [
        ("local", {}, 403),
        ("local", {"x-drawbridge-token": "wrong"}, 403),
        ("lan", TOKEN, 404),
        ("tunnel", TOKEN, 404),
    ],
)
async def test_only_the_page_and_the_commands_on_this_computer_stop_it(
    engine: FakeEngine, listener: Any, headers: dict[str, str], status: int
) -> None:
    policy = AccessPolicy(listener, key="gate-key", hosts=frozenset({"127.0.0.1"}))
    app = served(engine, control=FakeControl(), policy=policy)
    async with client(app, **headers, authorization="Bearer gate-key") as c:
        assert (await c.post("/control/computer/stop")).status_code == status
    assert engine.computer.session is not None


async def test_an_apps_own_key_does_not_stop_it(engine: FakeEngine) -> None:
    policy = AccessPolicy("local", find_key=lambda _: NamedKey("1", "app", b"", b"", NOW))
    app = served(engine, control=FakeControl(), policy=policy)
    async with client(app, authorization="Bearer of-the-app") as c:
        assert (await c.post("/control/computer/stop")).status_code == 403
    assert engine.computer.session is not None
