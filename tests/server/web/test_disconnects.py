"""Over a real socket and uvicorn: a disconnect is noticed at once, and no task is left over."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import suppress

import httpx
import pytest

from server.conversation.events import Event, Finished, PartDelta, Started, StopReason
from server.conversation.request import ModelRequest
from tests.server.web.scene import ASK, FakeEngine, listening, served

STREAM = {**ASK, "stream": True}


def post(body: object, path: str = "/v1/chat/completions", **headers: str) -> bytes:
    content = json.dumps(body).encode()
    lines = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", "Content-Type: application/json"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(content)}", "", ""]).encode() + content


async def until(has_happened: asyncio.Event) -> None:
    await asyncio.wait_for(has_happened.wait(), 10)


async def endless(_: ModelRequest) -> AsyncGenerator[Event, None]:
    yield Started("m")
    while True:
        yield PartDelta(0, "word ")
        await asyncio.sleep(0)


async def started_then_silent(_: ModelRequest) -> AsyncGenerator[Event, None]:
    yield Started("m")
    yield PartDelta(0, "word ")
    await asyncio.Event().wait()


async def silent(_: ModelRequest) -> AsyncGenerator[Event, None]:
    await asyncio.Event().wait()
    yield Started("never")


@pytest.mark.parametrize("body", [ASK, STREAM])
@pytest.mark.parametrize("answer", [silent, started_then_silent, endless])
async def test_a_disconnect_cancels_the_answer(answer: object, body: dict[str, object]) -> None:
    engine = FakeEngine(answer)  # type: ignore[arg-type]
    async with listening(served(engine)) as port:
        before = asyncio.all_tasks()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(body))
        if body is STREAM and answer is not silent:
            await reader.readuntil(b"word")
        while not engine.opened:
            await asyncio.sleep(0.001)
        writer.transport.abort()
        await until(engine.has_closed)
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.001)
    assert engine.closed == 1


async def test_a_disconnect_of_a_client_that_does_not_read_cancels_the_answer() -> None:
    said = 0

    async def torrent(_: ModelRequest) -> AsyncGenerator[Event, None]:
        nonlocal said
        yield Started("m")
        while said < 1000:
            said += 1
            yield PartDelta(0, "word " * 10_000)
        await asyncio.Event().wait()

    engine = FakeEngine(torrent)
    async with listening(served(engine)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
        writer.write(post(STREAM))
        # Until every buffer is full and the answer stops producing.
        before = -1
        while said != before or not said:
            before = said
            for _ in range(100):
                await asyncio.sleep(0)
        writer.transport.abort()
        await until(engine.has_closed)


async def test_a_disconnect_in_the_middle_of_the_request_starts_no_answer() -> None:
    engine = FakeEngine()
    async with listening(served(engine)) as port:
        before = asyncio.all_tasks()
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(ASK)[:-5])
        await writer.drain()
        await asyncio.sleep(0)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        while asyncio.all_tasks() - before:
            await asyncio.sleep(0.001)
    assert not engine.requests


async def test_headers_and_heartbeats_reach_the_client_before_any_event() -> None:
    engine = FakeEngine(silent)
    engine.change(head_timeout_s=0.01, heartbeat_s=0.01)
    async with listening(served(engine)) as port, httpx.AsyncClient() as c:
        async with c.stream("POST", f"http://127.0.0.1:{port}/v1/chat/completions", json=STREAM) as reply:
            assert reply.status_code == 200
            assert reply.headers["x-accel-buffering"] == "no"
            comments = ""
            async for text in reply.aiter_text():
                comments += text
                if comments.count(": drawbridge\n\n") >= 3:
                    break
        await until(engine.has_closed)


async def test_each_delta_reaches_the_client_at_once() -> None:
    heard: asyncio.Queue[None] = asyncio.Queue()

    async def in_turn(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("m")
        for number in range(3):
            yield PartDelta(0, f"word{number}")
            await heard.get()
        yield Finished(StopReason.END)

    words, text = 0, ""
    async with (
        listening(served(FakeEngine(in_turn))) as port,
        httpx.AsyncClient() as c,
        c.stream("POST", f"http://127.0.0.1:{port}/v1/chat/completions", json=STREAM) as reply,
    ):
        async for more in reply.aiter_text():
            text += more
            while f"word{words}" in text and words < 3:
                words += 1
                heard.put_nowait(None)
    assert text.endswith("data: [DONE]\n\n")


async def test_a_connection_is_reused_after_every_kind_of_response() -> None:
    engine = FakeEngine()
    async with listening(served(engine)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path, body, status in (
            ("/v1/chat/completions", ASK, b"200"),
            ("/v1/chat/completions", STREAM, b"200"),
            ("/v1/chat/completions", {}, b"400"),
            ("/nowhere", {}, b"404"),
            ("/v1/edits", {"input": "x" * 200_000}, b"404"),
            ("/v1/chat/completions", ASK, b"200"),
        ):
            writer.write(post(body, path))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.split()[1] == status
            if b"transfer-encoding: chunked" in head.lower():
                await reader.readuntil(b"\r\n0\r\n\r\n")
            else:
                length = int(head.lower().partition(b"content-length: ")[2].split()[0])
                await reader.readexactly(length)
        writer.close()
        await writer.wait_closed()
    assert engine.opened == engine.closed == 3


async def test_a_body_over_the_limit_is_refused_while_it_is_still_being_sent() -> None:
    engine = FakeEngine()
    engine.change(body_limit_mb=0.1)
    async with listening(served(engine)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        piece = b"1000\r\n" + b"x" * 0x1000 + b"\r\n"
        answer = asyncio.create_task(reader.readuntil(b"}}"))
        while not answer.done():
            writer.write(piece)
            await writer.drain()
        assert b" 413 " in answer.result()
        writer.write(piece * 100 + b"0\r\n\r\n")
        await writer.drain()
        writer.write(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b" 200 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        await writer.wait_closed()


async def test_a_length_over_the_limit_is_refused_before_the_body_is_sent() -> None:
    engine = FakeEngine()
    engine.change(body_limit_mb=0.1)
    async with listening(served(engine)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        writer.write(f"{head}Content-Length: 200000\r\nExpect: 100-continue\r\n\r\n".encode())
        assert b" 413 " in await reader.readuntil(b"\r\n\r\n")
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def test_a_stopping_server_ends_its_streams_with_an_error(caplog: pytest.LogCaptureFixture) -> None:
    engine = FakeEngine(started_then_silent)
    heard = b""
    async with listening(served(engine)) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(post(STREAM))
        heard = await reader.readuntil(b"word")
    heard += await reader.read()
    assert engine.closed == 1
    assert b'"error"' in heard
    assert b"stopping" in heard
    assert b"[DONE]" not in heard
    assert "Traceback" not in caplog.text
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_head_request_has_no_body() -> None:
    async with listening(served(FakeEngine())) as port, httpx.AsyncClient() as c:
        reply = await c.head(f"http://127.0.0.1:{port}/health")
    assert (reply.status_code, reply.content) == (200, b"")
