"""The tunnel's gate: what gets past it, the limit for wrong keys, and headers that tell nothing and buffer nothing."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from server.config import Config
from server.keys.named_key import NamedKey, make_key
from server.keys.rights import Rights
from server.tunnel.proof import Proofs
from server.web.access.middleware import AccessMiddleware
from server.web.access.tunnel_gate import MOST_WRONG_KEYS, WRONG_KEYS_S, TunnelGate, WrongKeys, tunnel_policy

HOST = "brave-hills.trycloudflare.com"
ASK = {"model": "sonnet", "messages": []}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Gated:
    """The gate before an application that only remembers what came."""

    def __init__(self, host: str = HOST, config: Config | None = None) -> None:
        self.host, self.config = host, config or Config()
        self.key, self.text = make_key("Tunnel", Rights(listeners=("tunnel",)), now=0.0)
        self.clock, self.proofs = Clock(), Proofs()
        self.came: list[dict[str, Any]] = []
        self.uses = 0
        self.gate = TunnelGate(
            AccessMiddleware(self.answer, lambda: tunnel_policy(self.config, self.host, self.find), listener="tunnel"),
            lambda: tunnel_policy(self.config, self.host, self.find),
            host=lambda: self.host,
            find_key=self.find,
            proofs=self.proofs,
            on_use=self.use,
            wrong_keys=WrongKeys(self.clock),
        )

    def find(self, text: str) -> NamedKey | None:
        return self.key if self.key.is_text(text) else None

    def use(self) -> None:
        self.uses += 1

    async def answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.came.append({name.decode(): value.decode() for name, value in scope["headers"]})
        headers = [
            (b"content-type", b"text/event-stream"),
            (b"cache-control", b"no-store"),
            (b"X-Accel-Buffering", b"yes"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"data: x\n\n"})

    async def ask(self, method: str, path: str, *, key: str | None = "", **headers: str) -> httpx.Response:
        given = {"host": HOST, **headers}
        if key is not None:
            given["authorization"] = f"Bearer {key or self.text}"
        transport = httpx.ASGITransport(app=self.gate)
        async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
            return await client.request(method, path, json=ASK if method == "POST" else None, headers=given)


@pytest.mark.parametrize("clock_s", [0.0, WRONG_KEYS_S - 1])
async def test_the_eleventh_wrong_key_within_a_minute_is_too_many(clock_s: float) -> None:
    gated = Gated()
    codes = []
    for tries in range(MOST_WRONG_KEYS + 1):
        gated.clock.now = 1000.0 + clock_s * tries / MOST_WRONG_KEYS
        codes.append((await gated.ask("GET", "/v1/models", key="db-guess")).status_code)
    assert codes == [401] * MOST_WRONG_KEYS + [429]
    assert gated.came == []
    # The right key is not affected, nor is a request without any.
    assert (await gated.ask("GET", "/v1/models")).status_code == 200
    assert (await gated.ask("GET", "/v1/models", key=None)).status_code == 401


async def test_after_a_minute_wrong_keys_are_read_again() -> None:
    gated = Gated()
    for _ in range(MOST_WRONG_KEYS):
        await gated.ask("GET", "/v1/models", key="db-guess")
    reply = await gated.ask("GET", "/v1/models", key="db-guess")
    assert (reply.status_code, reply.headers["retry-after"]) == (429, f"{WRONG_KEYS_S:g}")
    gated.clock.now += WRONG_KEYS_S + 1
    assert (await gated.ask("GET", "/v1/models", key="db-guess")).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "/v1/chat/completions", lambda body: body["error"]["type"]),
        ("POST", "/v1/responses", lambda body: body["error"]["type"]),
        ("POST", "/v1/messages", lambda body: (body["type"], body["error"]["type"])),
        ("POST", "/api/chat", lambda body: body["error"]),
        ("GET", "/v1/models", lambda body: body["error"]["type"]),
    ],
)
async def test_too_many_wrong_keys_are_told_in_the_form_of_the_dialect(
    method: str, path: str, found: Callable[[Any], object]
) -> None:
    gated = Gated()
    for _ in range(MOST_WRONG_KEYS):
        await gated.ask("GET", "/v1/models", key="db-guess")
    reply = await gated.ask(method, path, key="db-guess", origin="vscode-file://vscode-app")
    assert (reply.status_code, reply.headers["retry-after"]) == (429, "60")
    expected = {
        "/v1/messages": ("error", "rate_limit_error"),
        "/api/chat": "Too many wrong keys. Try again in a minute.",
    }
    assert found(reply.json()) == expected.get(path, "rate_limit_error")
    assert reply.headers["access-control-allow-origin"] == "vscode-file://vscode-app"
    assert "drawbridge" not in f"{reply.text}{reply.headers}".lower()


async def test_each_key_of_a_request_is_a_try_and_so_is_one_in_another_form() -> None:
    many = Gated()
    headers = [("host", HOST), *(("x-api-key", f"db-guess{n}") for n in range(50))]
    transport = httpx.ASGITransport(app=many.gate)
    async with httpx.AsyncClient(transport=transport, base_url=f"https://{HOST}") as client:
        replies = [await client.get("/v1/models", headers=headers) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [401, 429]
    assert (await many.ask("GET", "/v1/models")).status_code == 200
    bare = Gated()
    codes = [
        (await bare.ask("GET", "/v1/models", key=None, authorization=f"db-guess{n}")).status_code
        for n in range(MOST_WRONG_KEYS + 1)
    ]
    assert codes == [401] * MOST_WRONG_KEYS + [429]


PAGES = {
    "another site's": {"origin": "https://evil.example"},
    "another site's, without an origin": {"sec-fetch-site": "cross-site"},
    "an app's": {"origin": "vscode-file://vscode-app"},
    "this computer's": {"origin": "http://localhost:3000"},
}


@pytest.mark.parametrize("key", [None, "db-guess"])
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
async def test_a_stranger_learns_no_name_whatever_page_it_says_it_is(page: str, method: str, key: str | None) -> None:
    headers = PAGES[page] | ({"access-control-request-method": "POST"} if method == "OPTIONS" else {})
    reply = await Gated().ask(method, "/v1/models", key=key, **headers)
    assert reply.status_code in ({401, 403} if method == "GET" else {204, 403, 404})
    assert not any(name in f"{reply.text}{reply.headers}".lower() for name in ("drawbridge", "claude"))


async def test_a_page_with_the_key_may_read_our_headers() -> None:
    reply = await Gated().ask("POST", "/v1/chat/completions", origin="vscode-file://vscode-app")
    assert "x-drawbridge-way" in reply.headers["access-control-expose-headers"]


FORWARDED = {
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "http",
    "forwarded": "for=203.0.113.7;host=evil.example",
    "via": "1.1 edge",
    "x-real-ip": "203.0.113.7",
    "cf-connecting-ip": "203.0.113.7",
    "true-client-ip": "203.0.113.7",
    "x-client-ip": "203.0.113.7",
}


@pytest.mark.parametrize("name", FORWARDED)
async def test_headers_of_proxies_are_let_in_and_change_nothing(name: str) -> None:
    gated = Gated()
    reply = await gated.ask("POST", "/v1/chat/completions", **{name: FORWARDED[name]})
    assert reply.status_code == 200
    # A host that a proxy names opens nothing.
    stranger = await gated.ask("POST", "/v1/chat/completions", host="evil.example", **{"x-forwarded-host": HOST})
    assert_bare(stranger)
    # Nor does an address make a wrong key another one's.
    for tries in range(MOST_WRONG_KEYS):
        await gated.ask("GET", "/v1/models", key="db-guess", **{name: f"198.51.100.{tries}"})
    assert (await gated.ask("GET", "/v1/models", key="db-guess", **{name: "192.0.2.1"})).status_code == 429


async def test_nothing_on_the_way_may_keep_or_collect_an_answer() -> None:
    gated = Gated()
    replies = [await gated.ask("POST", "/v1/chat/completions"), await gated.ask("GET", "/nothing")]
    for reply in replies:
        assert reply.headers.get_list("cache-control") == ["no-cache, no-transform"]
        assert reply.headers.get_list("x-accel-buffering") == ["no"]
    assert "content-length" not in replies[0].headers


def assert_bare(reply: httpx.Response) -> None:
    assert (reply.status_code, reply.content) == (404, b"")
    assert not any(name in str(reply.headers).lower() for name in ("drawbridge", "claude", "uvicorn", "request-id"))
    assert set(reply.headers) == {"content-length", "cache-control", "x-accel-buffering"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/docs"),
        ("GET", "/health"),
        ("GET", "/metrics"),
        ("GET", "/manual"),
        ("GET", "/openapi.json"),
        ("GET", "/assets/dashboard/main.js"),
        ("POST", "/control/open"),
        ("POST", "/control/tunnel"),
        ("GET", "/control/phone"),
        ("GET", "/control/events"),
        ("GET", "/v1/responses/resp_1"),
        ("DELETE", "/v1/models/sonnet"),
        ("PUT", "/v1/chat/completions"),
        ("GET", "/v1/chat/completions"),
        ("POST", "/v1/sessions"),
        ("POST", "/V1/../control/stop"),
        ("GET", "//control/status"),
        ("GET", "/v1/models/../../control/status"),
    ],
)
async def test_everything_else_is_an_empty_404_also_with_the_right_key(method: str, path: str) -> None:
    gated = Gated()
    assert_bare(await gated.ask(method, path))
    assert gated.came == []
    assert gated.uses == 0


@pytest.mark.parametrize(
    "host",
    [
        *("", "127.0.0.1", "localhost:8082", "evil.example", f"x.{HOST}", f"{HOST}.evil.example"),
        *(f"{HOST}..", f"{HOST}..:443", f"{HOST}:80", f"{HOST}:443.", f"{HOST}, {HOST}", f"{HOST}:443:443"),
    ],
)
async def test_another_host_name_is_an_empty_404(host: str) -> None:
    assert_bare(await Gated().ask("POST", "/v1/chat/completions", host=host))


@pytest.mark.parametrize("host", [HOST, HOST.upper(), f"{HOST}.", f"{HOST}:443"])
async def test_the_public_name_is_known_in_each_form(host: str) -> None:
    assert (await Gated().ask("POST", "/v1/chat/completions", host=host)).status_code == 200


async def test_without_a_public_name_nothing_gets_in() -> None:
    gated = Gated(host="")
    for host in ("", HOST, "127.0.0.1"):
        assert_bare(await gated.ask("POST", "/v1/chat/completions", host=host))


async def test_only_a_right_key_counts_as_use() -> None:
    gated = Gated()
    for key in (None, "db-guess"):
        await gated.ask("POST", "/v1/chat/completions", key=key)
    assert gated.uses == 0
    await gated.ask("POST", "/v1/chat/completions")
    # At its begin and its end: a long answer is not idle.
    assert gated.uses == 2


async def test_a_key_that_is_not_for_the_internet_does_not_keep_the_tunnel_open() -> None:
    gated = Gated()
    gated.key, gated.text = make_key("Local", Rights(listeners=("local",)), now=0.0)
    assert (await gated.ask("POST", "/v1/chat/completions")).status_code == 403
    assert (gated.uses, gated.came) == (0, [])


async def test_a_preflight_of_a_stranger_learns_nothing_and_one_of_the_settings_passes() -> None:
    asks = {"origin": "https://me.example.org", "access-control-request-method": "POST"}
    assert_bare(await Gated().ask("OPTIONS", "/v1/chat/completions", key=None, **asks))
    allowed = Gated(config=Config(allowed_origins=("https://me.example.org",)))
    reply = await allowed.ask("OPTIONS", "/v1/chat/completions", key=None, **asks)
    assert reply.headers["access-control-allow-origin"] == "https://me.example.org"


async def test_a_proof_is_answered_only_while_it_is_asked_and_under_the_public_name() -> None:
    gated = Gated()
    with gated.proofs.asking() as question:
        reply = await gated.ask("GET", question.path, key=None)
        assert (reply.status_code, reply.content) == (200, question.answer)
        assert_bare(await gated.ask("GET", question.path, key=None, host="other.example"))
        assert gated.proofs.seen_host == "other.example"
    assert_bare(await gated.ask("GET", question.path, key=None))


async def test_a_websocket_is_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await Gated().gate({"type": "websocket", "path": "/v1/chat/completions", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close", "code": 1008}]
