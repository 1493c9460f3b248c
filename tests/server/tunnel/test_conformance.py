"""What holds for every provider: over doubles of the programs, the real ssh, and a server with held answers."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from server.conversation.events import Event
from server.conversation.request import ModelRequest
from server.keys.rights import Rights
from server.web.access.tunnel_gate import MOST_WRONG_KEYS
from tests.server.machine.tunnels.scenes import EVERY, NAMES, kill_programs, programs
from tests.server.tunnel.outside import Outside, outside_of
from tests.server.web.scene import ASK, FakeEngine, text_events

PATHS = {
    "chat": ("/v1/chat/completions", ASK),
    "responses": ("/v1/responses", {"model": "sonnet", "input": "Hello?"}),
    "messages": ("/v1/messages", {**ASK, "max_tokens": 100}),
    "azure": ("/openai/deployments/cc-sonnet/chat/completions?api-version=2024-06-01", {"messages": ASK["messages"]}),
    "completions": ("/v1/completions", {"model": "sonnet", "prompt": "Hello?"}),
    "ollama": ("/api/chat", {**ASK, "stream": False}),
    "generate": ("/api/generate", {"model": "sonnet", "prompt": "Hello?", "stream": False}),
}


class Held:
    """An answer of five texts; each waits until the client has read the one before."""

    def __init__(self) -> None:
        self.read = asyncio.Semaphore(1)
        self.engine = FakeEngine(self.answer)

    async def answer(self, _: ModelRequest) -> AsyncGenerator[Event, None]:
        first, begun, *deltas, ended, finished = text_events("one", "two", "three", "four", "five")
        yield first
        yield begun
        for delta in deltas:
            await self.read.acquire()
            yield delta
        yield ended
        yield finished


@pytest.fixture(params=EVERY)
async def held(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Outside, Held]]:
    answer = Held()
    async with outside_of(request.param, tmp_path, answer.engine) as outside:
        yield outside, answer


def text_in(line: str) -> str:
    if not line.startswith("data: {"):
        return ""
    choices = json.loads(line.removeprefix("data: "))["choices"]
    return choices[0]["delta"].get("content") or "" if choices else ""


async def test_each_text_arrives_before_the_next_is_written(held: tuple[Outside, Held]) -> None:
    outside, answer = held
    await outside.open()
    texts = []
    async with (
        outside.client() as client,
        client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as reply,
    ):
        assert reply.status_code == 200
        assert reply.headers.get_list("cache-control") == ["no-cache, no-transform"]
        assert reply.headers.get_list("x-accel-buffering") == ["no"]
        assert "content-length" not in reply.headers
        # The next text is written only after this one was read: collected on the way, none would arrive.
        async for line in reply.aiter_lines():
            if text := text_in(line):
                texts.append(text)
                answer.read.release()
    assert texts == ["one", "two", "three", "four", "five"]


async def test_hanging_up_outside_ends_the_answer(
    held: tuple[Outside, Held], record_property: Callable[[str, object], None]
) -> None:
    outside, answer = held
    await outside.open()
    async with (
        outside.client() as client,
        client.stream("POST", "/v1/chat/completions", json={**ASK, "stream": True}) as reply,
    ):
        async for line in reply.aiter_lines():
            if text_in(line):
                break
        started = time.monotonic()
    await asyncio.wait_for(answer.engine.has_closed.wait(), 30)
    record_property("answer_ended_ms", round(1000 * (time.monotonic() - started)))
    assert (answer.engine.opened, answer.engine.closed) == (1, 1)


@pytest.fixture(params=EVERY)
async def outside(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Outside]:
    async with outside_of(request.param, tmp_path) as made:
        yield made


@pytest.mark.parametrize("outside", NAMES, indirect=True)
async def test_a_killed_program_is_lost_and_comes_back(
    outside: Outside, record_property: Callable[[str, object], None]
) -> None:
    first = await outside.open()
    started = time.monotonic()
    kill_programs()
    await outside.until("lost")
    record_property("lost_ms", round(1000 * (time.monotonic() - started)))
    second = await outside.until("open")
    keeps_name = outside.scene.provider.traits.keeps_name
    assert (first.url == second.url) is keeps_name
    assert second.former_url == ("" if keeps_name else first.url)
    assert outside.listener.host == second.url.removeprefix("https://")
    assert (await outside.ask("POST", "/v1/chat/completions", ASK)).status_code == 200
    if not keeps_name:
        old = first.url.removeprefix("https://")
        # The edge has forgotten the old name; were it still known, the listener would refuse it.
        outside.scene.edge.names[old] = outside.manager.status.port or 0
        assert (await outside.ask("POST", "/v1/chat/completions", ASK, host=old)).status_code == 404


async def test_what_is_open_and_what_is_not_there(outside: Outside) -> None:
    await outside.open()
    for path, body in PATHS.values():
        assert (await outside.ask("POST", path, body)).status_code == 200, path
        assert (await outside.ask("POST", path, body, authorization="")).status_code == 401, path
    for path in ("/v1/models", "/models", "/v1/models/sonnet", "/api/tags", "/api/v0/models"):
        assert (await outside.ask("GET", path)).status_code == 200, path
        assert (await outside.ask("GET", path, authorization="")).status_code == 401, path
    closed = ["/", "/docs", "/health", "/openapi.json", "/manual", "/favicon.ico", "/assets/page.css", "/metrics"]
    closed += [
        "/control/status",
        "/control/tunnel",
        "/control/keys",
        "/v1/requests",
        "/nothing",
        "/v1/responses/resp_1",
    ]
    for path in closed:
        for method in ("GET", "POST", "DELETE", "OPTIONS"):
            # Not with the instance's token either.
            reply = await outside.ask(method, path, {} if method == "POST" else None, **{"x-drawbridge-token": Control})
            assert_is_bare(reply)
    for host in ("127.0.0.1", "localhost", "evil.example", f"127.0.0.1:{outside.manager.status.port}"):
        outside.scene.edge.names[host.partition(":")[0]] = outside.manager.status.port or 0
        assert_is_bare(await outside.ask("POST", "/v1/chat/completions", ASK, host=host))


Control = "instance-token"


def assert_is_bare(reply: Any) -> None:
    assert reply.status_code == 404, reply.request.url
    assert reply.content == b""
    assert "drawbridge" not in str(reply.headers).lower()
    assert "claude" not in str(reply.headers).lower()


async def test_only_a_key_for_the_internet_is_accepted_and_strangers_learn_nothing(
    outside: Outside, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await outside.open()
    _, local = outside.book.add("Local", Rights())
    refused = await outside.ask("POST", "/v1/chat/completions", ASK, authorization=f"Bearer {local}")
    assert refused.status_code == 403
    for header in ({"authorization": "Bearer db-wrong"}, {"authorization": ""}):
        stranger = await outside.ask("POST", "/v1/chat/completions", ASK, **header)
        assert stranger.status_code == 401
        assert "drawbridge" not in stranger.text.lower()
    for header in ({"x-api-key": outside.key}, {"api-key": outside.key}):
        assert (await outside.ask("POST", "/v1/chat/completions", ASK, authorization="", **header)).status_code == 200
    assert outside.key not in caplog.text
    outside.book.revoke("Tunnel")
    assert (await outside.ask("POST", "/v1/chat/completions", ASK)).status_code == 401


async def test_ten_wrong_keys_are_enough_for_a_minute(outside: Outside) -> None:
    await outside.open()
    wrong = [await outside.ask("GET", "/v1/models", authorization="Bearer guess") for _ in range(MOST_WRONG_KEYS + 2)]
    assert [reply.status_code for reply in wrong] == [401] * MOST_WRONG_KEYS + [429] * 2
    assert wrong[-1].headers["retry-after"] == "60"
    assert "drawbridge" not in wrong[-1].text.lower()
    # The right key works all the same: else any stranger could lock the user out.
    assert (await outside.ask("GET", "/v1/models")).status_code == 200


async def test_closing_it_leaves_no_program_and_no_port(outside: Outside) -> None:
    before = listening()
    status = await outside.open()
    # The services' doubles listen in this process, too.
    is_relayed = outside.scene.relay is not None or outside.scene.service is not None
    relayed = set(outside.scene.edge.names.values()) if is_relayed else set()
    assert listening() - before - relayed | {status.port} == {status.port}
    await outside.manager.close()
    assert programs() == []
    assert listening() == before


def listening() -> set[int | None]:
    """The ports on which this process listens."""
    connections = psutil.Process().net_connections("tcp")
    return {one.laddr.port for one in connections if one.status == psutil.CONN_LISTEN}
