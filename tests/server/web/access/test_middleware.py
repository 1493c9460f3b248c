import asyncio
import logging
import sys

import httpx
import pytest
from starlette.types import Message, Receive, Scope, Send

from server import logs
from server.config import Config
from server.errors import AccessDenied
from server.web.access.middleware import AccessMiddleware, AccessPolicy
from tests.otheruser import curl_as_other_user
from tests.server.web.scene import ASK, FakeEngine, client, listening, served

PAGE = "http://localhost:3000"


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the whole body and responds with what it received."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = f"{scope['method']} {scope['path']} {size} {logs.request_id.get()}".encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-inner", b"1")]})
    await send({"type": "http.response.body", "body": body})


def calls(policy: AccessPolicy | None = None) -> httpx.AsyncClient:
    return client(AccessMiddleware(echo, policy or AccessPolicy()))


@pytest.mark.parametrize("given", ["abc", "A-1_b.c", "x" * 128])
async def test_a_valid_request_id_is_kept_returned_and_used_in_the_log(given: str) -> None:
    async with calls() as c:
        reply = await c.get("/x", headers={"x-request-id": given})
    assert reply.headers["x-request-id"] == given
    assert reply.text.endswith(given)
    assert logs.request_id.get() == "-"


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "a/b", "ü"])
async def test_any_other_request_id_is_replaced(given: str | None) -> None:
    headers = [] if given is None else [(b"x-request-id", given.encode())]
    async with calls() as c:
        first = await c.get("/x", headers=headers)
        second = await c.get("/x", headers=headers)
    ids = [reply.headers["x-request-id"] for reply in (first, second)]
    assert all(name.startswith("req_") and len(name) == 28 for name in ids)
    assert ids[0] != ids[1]


async def test_an_access_error_is_json_in_openais_form_with_a_request_id() -> None:
    async with calls() as c:
        reply = await c.get("/v1/models", headers={"host": "evil.example", "x-request-id": "mine"})
    assert reply.status_code == 403
    assert reply.headers["x-request-id"] == "mine"
    error = reply.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "evil.example" in error["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"origin": "null"}, 403),
        ({"x-forwarded-for": "1.2.3.4"}, 403),
        ({"content-type": "text/plain"}, 415),
        ({"content-length": "2000"}, 413),
        ({"authorization": "Bearer wrong"}, 401),
        ({}, 200),
    ],
)
async def test_each_access_error_has_its_status(headers: dict[str, str], status: int) -> None:
    policy = AccessPolicy(key="gate-key", body_limit=1000)
    given = {"authorization": "Bearer gate-key", "content-type": "application/json", **headers}
    async with calls(policy) as c:
        reply = await c.post("/x", content=b"{}", headers=given)
    assert reply.status_code == status, reply.text
    assert "x-request-id" in reply.headers


async def test_the_path_is_rewritten_and_never_redirected() -> None:
    async with calls() as c:
        assert (await c.get("//api/v1//models/")).text.startswith("GET /v1/models ")
        assert (await c.post("/chat/completions")).text.startswith("POST /v1/chat/completions ")


async def test_head_is_routed_as_get() -> None:
    async with calls() as c:
        assert (await c.head("/health")).status_code == 200


async def test_pages_of_an_allowed_origin_may_read_every_response_even_an_error() -> None:
    policy = AccessPolicy(key="gate-key")
    async with calls(policy) as c:
        good = await c.get("/v1/models", headers={"origin": PAGE, "api-key": "gate-key"})
        bad = await c.get("/v1/models", headers={"origin": PAGE, "api-key": "wrong"})
    assert [good.status_code, bad.status_code] == [200, 401]
    for reply in (good, bad):
        assert reply.headers["access-control-allow-origin"] == PAGE
        exposed = reply.headers["access-control-expose-headers"].split(", ")
        assert {f"x-drawbridge-{name}" for name in ("way", "model", "ignored", "schema", "cost-usd")} <= set(exposed)
        assert "Origin" in reply.headers["vary"]


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"origin": "null"}])
async def test_pages_of_other_origins_may_not_read_a_response(headers: dict[str, str]) -> None:
    async with calls() as c:
        for method in ("GET", "OPTIONS", "POST"):
            reply = await c.request(method, "/v1/models", headers=headers)
            assert not any(name.startswith("access-control") for name in reply.headers)
            assert reply.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_preflight_needs_no_key_and_echoes_the_header_names() -> None:
    requested = "authorization, content-type, x-stainless-os, x-stainless-timeout, openai-beta"
    headers = {
        "origin": "app://obsidian.md",
        "access-control-request-method": "POST",
        "access-control-request-headers": requested,
        "access-control-request-private-network": "true",
        "sec-fetch-site": "cross-site",
    }
    async with calls(AccessPolicy(key="gate-key")) as c:
        reply = await c.options("/v1/chat/completions", headers=headers)
    assert (reply.status_code, reply.content) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == "app://obsidian.md"
    assert reply.headers["access-control-allow-headers"] == requested
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-private-network"] == "true"
    assert int(reply.headers["access-control-max-age"]) > 0
    assert "Access-Control-Request-Headers" in reply.headers["vary"]
    assert "access-control-allow-credentials" not in reply.headers
    assert "*" not in str(reply.headers)


async def test_a_preflight_from_an_unknown_page_is_refused() -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    async with calls() as c:
        reply = await c.options("/v1/chat/completions", headers=headers)
    assert reply.status_code == 403
    assert not any(name.startswith("access-control") for name in reply.headers)


async def test_options_without_an_origin_lists_the_methods() -> None:
    async with calls(AccessPolicy(key="gate-key")) as c:
        reply = await c.options("/v1/chat/completions")
    assert reply.status_code == 204
    assert "POST" in reply.headers["allow"]


async def test_a_body_without_a_length_is_counted() -> None:
    async def pieces(count: int) -> object:
        for _ in range(count):
            yield b"x" * 100

    engine = FakeEngine()
    engine.change(body_limit_mb=0.001)
    async with client(served(engine), **{"content-type": "application/json"}) as c:
        over = await c.post("/v1/chat/completions", content=pieces(11))  # type: ignore[arg-type]
        under = await c.post("/v1/chat/completions", content=pieces(10))  # type: ignore[arg-type]
    assert over.status_code == 413
    assert over.json()["error"]["code"] == "request_too_large"
    assert under.status_code == 400
    assert not engine.requests


async def test_a_changed_policy_applies_from_the_next_request() -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200
        engine.change(api_key="gate-key")
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 401
        right = await c.post("/v1/chat/completions", json=ASK, headers={"api-key": "gate-key"})
        assert right.status_code == 200
        engine.change(api_key="new-key")
        assert (await c.get("/v1/models", headers={"api-key": "gate-key"})).status_code == 401
    owners = [turn.profile.owner for turn in engine.requests]
    assert len(set(owners)) == 2


async def test_without_the_middleware_the_application_serves_nothing() -> None:
    app = served(FakeEngine())._app
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as c:
        for path in ("/", "/health", "/v1/models", "/openapi.json", "/nowhere"):
            assert (await c.get(path)).status_code == 403


async def test_the_log_has_one_line_for_each_request_without_query_or_message_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "server.web.access.middleware")
    ticks = iter([10.0, 10.25, 20.0, 20.001])
    app = served(FakeEngine())
    app._clock = lambda: next(ticks)
    async with client(app) as c:
        await c.post("/api/v1/chat/completions/?key=hush", json=ASK)
        await c.get("/x%0d%0aFAKE%20LINE")
    lines = [record.getMessage() for record in caplog.records if record.name == "server.web.access.middleware"]
    assert lines == ["POST /v1/chat/completions 200 250 ms", "GET /x\\r\\nFAKE LINE 404 1 ms"]
    assert "Hello" not in caplog.text


async def test_a_bug_outside_the_application_is_a_500_without_details() -> None:
    def policy() -> AccessPolicy:
        raise LookupError("a secret path")

    async with client(AccessMiddleware(echo, policy)) as c:
        reply = await c.get("/health")
    assert reply.status_code == 500
    assert "secret" not in reply.text


async def test_a_waiting_request_gets_a_503_when_the_server_stops() -> None:
    waiting = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        waiting.set()
        await asyncio.Event().wait()

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/health", "headers": [(b"host", b"localhost")]}
    task = asyncio.create_task(AccessMiddleware(app, AccessPolicy())(scope, receive, send))
    await waiting.wait()
    task.cancel()
    await task
    assert sent[0]["status"] == 503
    assert b"stopping" in sent[1]["body"]


async def test_a_websocket_is_closed() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    await AccessMiddleware(echo, AccessPolicy())({"type": "websocket", "path": "/v1/realtime"}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]


async def test_without_a_policy_every_request_is_denied() -> None:
    def policy() -> AccessPolicy:
        raise AccessDenied("no policy yet")

    async with client(AccessMiddleware(echo, policy)) as c:
        assert (await c.get("/health")).status_code == 403


async def test_an_incomplete_response_is_not_completed_when_the_server_stops() -> None:
    waiting = asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half", "more_body": True})
        waiting.set()
        await asyncio.Event().wait()

    async def nothing(message: Message | None = None) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/health", "headers": [(b"host", b"localhost")]}
    task = asyncio.create_task(AccessMiddleware(app, AccessPolicy())(scope, nothing, nothing))  # type: ignore[arg-type]
    await waiting.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.skipif(sys.platform != "linux", reason="Windows and macOS do not tell who owns a socket")
async def test_a_program_of_another_user_is_refused_over_a_real_connection() -> None:
    def url(port: int, path: str) -> tuple[str, ...]:
        return ("-o", "/dev/null", "-w", "%{http_code}", f"http://127.0.0.1:{port}{path}")

    async def status(*command: str) -> str:
        curl = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd="/")
        return (await curl.communicate())[0].decode()

    async with listening(served(FakeEngine())) as port:
        assert await status(*curl_as_other_user(*url(port, "/v1/models"))) == "401"
        assert await status(*curl_as_other_user(*url(port, "/health"))) == "200"
        assert await status("curl", "-s", *url(port, "/v1/models")) == "200"
    async with listening(served(FakeEngine(config=Config(api_key="gate-key")))) as port:
        key = ("-H", "x-api-key: gate-key")
        assert await status(*curl_as_other_user(*key, *url(port, "/v1/models"))) == "200"
