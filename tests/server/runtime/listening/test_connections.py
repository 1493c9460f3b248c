"""The limits of connections, on real sockets."""

import asyncio
import errno
import gc
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from server.config import Config
from server.machine.network.sockets import open_listeners
from server.runtime.listening import connections as module
from server.runtime.listening import lingering
from server.runtime.listening.connections import Connections, accept_connection, accept_connections
from server.runtime.listening.listeners import ListenerSet

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
HALF_BODY = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nhalf"


class Answering:
    """An application that answers at once, or when `go` is set for paths below /slow."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.asked = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "POST":
            while (message := await receive())["type"] == "http.request" and message["more_body"]:
                pass
        if scope["path"].startswith("/slow"):
            self.asked.set()
            await self.go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@dataclass
class Calls:
    """Connections to a server, closed at its end."""

    port: int
    listeners: ListenerSet
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def open(self, data: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        writer.write(data)
        return reader, writer


@asynccontextmanager
async def served(app: Any, most: int, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Calls]:
    monkeypatch.setattr(Connections, "within", lambda *_: Connections(most))
    found = open_listeners(Config(port=0, sources={"host": "flag", "port": "flag"}))
    listener_set = ListenerSet(lambda _: app)
    await listener_set.change(found, grace_s=0.0)
    calls = Calls(found.port, listener_set)
    try:
        yield calls
    finally:
        await listener_set.close(0.0)
        for writer in calls.writers:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def answer(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        return head.split()[1] + b" " + await reader.readexactly(2)


@pytest.mark.parametrize("half", [b"", b"GET / HT", HALF_BODY])
async def test_half_open_strangers_keep_no_caller_out(half: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(Answering(), 20, monkeypatch) as calls:
        kept, writer = await calls.open(GET)
        assert await answer(kept) == b"200 ok"
        strangers = [await calls.open(half) for _ in range(100)]
        caller, _ = await calls.open(GET)
        assert await answer(caller) == b"200 ok"
        # A connection that had a request answered is kept longer than theirs.
        writer.write(GET)
        assert await answer(kept) == b"200 ok"
        async with asyncio.timeout(20):
            assert await strangers[0][0].read() == b""


async def test_a_new_connection_has_time_to_send_its_request(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_NEW_S", 600.0)
    async with served(Answering(), 20, monkeypatch) as calls:
        caller, writer = await calls.open(b"")
        for _ in range(100):
            await calls.open(b"")
        # The server runs in this loop, so it could have accepted all of them.
        for _ in range(1000):
            await asyncio.sleep(0)
        writer.write(GET)
        assert await answer(caller) == b"200 ok"


async def test_a_connection_whose_request_is_answered_never_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Answering()
    async with served(app, 16, monkeypatch) as calls:
        slow = [await calls.open(GET.replace(b"/ ", b"/slow ")) for _ in range(16)]
        await app.asked.wait()
        async with asyncio.timeout(20):
            refused = b""
            while not refused:
                reader, _ = await calls.open(GET)
                refused = (await reader.read()).split(b"\r\n")[0]
        assert refused == b"HTTP/1.1 503 Service Unavailable"
        app.go.set()
        assert [await answer(reader) for reader, _ in slow] == [b"200 ok"] * 16


async def test_a_head_that_drips_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_TIMEOUT_S", 0.2)
    async with served(Answering(), 100, monkeypatch) as calls:
        reader, writer = await calls.open(GET)
        assert await answer(reader) == b"200 ok"
        ended = asyncio.create_task(reader.read())
        for letter in GET * 100:
            if ended.done():
                break
            writer.write(bytes((letter,)))
            await asyncio.sleep(0.01)
        assert ended.done()


async def test_an_idle_connection_outlives_the_timeout_of_heads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEAD_TIMEOUT_S", 0.5)
    async with served(Answering(), 100, monkeypatch) as calls:
        reader, writer = await calls.open(GET)
        for _ in range(3):
            assert await answer(reader) == b"200 ok"
            await asyncio.sleep(0.7)
            writer.write(GET)
        assert await answer(reader) == b"200 ok"


async def test_a_lack_of_descriptors_is_logged_once_and_survived(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_PAUSE_S", 0.001)
    failures, tries = 50, 0
    accept = accept_connection

    async def failing(listener: socket.socket) -> Any:
        nonlocal tries
        tries += 1
        if tries <= failures:
            raise OSError(errno.EMFILE, "Too many open files")
        return await accept(listener)

    monkeypatch.setattr(module, "accept_connection", failing)
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        made = asyncio.Event()

        class Made(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.set()
                transport.close()

        accepting = asyncio.create_task(accept_connections(listener, Connections(5), Made))
        _, writer = await asyncio.open_connection(*listener.getsockname())
        async with asyncio.timeout(20):
            await made.wait()
        accepting.cancel()
        writer.close()
    assert tries > failures
    assert caplog.text.count("too many open files") == 1


async def test_a_connection_of_the_last_moment_is_not_lost() -> None:
    """At every moment of the cancellation the socket is the caller's, or still in the backlog; none is left open."""
    for steps in range(8):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            accepting = asyncio.create_task(accept_connection(listener))
            await asyncio.sleep(0)
            with socket.create_connection(listener.getsockname()):
                for _ in range(steps):
                    await asyncio.sleep(0)
                accepting.cancel()
                with suppress(asyncio.CancelledError):
                    (await accepting).close()
            del accepting
            gc.collect()


def test_the_limit_fits_the_descriptors() -> None:
    assert Connections.within(256).most == 80
    assert Connections.within(65_536).most == 1024
    assert Connections.within(0).most == 16


async def test_a_stop_waits_for_answers_but_not_for_the_rest_of_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    app = Answering()
    async with served(app, 20, monkeypatch) as calls:
        halves = [await calls.open(half) for half in (b"", b"GET / HT", HALF_BODY) for _ in range(3)]
        slow, _ = await calls.open(GET.replace(b"/", b"/slow", 1))
        await app.asked.wait()
        closing = asyncio.create_task(calls.listeners.close(3600.0))
        async with asyncio.timeout(20):
            for reader, _ in halves:
                with suppress(ConnectionError):
                    assert await reader.read() == b""
        assert not closing.done()
        app.go.set()
        assert await answer(slow) == b"200 ok"
        async with asyncio.timeout(20):
            await closing


async def test_an_idle_connection_is_kept_for_over_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients keep connections for 60 s; a server that closes them earlier makes their next request fail."""
    loop = asyncio.get_running_loop()
    now, passed_s = loop.time, 0.0
    monkeypatch.setattr(loop, "time", lambda: now() + passed_s)
    async with served(Answering(), 20, monkeypatch) as calls:
        reader, writer = await calls.open(GET)
        assert await answer(reader) == b"200 ok"
        passed_s += 65.0
        await asyncio.sleep(0)
        writer.write(GET)
        assert await answer(reader) == b"200 ok"
        passed_s += 80.0
        assert await reader.read() == b""


async def test_idle_connections_give_way_to_many_callers_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each caller would else wait until the connection of the one before it is no longer new."""
    monkeypatch.setattr(module, "_NEW_S", 1000.0)
    app = Answering()
    async with served(app, 40, monkeypatch) as calls:
        for _ in range(40):
            reader, _ = await calls.open(GET)
            assert await answer(reader) == b"200 ok"
        callers = [await calls.open(GET.replace(b"/ ", b"/slow ")) for _ in range(30)]
        await app.asked.wait()
        app.go.set()
        assert [await answer(reader) for reader, _ in callers] == [b"200 ok"] * 30


def test_refused_connections_that_stay_open_are_few() -> None:
    """Else a flood would use up the descriptors that the processes need."""
    connections = Connections(16)
    refused: list[Any] = [object() for _ in range(40)]
    assert sum([connections.refuse(each) for each in refused]) == 16
    connections.remove(refused[0])
    assert [connections.refuse(object()) for _ in range(2)] == [True, False]  # type: ignore[arg-type]
    assert len(connections) == 0


class Refusing:
    """An application that refuses each request without reading its body, and closes the connection."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-length", b"2"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b"no"})


LONG = b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8000000\r\n\r\n"
INVALID = LONG.replace(b"HTTP/1.1", b"HTTP/9.9.9")


@pytest.mark.parametrize(("head", "status"), [(LONG, b"413"), (INVALID, b"400")])
async def test_a_client_that_still_sends_gets_the_reason_of_the_refusal(
    head: bytes, status: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with served(Refusing(), 20, monkeypatch) as calls:
        reader, writer = await calls.open(head)
        async with asyncio.timeout(20):
            for _ in range(80):
                writer.write(bytes(100_000))
                await writer.drain()
                await asyncio.sleep(0)
            assert (await reader.read()).split()[1] == status


async def test_a_client_that_never_stops_sending_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "LINGER_S", 0.2)
    async with served(Refusing(), 20, monkeypatch) as calls:
        _, writer = await calls.open(LONG.replace(b"8000000", b"8" * 15))

        async def flood() -> None:
            while True:
                writer.write(bytes(100_000))
                await writer.drain()
                await asyncio.sleep(0.01)

        async with asyncio.timeout(20):
            with pytest.raises(ConnectionError):
                await flood()


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_an_upgrade_is_answered_over_http_without_a_warning(
    protocol: bytes, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n" % protocol
    async with served(Answering(), 20, monkeypatch) as calls:
        reader, _ = await calls.open(upgrade)
        assert await answer(reader) == b"200 ok"
        # Before the end, which uvicorn logs.
        assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []
