"""Requests as misconfigured apps send them, and what the page says about each."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace

import pytest

from server import errors
from server.app import create_app
from server.config import Config
from server.conversation.events import Event, Failed, Started
from server.conversation.request import ModelRequest
from server.errors import DrawbridgeError, ModelUnknown, QueueFull, SignInNeeded, UsageLimit, WorkerDied
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.arrivals import diagnosis as module
from server.web.arrivals.arrival import Arrival
from server.web.arrivals.diagnosis import diagnosis
from server.web.arrivals.recent import MOST, RecentArrivals
from server.web.journaling import Entry
from tests.server.web.scene import ASK, Answer, FakeEngine, client, listening

SECRET = "the-words-of-the-user"
KEY = "gate-key"
TALON = {"user-agent": "python-requests/2.32"}
ASKED = {"model": "sonnet", "messages": [{"role": "user", "content": SECRET}]}


@dataclass
class Sent:
    """A request, and the kind of finding with parts of its texts; no kind if nothing is wrong."""

    kind: str | None
    words: tuple[str, ...] = ()
    path: str = "/v1/chat/completions"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: object = field(default_factory=lambda: ASKED)
    settings: dict[str, object] = field(default_factory=dict)
    fails: DrawbridgeError | None = None


KEYED: dict[str, object] = {"api_key": KEY}
CASES = {
    "right": Sent(None),
    "without v1": Sent(None, path="/chat/completions"),
    "doubled v1": Sent(None, path="/v1/v1/chat/completions"),
    "a proxy's prefix": Sent(None, path="/openai/v1/chat/completions"),
    "a list": Sent(None, path="/v1/models", method="GET"),
    "doubled endpoint": Sent(
        "path", ("it adds /chat/completions to", "Remove /chat"), "/v1/chat/completions/chat/completions"
    ),
    "doubled endpoint with v1": Sent(
        "path",
        ("it adds /v1/chat/completions to", "Remove /chat/completions from"),
        "/v1/chat/completions/v1/chat/completions",
    ),
    "a prefix that makes another endpoint": Sent("path", ("has '/api' before",), "/api/chat/completions"),
    "models below the endpoint": Sent("path", ("adds /models to",), "/v1/chat/completions/models", "GET"),
    "another version": Sent("path", ("/v2/chat/completions", "has '/v2' before"), "/v2/chat/completions"),
    "another prefix": Sent("path", ("has '/llm/v1' before",), "/llm/v1/chat/completions"),
    "no path at all": Sent("path", ("sent its request to /v1 itself", "/chat/completions at the end"), "/v1"),
    "root": Sent("path", ("sent its request to / itself",), "/"),
    "a typo": Sent("path", ("/v1/chats/completion,", "exactly this address"), "/v1/chats/completion"),
    "wrong method": Sent("path", ("used PUT",), method="PUT"),
    "speech": Sent("not available", ("/v1/audio/speech", "another address"), "/v1/audio/speech"),
    "no key": Sent("key missing", ("sent no access key", "that this page shows"), settings=KEYED),
    "wrong key": Sent(
        "key wrong", ("not valid here",), headers={"authorization": "Bearer sk-secret-1"}, settings=KEYED
    ),
    "another header": Sent("key wrong", ("not valid",), headers={"x-api-key": "sk-secret-1"}, settings=KEYED),
    "placeholder": Sent(
        "key wrong", ("placeholder",), headers={"authorization": "Bearer YOUR-ACCESS-KEY"}, settings=KEYED
    ),
    "without Bearer": Sent("key missing", ("Bearer KEY",), headers={"authorization": "sk-secret-1"}, settings=KEYED),
    "basic": Sent("key missing", ("in a form",), headers={"authorization": "Basic c2stc2VjcmV0LTE="}, settings=KEYED),
    "host": Sent("host", ("notes.example",), headers={"host": "notes.example:8082"}),
    "proxy": Sent("proxy", ("proxy or tunnel",), headers={"x-forwarded-for": "10.0.0.1"}),
    "origin": Sent("origin", ("https://notes.example",), headers={"origin": "https://notes.example"}),
    "preflight": Sent(
        "origin", ("https://notes.example",), "/v1/models", "OPTIONS", {"origin": "https://notes.example"}
    ),
    "link": Sent("page", ("isn't allowed",), "/v1/models", "GET", {"sec-fetch-site": "cross-site"}),
    "content type": Sent("body", ("not declared as JSON",), headers={"content-type": "text/plain"}),
    "too large": Sent("body", ("too large",), settings={"body_limit_mb": 0.00001}),
    "bad field": Sent("body", ("'messages[0].role'",), body={"messages": [{"role": SECRET, "content": SECRET}]}),
    "no object": Sent("body", ("Invalid request",), body=[SECRET]),
    "unknown model": Sent("model", ("'gpt-9'",), body={**ASKED, "model": "gpt-9"}, fails=ModelUnknown(SECRET)),
    "limit": Sent("limit", ("arrived", "usage limit"), fails=UsageLimit(SECRET, resets_at=2e9)),
    "signed out": Sent("sign in", ("not signed in", "Sign in"), fails=SignInNeeded(SECRET)),
    "busy": Sent("busy", ("too many requests",), fails=QueueFull(SECRET)),
    "died": Sent("claude code", ("ended while",), fails=WorkerDied(SECRET)),
    "a bug": Sent("no answer", ("something went wrong",), fails=DrawbridgeError(SECRET)),
}


class Server:
    """The HTTP side, whose requests arrive in `arrivals`."""

    def __init__(self) -> None:
        self.arrivals = RecentArrivals()
        self.engine = FakeEngine()
        app = create_app(self.engine.config, self.engine)
        self.app = AccessMiddleware(app, lambda: policy_for(self.engine.config), on_end=self._end)

    def reset(self, answer: Answer | None = None, **settings: object) -> None:
        self.arrivals = RecentArrivals()
        self.engine.answer, self.engine.config = answer, Config(**settings)  # type: ignore[arg-type] # a case's fields

    def _end(self, entry: Entry, status: int | None) -> None:
        self.arrivals.add(entry, status, at=1.0)

    def newest(self) -> Arrival:
        return self.arrivals.since(0)[0]


def failing(error: DrawbridgeError) -> Answer:
    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("claude-sonnet-5", way="process")
        yield Failed(error)

    return answer


@pytest.fixture(scope="module")
def shared() -> Server:
    """One application for all tests: it takes a second to make."""
    return Server()


@pytest.fixture
def server(shared: Server) -> Server:
    shared.reset()
    return shared


@pytest.mark.parametrize("name", CASES)
async def test_what_is_wrong_is_told_in_words_without_those_of_the_request(server: Server, name: str) -> None:
    case = CASES[name]
    server.reset(failing(case.fails) if case.fails is not None else None, **case.settings)
    async with client(server.app, **TALON) as c:
        body = None if case.method in {"GET", "OPTIONS"} else case.body
        await c.request(case.method, case.path, json=body, headers=case.headers)
    arrival = server.newest()
    finding = diagnosis(arrival)
    assert (finding.kind if finding else None) == case.kind, (arrival, finding)
    for words in case.words:
        assert words in f"{finding}", finding
    assert SECRET not in f"{arrival} {finding}"
    assert "sk-secret" not in f"{arrival} {finding}"
    assert "c2stc2" not in f"{arrival} {finding}"
    if finding is not None:
        assert finding.text.endswith(".")
        assert finding.help.endswith(".")


async def test_an_app_that_closes_the_connection_early_is_told_to_wait_longer(server: Server) -> None:
    started = asyncio.Event()

    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("claude-sonnet-5", way="process")
        started.set()
        await asyncio.sleep(60)

    server.reset(answer)
    async with listening(server.app) as port:
        asking = asyncio.create_task(asyncio.to_thread(_ask_and_leave, port, started, asyncio.get_running_loop()))
        await asking
        async with asyncio.timeout(20):
            while not server.arrivals.since(0):
                await asyncio.sleep(0.01)
    finding = diagnosis(server.newest())
    assert finding is not None
    assert finding.kind == "hung up"


def _ask_and_leave(port: int, started: asyncio.Event, loop: asyncio.AbstractEventLoop) -> None:
    body = json.dumps(ASK).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nUser-Agent: curl/8\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head.encode() + body)
        asyncio.run_coroutine_threadsafe(started.wait(), loop).result(20)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", {"accept": "text/html"}),
        ("GET", "/", {}),
        ("GET", "/health", {}),
        ("GET", "/favicon.ico", {}),
        ("GET", "/assets/page.css", {}),
        ("POST", "/control/stop", {}),
        ("GET", "/v1/requests", {}),
        ("OPTIONS", "/v1/models", {"origin": "http://localhost:3000"}),
        ("GET", "/v1/models", {"x-title": "Playground"}),
    ],
)
async def test_what_no_app_sent_does_not_arrive(
    server: Server, method: str, path: str, headers: dict[str, str]
) -> None:
    async with client(server.app) as c:
        await c.request(method, path, headers=headers)
    assert server.arrivals.since(0) == []


def test_every_error_named_here_exists_and_every_error_has_words() -> None:
    assert {name for name in module._BY_ERROR if not hasattr(errors, name)} == {"Https"}
    for name in errors.__all__:
        finding = diagnosis(Arrival(1.0, "Talon", error=name, title="A title", status=500))
        assert (finding is None) == (name == "UpgradeRefused")


def test_a_tls_handshake_arrives_and_only_so_much_is_kept() -> None:
    arrivals = RecentArrivals(clock=lambda: 5.0)
    seen: list[Arrival] = []
    arrivals.on_add = seen.append
    for _ in range(MOST + 5):
        arrivals.add_https()
    kept = arrivals.since(4)
    assert len(kept) == MOST
    assert len(seen) == MOST + 5
    assert arrivals.since(5) == []
    finding = diagnosis(replace(kept[0]))
    assert finding is not None
    assert (finding.kind, "http://" in finding.help) == ("https", True)
