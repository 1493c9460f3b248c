import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from server.config import Config
from server.web.events import stream
from server.web.events.hub import EventHub
from server.web.events.stream import EventStream
from tests.server.web.scene import ASK, FakeControl, FakeEngine, listening, served

TOKEN = {"x-drawbridge-token": FakeControl().token}


class Page:
    """Reads the events of a stream."""

    def __init__(self, reply: httpx.Response) -> None:
        self.reply = reply
        self._lines = reply.aiter_lines()
        self.last_id = ""

    async def next(self, *kinds: str) -> tuple[str, Any]:
        """The next event of one of these kinds, or of any."""
        while True:
            kind, data = "", ""
            while line := await anext(self._lines):
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                kind, data = value if name == "event" else kind, value if name == "data" else data
            if kind and (not kinds or kind in kinds):
                return kind, json.loads(data)


@asynccontextmanager
async def opened(port: int, **headers: str) -> AsyncIterator[Page]:
    async with (
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20) as http,
        http.stream("GET", "/control/events", headers={**TOKEN, **headers}) as reply,
    ):
        yield Page(reply)


async def test_a_page_sees_a_request_from_its_start_to_its_first_token() -> None:
    async with listening(served(FakeEngine(), control=FakeControl())) as port, opened(port) as page:
        assert page.reply.headers["content-type"].startswith("text/event-stream")
        kind, hello = await page.next()
        assert (kind, hello["is_resumed"], hello["state"]) == ("hello", False, {"requests": []})
        kind, status = await page.next()
        assert (kind, status["state"], status["can_quit"]) == ("status", "running", True)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            answer = await http.post("/v1/chat/completions", json=ASK)
        for phase in ("started", "first"):
            _, event = await page.next("request")
            assert event["phase"] == phase
            assert event["request"]["id"] == answer.headers["x-request-id"]
            assert event["request"]["number"] == 1
        assert event["request"]["model"] == "claude-sonnet-5"
        assert "Hello" not in json.dumps(event)


async def test_a_page_that_lost_its_connection_gets_what_it_missed() -> None:
    async with (
        listening(served(FakeEngine(), control=FakeControl())) as port,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        async with opened(port) as page:
            await page.next("hello")
            await http.post("/v1/chat/completions", json=ASK)
            await page.next("request")
        async with opened(port, **{"last-event-id": page.last_id}) as again:
            assert (await again.next("hello"))[1]["is_resumed"]
            assert (await again.next("request"))[1]["phase"] == "first"
        async with opened(port, **{"last-event-id": "another-1"}) as other:
            assert not (await other.next("hello"))[1]["is_resumed"]


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_without_the_token_there_are_no_events(token: str) -> None:
    async with (
        listening(served(FakeEngine(), control=FakeControl())) as port,
        opened(port, **{"x-drawbridge-token": token}) as page,
    ):
        assert page.reply.status_code == 403


async def test_a_new_key_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_S", 0.1)
    engine = FakeEngine(config=Config(api_key="one"))
    async with listening(served(engine, control=FakeControl())) as port, opened(port) as page:
        await page.next("status")
        engine.change(api_key="another")
        with pytest.raises(StopAsyncIteration):
            await page.next()


class Sent:
    """The other end of an ASGI response."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.is_over = False
        self.gone = asyncio.Event()
        self.may_read = asyncio.Event()
        self.may_read.set()

    async def send(self, message: Any) -> None:
        await self.may_read.wait()
        self.bodies.append(message.get("body", b""))
        self.is_over = message["type"] == "http.response.body" and not message["more_body"]

    async def receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}


def run(hub: EventHub, sent: Sent, status: Any = dict) -> asyncio.Task[None]:
    response = EventStream(hub, "", state=dict, status=status)
    return asyncio.create_task(response({}, sent.receive, sent.send))


async def test_the_streams_end_with_the_server_after_the_last_status() -> None:
    hub, sent, states = EventHub(), Sent(), iter(["running", "stopping"])
    running = run(hub, sent, lambda: {"state": next(states)})
    while len(sent.bodies) < 2:
        await asyncio.sleep(0.01)
    hub.status_changed()
    hub.close()
    await running
    assert sent.is_over
    assert b'"stopping"' in b"".join(sent.bodies)
    assert hub.streams == 0


async def test_a_page_that_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "SLOW_S", 0.05)
    hub, sent = EventHub(), Sent()
    running = run(hub, sent)
    while len(sent.bodies) < 2:
        await asyncio.sleep(0.01)
    sent.may_read.clear()
    hub.publish("log", {})
    await running
    assert hub.streams == 0


async def test_a_page_that_disconnects_leaves_nothing_behind() -> None:
    hub, sent = EventHub(), Sent()
    running = run(hub, sent)
    while not sent.bodies:
        await asyncio.sleep(0.01)
    sent.gone.set()
    await running
    assert hub.streams == 0


async def test_a_status_that_changes_all_the_time_is_sent_four_times_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "GATHER_S", 0.0)
    hub, sent, count = EventHub(), Sent(), iter(range(10_000))
    running = run(hub, sent, lambda: {"count": next(count)})
    began = asyncio.get_running_loop().time()
    for _ in range(100):
        hub.status_changed()
        await asyncio.sleep(0.01)
    hub.close()
    await running
    quarters = (asyncio.get_running_loop().time() - began) / 0.25
    # One in each quarter of a second, and the one at the end.
    assert 3 <= b"".join(sent.bodies).count(b"event: status") <= quarters + 2


async def test_a_page_that_was_too_slow_is_told_what_is_so_now() -> None:
    hub, sent = EventHub(kept=3), Sent()
    running = run(hub, sent)
    while len(sent.bodies) < 2:
        await asyncio.sleep(0.01)
    for at in range(10):
        hub.publish("log", {"at": at})
    await asyncio.sleep(0.2)
    hub.close()
    await running
    text = b"".join(sent.bodies)
    assert (text.count(b"event: hello"), text.count(b"event: log")) == (2, 0)
