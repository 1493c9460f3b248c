"""Keys of apps over the whole HTTP side: who gets in where, what each may do, and that no two share anything."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from server.app import create_app
from server.config import Config
from server.conversation.events import Event, Failed, PartDelta, PartStarted, Started
from server.conversation.events import Usage as Tokens
from server.conversation.parts import Text
from server.conversation.request import ModelRequest
from server.dialects.common.sealed import Seal
from server.errors import UpstreamDown
from server.keys.key_book import KeyBook
from server.keys.rights import Rights
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.control.parts import Parts
from server.web.journaling import Entry
from tests.server.web.scene import ASK, NOW, FakeControl, FakeEngine, client, listening, text_events

MAIN = "the-key-of-the-user"
KEYED = Config(api_key=MAIN, require_key=True)
PAGE = {"accept": "text/html"}


@dataclass
class Scene:
    """The HTTP side with a book of keys, and a clock of its own for their limits."""

    folder: Path
    config: Config = KEYED
    listener: str = "local"
    engine: FakeEngine = field(default_factory=FakeEngine)
    entries: list[Entry] = field(default_factory=list)
    is_other_user: bool = False

    def __post_init__(self) -> None:
        self.now = 0.0
        self.book = KeyBook(self.folder, clock=lambda: self.now)
        self.engine.config = self.config
        parts = Parts(keys=self.book)
        control = FakeControl()
        app = create_app(self.config, self.engine, control, clock=lambda: NOW, seal=Seal(b"seal"), parts=parts)

        def ended(entry: Entry, _: int | None) -> None:
            parts.spent(entry)
            self.entries.append(entry)

        self.app = AccessMiddleware(
            app,
            lambda: policy_for(self.config, self.listener, self.book.find),  # type: ignore[arg-type] # a listener's name
            on_end=ended,
        )

    def key(self, name: str, **rights: Any) -> str:
        return self.book.add(name, Rights(**rights))[1]

    def calls(self, key: str = "", **headers: str) -> httpx.AsyncClient:
        host = {"host": "192.168.1.20:8082"} if self.listener == "lan" else {}
        return client(self.app, **({"authorization": f"Bearer {key}"} if key else {}), **host, **headers)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


async def test_a_named_key_is_accepted_in_every_header_until_it_is_revoked(scene: Scene) -> None:
    key = scene.key("Talon")
    for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}, {"api-key": key}):
        async with scene.calls(**headers) as c:
            assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200
    other = scene.key("Cursor")
    scene.book.revoke("Talon")
    async with scene.calls(key) as c:
        refused = await c.post("/v1/chat/completions", json=ASK)
    assert (refused.status_code, refused.json()["error"]["code"]) == (401, "invalid_api_key")
    for right in (other, MAIN):
        async with scene.calls(right) as c:
            assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200
    assert [entry.record.key for entry in scene.entries] == ["Talon"] * 3 + ["", "Cursor", ""]


async def test_it_never_opens_the_dashboard_or_the_controls(scene: Scene) -> None:
    key = scene.key("Talon")
    async with scene.calls(key) as c, scene.calls(MAIN) as main:
        assert "drawbridge-token" not in (await c.get("/", headers=PAGE)).text
        assert "drawbridge-token" in (await main.get("/", headers=PAGE)).text
        assert set((await c.get("/health")).json()) == {"status", "version"}
        for path in ("/control/status", "/control/keys", "/control/journal"):
            assert (await c.get(path)).status_code == 403
            assert (await c.get(path, headers={"x-drawbridge-token": key})).status_code == 403
        assert (await c.post("/control/keys", json={"name": "Other"})).status_code == 403
        assert (await c.post("/control/open")).status_code in {401, 403}
        assert (await main.post("/control/open")).status_code == 200
        account = (await c.get("/v1/auth/status")).json()
        assert (account["signed_in"], account["payer"], account["email"]) == (True, "plan", None)
        assert (await main.get("/v1/auth/status")).json()["email"] == "someone@example.org"


async def test_where_no_key_is_required_only_a_known_key_makes_a_difference(tmp_path: Path) -> None:
    scene = Scene(tmp_path, Config())
    key = scene.key("Talon", models=("opus",))
    async with scene.calls() as none, scene.calls("anything") as wrong, scene.calls(key) as right:
        assert [(await c.post("/v1/chat/completions", json=ASK)).status_code for c in (none, wrong)] == [200, 200]
        shown = [(await c.get("/v1/models")).json()["data"] for c in (none, wrong, right)]
        assert shown[0] == shown[1] != shown[2]
    owners = [request.profile.owner for request in scene.engine.requests]
    assert owners[0] == owners[1]
    assert [entry.record.key for entry in scene.entries] == ["", "", "", "", "Talon"]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/api/chat", "/v1/embeddings"])
async def test_where_no_key_is_required_a_revoked_key_does_not_get_the_rights_of_no_key(
    tmp_path: Path, path: str
) -> None:
    scene = Scene(tmp_path, Config())
    key = scene.key("Talon", models=("opus",))
    scene.book.revoke("Talon")
    for headers in ({"authorization": f"Bearer {key}"}, {"x-api-key": key}, {"api-key": key}):
        async with scene.calls(**headers) as c:
            refused = await c.post(path, json={**BODIES["/v1/messages"], "input": "Hello?"})
            assert refused.status_code == 401
            assert "does not exist any more" in refused.text
            assert (await c.get("/health")).status_code == 200
    assert scene.engine.requests == []


async def test_the_key_of_the_user_is_enough_beside_a_revoked_one(scene: Scene) -> None:
    key = scene.key("Talon")
    scene.book.revoke("Talon")
    async with scene.calls(MAIN, **{"x-api-key": key}) as c:
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200


@pytest.mark.parametrize(
    ("listener", "listeners"), [("local", ("lan",)), ("lan", ("local",)), ("ollama", ("lan", "tunnel"))]
)
async def test_it_works_at_its_listeners_only(tmp_path: Path, listener: str, listeners: tuple[Any, ...]) -> None:
    scene = Scene(tmp_path, listener=listener)
    denied, allowed = scene.key("Away", listeners=listeners), scene.key("Here", listeners=("local", "lan"))
    for headers in ({}, {"x-api-key": "wrong"}):
        async with scene.calls(denied, **headers) as c:
            reply = await c.post("/v1/chat/completions", json=ASK)
        assert (reply.status_code, reply.json()["error"]["code"]) == (403, "access_denied")
        assert "'Away' may not be used from" in reply.text
        assert "The section Keys of the dashboard" in reply.text
    async with scene.calls(allowed) as c:
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200


BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": ASK,
    "/v1/responses": {"model": "sonnet", "input": "Hello?"},
    "/v1/messages": {**ASK, "max_tokens": 100},
    "/v1/completions": {"model": "sonnet", "prompt": "Hello?"},
    "/api/chat": {**ASK, "stream": False},
    "/api/generate": {"model": "sonnet", "prompt": "Hello?", "stream": False},
}


def kind_of(reply: httpx.Response) -> object:
    """The type of an error, as its dialect writes it."""
    error = reply.json()["error"]
    return error["type"] if isinstance(error, dict) else error


def form_of(path: str, openai: str, anthropic: str) -> object:
    return {"/v1/messages": anthropic}.get(path, openai)


@pytest.mark.parametrize("path", BODIES)
async def test_a_limit_is_refused_in_each_dialect_with_the_true_wait(scene: Scene, path: str) -> None:
    async with scene.calls(scene.key("Talon", requests_per_minute=1)) as c, scene.calls(scene.key("Other")) as other:
        assert (await c.post(path, json=BODIES[path])).status_code == 200
        scene.now = 17.5
        refused = await c.post(path, json=BODIES[path])
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "43")
        assert "'Talon' may use 1 request a minute" in refused.text
        if not path.startswith("/api/"):
            assert kind_of(refused) == "rate_limit_error"
        assert len(scene.engine.requests) == 1
        assert (await other.post(path, json=BODIES[path])).status_code == 200
        scene.now = 60.0
        assert (await c.post(path, json=BODIES[path])).status_code == 200


async def test_tokens_of_streamed_and_whole_answers_count(scene: Scene) -> None:
    async with scene.calls(scene.key("Talon", tokens_per_minute=6)) as c:
        # Each answer has 3 + 2 tokens.
        assert (await c.post("/v1/chat/completions", json={**ASK, "stream": True})).status_code == 200
        scene.now = 10.0
        assert (await c.post("/v1/messages", json=BODIES["/v1/messages"])).status_code == 200
        refused = await c.post("/v1/chat/completions", json=ASK)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "50")
    assert "6 tokens a minute" in refused.text


@pytest.mark.parametrize("how", ["disconnected", "stopped", "failed"])
@pytest.mark.parametrize("path", BODIES)
async def test_tokens_of_an_answer_that_is_broken_off_count(tmp_path: Path, path: str, how: str) -> None:
    scene = Scene(tmp_path)
    hangs = asyncio.Event()

    async def answer(_: ModelRequest) -> AsyncGenerator[Event, None]:
        yield Started("claude-sonnet-5", Tokens(input=30, cache_read=10, output=1))
        yield PartStarted(0, Text(""))
        yield PartDelta(0, "x" * 399)
        if how == "failed":
            yield Failed(UpstreamDown())
        hangs.set()
        await asyncio.Event().wait()

    scene.engine.answer = answer
    key = scene.key("Talon", tokens_per_minute=140)
    async with listening(scene.app) as port:
        body = {**BODIES[path], "stream": True}
        headers = {"authorization": f"Bearer {key}", "x-request-id": "mine"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as c:
            async with c.stream("POST", path, json=body) as reply:
                assert reply.status_code == 200
                if how != "failed":
                    await hangs.wait()
                if how == "stopped":
                    assert (await c.delete("/v1/requests/mine")).status_code == 200
                if how != "disconnected":
                    await reply.aread()
            while not scene.entries or scene.entries[-1].record.dialect == "":
                await asyncio.sleep(0.01)
            ended = next(entry for entry in scene.entries if entry.record.dialect)
            assert (ended.usage.prompt, ended.usage.output) == (40, 100)
            kept = ended.ended(200, at=1.0, payer="plan")
            assert kept is not None
            assert kept.usage == ended.usage
            assert (await c.post(path, json=body)).status_code == 429


@pytest.mark.parametrize("path", BODIES)
async def test_401_and_the_body_of_each_dialect_are_as_for_the_users_key(scene: Scene, path: str) -> None:
    key = scene.key("Talon")
    scene.book.revoke("Talon")
    replies = []
    for wrong in (key, "wrong"):
        async with scene.calls(wrong) as c:
            replies.append(await c.post(path, json=BODIES[path], headers={"x-request-id": "same"}))
    assert [reply.status_code for reply in replies] == [401, 401]
    assert replies[0].json() == replies[1].json()


def names_in(value: object) -> set[str]:
    """All texts in a JSON value."""
    if isinstance(value, dict):
        return {name for inner in value.values() for name in names_in(inner)}
    if isinstance(value, list):
        return {name for inner in value for name in names_in(inner)}
    return {value.removesuffix(":latest")} if isinstance(value, str) else set()


@pytest.mark.parametrize("path", ["/v1/models", "/api/tags", "/api/ps", "/api/v0/models", "/api/v1/models"])
async def test_models_that_a_key_may_not_use_are_missing_in_each_list(scene: Scene, path: str) -> None:
    async with scene.calls(scene.key("Talon", models=("Claude-OPUS-*",))) as c, scene.calls(scene.key("All")) as all_:
        for headers in ({}, {"anthropic-version": "2023-06-01"}):
            few, many = [(await one.get(path, headers=headers)).json() for one in (c, all_)]
            assert not any("sonnet" in name.lower() or "embedding" in name for name in names_in(few))
            assert any("opus" in name.lower() for name in names_in(few))
            assert any("sonnet" in name.lower() for name in names_in(many))


async def test_a_model_that_a_key_may_not_use_is_not_described(scene: Scene) -> None:
    async with scene.calls(scene.key("Talon", models=("claude-opus-5",))) as c:
        assert (await c.get("/v1/models/anthropic/opus")).status_code == 200
        for path in ("/v1/models/sonnet", "/v1/models/gpt-4o", "/api/v0/models/sonnet"):
            reply = await c.get(path)
            assert (reply.status_code, reply.json()["error"]["code"]) == (403, "model_not_allowed")
        assert (await c.post("/api/show", json={"model": "sonnet"})).status_code == 403
        assert (await c.post("/v1/models/load", json={"model": "sonnet"})).status_code == 403
        embedding = await c.post("/v1/embeddings", json={"input": "a", "model": "text-embedding-3-small"})
        assert (embedding.status_code, embedding.json()["error"]["code"]) == (403, "model_not_allowed")
    async with scene.calls(scene.key("Index", models=("text-embedding-*",))) as c:
        reply = await c.post("/v1/embeddings", json={"input": "a", "model": "text-embedding-3-small"})
        assert reply.status_code == 200


@pytest.mark.parametrize("path", BODIES)
async def test_each_request_says_which_models_may_answer(scene: Scene, path: str) -> None:
    """`Answering` refuses the others, also a fallback: see its tests."""
    async with scene.calls(scene.key("Talon", models=("haiku", "opus"))) as c, scene.calls(MAIN) as main:
        await c.post(path, json=BODIES[path])
        await main.post(path, json=BODIES[path])
    assert [request.allowed_models for request in scene.engine.requests] == [("haiku", "opus"), ()]


async def test_two_keys_and_the_users_key_are_three_owners_of_everything(scene: Scene) -> None:
    keys = {name: scene.key(name) for name in ("One", "Two")} | {"main": MAIN}
    replies: dict[str, Any] = {}
    for name, key in keys.items():
        async with scene.calls(key) as c:
            replies[name] = (await c.post("/v1/responses", json={"model": "sonnet", "input": name})).json()
    owners = [request.profile.owner for request in scene.engine.requests]
    assert len(set(owners)) == 3
    for reader, key in keys.items():
        async with scene.calls(key) as c:
            for name, stored in replies.items():
                path = f"/v1/responses/{stored['id']}"
                statuses = [
                    (await c.get(path)).status_code,
                    (await c.get(f"{path}/input_items")).status_code,
                    (
                        await c.post("/v1/responses", json={"input": "more", "previous_response_id": stored["id"]})
                    ).status_code,
                ]
                assert statuses == ([200, 200, 200] if reader == name else [404, 404, 400])
                if reader != name:
                    assert (await c.delete(path)).status_code == 404


async def test_what_is_sealed_for_one_key_opens_for_no_other_and_still_after_a_restart(tmp_path: Path) -> None:
    first = Scene(tmp_path)
    one, two = first.key("One"), first.key("Two")
    ask = {"model": "sonnet", "prompt": "my words", "stream": False}
    async with first.calls(one) as c:
        context = (await c.post("/api/generate", json=ask)).json()["context"]
    again = Scene(tmp_path)
    seen = {}
    for name, key in (("one", one), ("two", two), ("main", MAIN)):
        async with again.calls(key) as c:
            await c.post("/api/generate", json={**ask, "prompt": "and?", "context": context})
        seen[name] = "my words" in str(again.engine.requests[-1].messages)
    assert seen == {"one": True, "two": False, "main": False}


async def test_running_requests_are_seen_and_stopped_by_their_own_key_only(scene: Scene) -> None:
    keys = [scene.key("One"), scene.key("Two")]
    lists: list[list[str]] = []

    async def look(request: ModelRequest) -> AsyncGenerator[Event, None]:
        for key in keys:
            async with scene.calls(key) as c:
                lists.append([row["id"] for row in (await c.get("/v1/requests")).json()["data"]])
        async with scene.calls(keys[1]) as c:
            assert (await c.delete(f"/v1/requests/{lists[0][0]}")).status_code == 404
        for event in text_events("done"):
            yield event

    scene.engine.answer = look
    async with scene.calls(keys[0], **{"x-request-id": "req_one"}) as c:
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200
    assert lists == [["req_one"], []]


async def test_an_answer_that_runs_when_its_key_is_revoked_goes_on_to_its_end(scene: Scene) -> None:
    key = scene.key("Talon")

    async def revoked(request: ModelRequest) -> AsyncGenerator[Event, None]:
        first, *rest = text_events("Bon", "jour")
        yield first
        scene.book.revoke("Talon")
        for event in rest:
            yield event

    scene.engine.answer = revoked
    async with scene.calls(key) as c:
        reply = await c.post("/v1/chat/completions", json={**ASK, "stream": True})
        assert "jour" in reply.text
        assert "[DONE]" in reply.text
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 401


async def test_another_user_of_this_computer_gets_in_with_a_named_key_but_not_to_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path, Config())
    key = scene.key("Talon")
    monkeypatch.setattr("server.web.access.middleware.is_other_user", lambda *_: True)
    async with scene.calls(key) as c, scene.calls() as without:
        assert (await c.post("/v1/chat/completions", json=ASK)).status_code == 200
        assert (await without.post("/v1/chat/completions", json=ASK)).status_code == 401
        assert "drawbridge-token" not in (await c.get("/", headers=PAGE)).text
        assert (await c.get("/control/status")).status_code == 403
