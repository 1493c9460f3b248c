"""Requests from public bug reports: how they reach the server, and how a stream begins."""

import asyncio
import gzip
import json
import sys
import zlib
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from server.standin.script import Gate, Hold, refuse, say
from server.standin.server import Standin
from tests.whole.bridge import Bridge, conversation_of, messages

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}
APPS = [
    "tauri://localhost",
    "http://tauri.localhost",
    "https://tauri.localhost",
    "vscode-webview://0abc",
    "vscode-file://vscode-app",
    "capacitor://localhost",
    "app://obsidian.md",
    "file://",
]


async def raw(bridge: Bridge, text: str, body: bytes = b"", *, pause_s: float = 0) -> tuple[int, bytes]:
    """Writes a request as it is, and returns the status and everything up to the end of the connection.

    `pause_s`: the pause between the head with half of the body, and the rest.
    """
    address = urlsplit(bridge.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        half = len(body) // 2
        writer.write(text.encode() + body[:half])
        await asyncio.sleep(pause_s)
        writer.write(body[half:])
        async with asyncio.timeout(30):
            answer = await reader.read()
    finally:
        writer.close()
    return int(answer.split(b" ", 2)[1]), answer


async def test_a_stream_begins_with_data(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: say("Hi"))
    body = {"messages": messages("hi"), "stream": True}
    async with bridge.client.stream("POST", "/chat/completions", json=body) as reply:
        text = (await reply.aread()).decode()
    assert text.startswith("data: {")
    assert ": drawbridge" not in text
    assert text.endswith("data: [DONE]\n\n")
    assert conversation_of(standin.requests[-1].body) == [("user", "hi")]


@pytest.mark.parametrize("origin", APPS)
async def test_the_page_of_an_app_may_ask(bridge: Bridge, standin: Standin, origin: str) -> None:
    preflight = await bridge.client.options("/chat/completions", headers={"origin": origin, **PREFLIGHT})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == origin
    assert preflight.headers["access-control-allow-headers"] == "authorization,content-type"
    reply = await bridge.chat("hi", headers={"origin": origin, "sec-fetch-site": "cross-site"})
    assert reply.status_code == 200
    assert reply.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("origin", ["null", "https://example.org", "chrome-extension://abc", "ipfs://tauri"])
async def test_the_page_of_a_website_may_not_ask(bridge: Bridge, standin: Standin, origin: str) -> None:
    preflight = await bridge.client.options("/chat/completions", headers={"origin": origin, **PREFLIGHT})
    assert preflight.status_code == 403
    assert not any(name.startswith("access-control") for name in preflight.headers)
    assert (await bridge.chat("hi", headers={"origin": origin})).status_code == 403
    assert standin.requests == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/images/generations", {"model": "sonnet", "prompt": "hi"}),
        ("/moderations", {"input": "hi"}),
    ],
)
async def test_a_probe_for_an_endpoint_that_is_not_built_gets_a_404(bridge: Bridge, path: str, body: object) -> None:
    reply = await bridge.client.post(path, json=body)
    assert reply.status_code == 404
    assert f"does not support /v1{path}" in reply.json()["error"]["message"]


async def test_a_rate_limit_without_a_named_end_has_no_retry_after(bridge: Bridge, standin: Standin) -> None:
    standin.script(lambda _: refuse(429))
    reply = await bridge.chat("hi")
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert "retry-after" not in reply.headers
    assert "x-should-retry" not in reply.headers


@pytest.mark.parametrize(("encoding", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_compressed_body_is_read(bridge: Bridge, standin: Standin, encoding: str, pack: Any) -> None:
    standin.script(lambda _: say("Hi"))
    body = pack(json.dumps({"messages": messages("Grüße " * 5000)}).encode())
    headers = {"content-type": "application/json", "content-encoding": encoding}
    reply = await bridge.client.post("/chat/completions", content=body, headers=headers)
    assert reply.status_code == 200, reply.text
    assert conversation_of(standin.requests[-1].body) == [("user", "Grüße " * 5000)]


async def test_a_decompressed_body_is_bounded(bridge: Bridge, standin: Standin) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    bomb = gzip.compress(b" " * 100_000_000, 1)
    assert (await bridge.client.post("/chat/completions", content=bomb, headers=headers)).status_code == 413
    assert (await bridge.client.post("/chat/completions", content=b"{}", headers=headers)).status_code == 400
    headers["content-encoding"] = "br"
    refused = await bridge.client.post("/chat/completions", content=b"{}", headers=headers)
    assert refused.status_code == 415
    assert "'br'" in refused.json()["error"]["message"]


async def test_a_request_line_with_a_whole_url_is_taken(bridge: Bridge) -> None:
    host = urlsplit(bridge.url).netloc
    head = f"HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    status, answer = await raw(bridge, f"GET http://{host}/v1/models?limit=5 {head}")
    assert status == 200
    assert b'"object":"list"' in answer
    assert (await raw(bridge, f"GET http://example.org/v1/models {head}"))[0] == 403


async def test_a_body_of_two_lengths_is_refused_and_the_connection_closed(bridge: Bridge, standin: Standin) -> None:
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    lengths = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
    status, answer = await raw(bridge, head + lengths, b"0\r\n\r\n")
    assert status == 400
    assert b"Transfer-Encoding" in answer
    assert standin.requests == []


async def test_numbers_that_cannot_be_read_are_named(bridge: Bridge, standin: Standin) -> None:
    for number, words in (("9" * 5000, "too many digits"), ("1e999", "too large")):
        body = f'{{"messages": [{{"role": "user", "content": "hi"}}], "seed": {number}}}'
        headers = {"content-type": "application/json"}
        reply = await bridge.client.post("/chat/completions", content=body, headers=headers)
        assert reply.status_code == 400
        assert words in reply.json()["error"]["message"]


async def test_a_silent_stream_is_kept_open_by_comments_only_in_the_silence(bridge: Bridge, standin: Standin) -> None:
    gate = Gate()
    standin.script(lambda _: say("Half", Hold(gate), " whole"))
    asking = asyncio.create_task(bridge.stream("hi"))
    await bridge.until_pool(answering=1)
    gate.open()
    lines = await asking
    assert not [line for line in lines if line.startswith(":")]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process by a signal")
async def test_a_process_that_hangs_is_replaced_before_the_first_word(bridge: Bridge, standin: Standin) -> None:
    for turns in (("hi",), ("hi", "Hi", "again")):
        standin.script(lambda _: say("Hi"))
        assert (await bridge.chat("hi")).status_code == 200
        pool = await bridge.until_pool(answering=0, booting=0)
        assert pool["parked"] >= 1
        # The worker that holds the conversation is the one that used the most of the processor.
        used = max(bridge.workers(), key=lambda worker: sum(worker.cpu_times()[:2]))
        used.suspend()
        reply = await bridge.chat(*turns)
        assert (reply.status_code, reply.json()["choices"][0]["message"]["content"]) == (200, "Hi")
        with suppress(psutil.NoSuchProcess):
            used.resume()
    assert "did not react within" in bridge.log


@pytest.mark.parametrize("framing", ["length", "chunked", "split"])
async def test_an_offer_of_http_2_is_passed_over(bridge: Bridge, standin: Standin, framing: str) -> None:
    # As Java's and Ktor's HTTP clients send it with their first request.
    body = json.dumps({"messages": messages("hi")}).encode()
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: {urlsplit(bridge.url).netloc}",
        "Content-Type: application/json",
        "Connection: Upgrade, HTTP2-Settings, close",
        "Upgrade: h2c",
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAA",
    ]
    if framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    else:
        lines.append(f"Content-Length: {len(body)}")
    standin.script(lambda _: say("Hi"))
    status, answer = await raw(bridge, "\r\n".join([*lines, "", ""]), body, pause_s=0.2 if framing == "split" else 0)
    assert status == 200
    assert b'"content":"Hi"' in answer
    assert conversation_of(standin.requests[-1].body) == [("user", "hi")]
