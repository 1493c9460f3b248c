"""What the journal learns of each request on its way through the HTTP side."""

import asyncio
import json
from collections.abc import AsyncGenerator
from dataclasses import asdict

import httpx
import pytest

from server.app import create_app
from server.conversation.events import Event, Failed, Started, Timings
from server.conversation.request import ModelRequest
from server.errors import UpstreamDown
from server.journal.record import Record
from server.web.access.middleware import AccessMiddleware
from server.web.access.policy import AccessPolicy
from server.web.journaling import Entry
from tests.server.web.scene import ASK, FakeEngine, client, listening

SECRET = "the-words-of-the-user"
REQUESTS = [
    ("/v1/chat/completions", "chat_completions", {"messages": [{"role": "user", "content": SECRET}]}),
    ("/v1/responses", "responses", {"input": SECRET}),
    ("/v1/messages", "messages", {"max_tokens": 9, "messages": [{"role": "user", "content": SECRET}]}),
    ("/v1/completions", "completions", {"prompt": SECRET}),
    ("/api/chat", "ollama", {"messages": [{"role": "user", "content": SECRET}]}),
    ("/api/generate", "ollama_generate", {"prompt": SECRET}),
    (
        "/openai/deployments/gpt-4o/chat/completions",
        "chat_completions",
        {"messages": [{"role": "user", "content": "x"}]},
    ),
]


class Kept(list[Record]):
    """The records of a server's requests."""

    def app(self, engine: FakeEngine, policy: AccessPolicy | None = None) -> AccessMiddleware:
        return AccessMiddleware(
            create_app(engine.config, engine), policy or AccessPolicy(), on_end=self._end, listener="ollama"
        )

    def _end(self, entry: Entry, status: int | None) -> None:
        record = entry.ended(status, at=1.0, payer="plan")
        if record is not None:
            self.append(record)


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize(("path", "dialect", "body"), REQUESTS)
async def test_an_answer_in_any_dialect_is_one_row_without_its_words(
    path: str, dialect: str, body: dict[str, object], is_streamed: bool
) -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine()), **{"x-title": "Cline", "x-request-id": "mine"}) as c:
        reply = await c.post(path, json={"model": "gpt-4o", "stream": is_streamed, **body})
    assert reply.status_code == 200
    (record,) = kept
    assert (record.id, record.door, record.app, record.dialect) == ("mine", "ollama", "Cline", dialect)
    assert (record.asked, record.model, record.way) == ("gpt-4o", "claude-sonnet-5", "process")
    assert (record.outcome, record.status, record.error) == ("answered", 200, "")
    assert (record.usage.input, record.usage.output, record.cost_usd, record.payer) == (3, 2, 0.0125, "plan")
    assert record.first_ms is not None
    assert 0 < record.first_ms <= record.total_ms
    assert SECRET not in json.dumps(asdict(record))
    assert "Bon" not in json.dumps(asdict(record))


@pytest.mark.parametrize("is_streamed", [False, True])
@pytest.mark.parametrize("is_late", [False, True])
@pytest.mark.parametrize(("path", "body"), [(path, body) for path, _, body in REQUESTS])
async def test_a_failed_answer_has_its_error_and_no_words_of_it(
    path: str, body: dict[str, object], is_streamed: bool, is_late: bool
) -> None:
    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        if not is_late:
            raise UpstreamDown(SECRET)
        yield Started("claude-sonnet-5", way="reset")
        yield Failed(UpstreamDown(SECRET))

    kept = Kept()
    async with client(kept.app(FakeEngine(answer))) as c:
        reply = await c.post(path, json={"model": "sonnet", "stream": is_streamed, **body})
    (record,) = kept
    assert record.status == reply.status_code
    assert (record.outcome, record.error, record.trouble) == ("failed", "UpstreamDown", UpstreamDown.title)
    assert SECRET not in json.dumps(asdict(record))


@pytest.mark.parametrize(
    ("path", "body", "headers", "error", "status"),
    [
        ("/v1/chat/completions", {"model": "sonnet"}, {}, "InvalidRequest", 400),
        ("/v1/chat/completions", ASK, {"authorization": "Bearer wrong"}, "KeyRefused", 401),
        ("/v1/chat/completions", ASK, {"origin": "https://evil.example"}, "OriginRefused", 403),
        ("/v1/v1/nothing", ASK, {}, "NotFound", 404),
    ],
)
async def test_a_refused_request_says_why(
    path: str, body: object, headers: dict[str, str], error: str, status: int
) -> None:
    kept = Kept()
    policy = AccessPolicy(key="right")
    async with client(kept.app(FakeEngine(), policy), **{"authorization": "Bearer right", **headers}) as c:
        reply = await c.post(path, json=body)
    (record,) = kept
    assert reply.status_code == record.status == status
    assert (record.outcome, record.error, record.payer) == ("failed", error, "")
    assert "right" not in json.dumps(asdict(record))
    assert "wrong" not in json.dumps(asdict(record))


@pytest.mark.parametrize(("path", "body"), [(path, body) for path, _, body in REQUESTS])
async def test_a_key_in_the_wrong_place_is_not_kept(path: str, body: dict[str, object]) -> None:
    kept, key = Kept(), "db-0123456789-" + "x" * 43
    path = path.replace("gpt-4o", key)
    async with client(kept.app(FakeEngine()), **{"x-title": key[:30], "x-request-id": key, "user-agent": key}) as c:
        reply = await c.post(path, json={"model": key, **body})
    assert reply.status_code == 200
    assert "456789" not in json.dumps(asdict(kept[0]))
    assert reply.headers["x-request-id"] == kept[0].id


async def test_the_name_of_an_app_is_read_as_utf_8() -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine())) as c:
        for name in ("Übersetzer 翻訳".encode(), "Café".encode("latin-1")):
            assert (await c.post("/v1/chat/completions", json=ASK, headers={b"x-title": name})).status_code == 200
    assert [record.app for record in kept] == ["Übersetzer 翻訳", "Café"]


async def test_a_key_in_a_path_is_not_kept() -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine())) as c:
        await c.post("/v1/sk-ant-0123456789abcdef/chat", json=ASK)
    assert kept[0].path == "/v1/sk-ant-[redacted]/chat"


async def test_a_client_that_hangs_up_is_cancelled() -> None:
    begun = asyncio.Event()

    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("claude-sonnet-5", way="reset")
        begun.set()
        await asyncio.Event().wait()

    kept, engine = Kept(), FakeEngine(answer)
    async with listening(kept.app(engine)) as port, httpx.AsyncClient() as c:
        asking = asyncio.create_task(c.post(f"http://127.0.0.1:{port}/v1/chat/completions", json=ASK))
        await begun.wait()
        asking.cancel()
        await engine.has_closed.wait()
        while not kept:
            await asyncio.sleep(0.01)
    (record,) = kept
    assert (record.outcome, record.status, record.error, record.model) == ("cancelled", None, "", "claude-sonnet-5")


async def test_lists_of_models_and_pages_are_not_requests() -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine())) as c:
        for path in ("/", "/health", "/v1/models", "/docs", "/api/tags", "/favicon.ico", "/manual/nothing"):
            await c.get(path)
    assert kept == []


async def test_embeddings_are_requests_of_the_local_model() -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine())) as c:
        reply = await c.post("/v1/embeddings", json={"model": "text-embedding-3-small", "input": SECRET})
    assert reply.status_code == 200
    (record,) = kept
    assert (record.dialect, record.asked, record.payer) == ("embeddings", "text-embedding-3-small", "")
    assert (record.outcome, record.model) == ("answered", "use-multilingual-v3")
    assert record.usage.input > 0


async def test_a_row_has_the_times_of_its_phases_and_the_fields_without_effect() -> None:
    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("claude-sonnet-5", way="reset", timings=Timings(leased_ms=4.0, sent_ms=9.0, first_ms=20.0))
        raise UpstreamDown(SECRET)

    kept = Kept()
    body = {**ASK, "seed": 7, "a secret name": 1, "tools": [{"type": "function", "function": {"name": SECRET}}]}
    async with client(kept.app(FakeEngine(answer=answer))) as c:
        await c.post("/v1/chat/completions", json=body)
    (record,) = kept
    assert record.ignored == "seed"
    assert record.read_ms is not None
    assert record.leased_ms is not None
    assert 0 < record.read_ms <= record.leased_ms - 4.0
    assert record.sent_ms == pytest.approx(record.leased_ms + 5.0)


async def test_a_refused_request_names_the_field_and_not_what_is_in_it() -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine())) as c:
        await c.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": [{"type": SECRET}]}]})
    (record,) = kept
    assert (record.error, record.param) == ("InvalidRequest", "messages[0].content[0].type")
    assert SECRET not in json.dumps(asdict(record))


@pytest.mark.parametrize("path", ["/v1/a%00b", "/v1/%ED%A0%80", "/v1/%0A%1b[31m", "/v1/%F0%9F%98%80"])
async def test_a_path_of_any_bytes_is_kept_as_printable_text(path: str) -> None:
    kept = Kept()
    async with client(kept.app(FakeEngine())) as c:
        await c.get(path)
    (record,) = kept
    assert record.path.isprintable()
    record.path.encode()
