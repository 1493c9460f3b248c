"""The endpoints for embeddings over HTTP, with the real model."""

import asyncio
import base64
import json
from array import array
from collections.abc import AsyncIterator
from typing import Any

import pytest

from server.app import create_app
from server.config import Config
from server.embeddings import install
from server.web.access.middleware import AccessMiddleware, AccessPolicy
from tests.server.embeddings.kit import closeness
from tests.server.embeddings.other_server import ONE, OtherServer, other_server
from tests.server.web.scene import FakeEngine, client, listening, served

OPENAI_PATHS = (
    *("/v1/embeddings", "/embeddings", "/api/v1/embeddings", "/v1//embeddings/", "/openai/embeddings"),
    *("/openai/deployments/ada/embeddings?api-version=2024-02-01", "/openai/v1/embeddings", "/api/v0/embeddings"),
)


@pytest.fixture
async def other() -> AsyncIterator[OtherServer]:
    async with other_server() as found:
        yield found


async def posted(path: str, body: object, *, config: Config | None = None, **headers: str) -> Any:
    engine = FakeEngine(config=config or Config())
    async with client(served(engine), **headers) as c:
        reply = await c.post(path, json=body)
    engine.embedder.close()
    return reply


@pytest.mark.parametrize("path", OPENAI_PATHS)
async def test_every_path_of_openais_form_embeds(path: str) -> None:
    reply = await posted(path, {"input": ["The cat sleeps.", "Le chat dort.", "The train was late."]})
    assert reply.status_code == 200
    assert reply.headers["x-drawbridge-model"] == "use-multilingual-v3"
    first, second, third = (row["embedding"] for row in reply.json()["data"])
    assert len(first) == 512
    assert closeness(first, second) > closeness(first, third) + 0.3


@pytest.mark.parametrize(
    "name", ["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002", "x", ""]
)
async def test_any_name_is_answered_by_the_local_model_under_that_name(name: str) -> None:
    reply = await posted("/v1/embeddings", {"model": name, "input": "hi"})
    assert reply.json()["model"] == (name or "use-multilingual-v3")
    assert reply.headers["x-drawbridge-model"] == "use-multilingual-v3"


async def test_unknown_names_are_refused_where_names_are_strict() -> None:
    strict = Config(strict_models=True)
    for name in ("use-multilingual-v3", "use-multilingual-v3:latest", "text-embedding-3-small"):
        assert (await posted("/v1/embeddings", {"model": name, "input": "hi"}, config=strict)).status_code == 200
    reply = await posted("/v1/embeddings", {"model": "x", "input": "hi"}, config=strict)
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")


async def test_base64_and_floats_and_dimensions() -> None:
    whole = (await posted("/v1/embeddings", {"input": "hi", "dimensions": 256})).json()
    packed = (await posted("/v1/embeddings", {"input": "hi", "dimensions": 256, "encoding_format": "base64"})).json()
    numbers = whole["data"][0]["embedding"]
    assert len(numbers) == 256
    assert numbers == array("f", base64.b64decode(packed["data"][0]["embedding"])).tolist()
    reply = await posted("/v1/embeddings", {"input": "hi", "dimensions": 1536})
    assert reply.status_code == 400
    assert "512" in reply.json()["error"]["message"]
    assert "embeddings_url" in reply.json()["error"]["message"]
    assert reply.json()["error"]["param"] == "dimensions"


async def test_usage_counts_the_models_tokens_and_what_has_no_effect_is_named() -> None:
    reply = await posted("/v1/embeddings", {"input": ["one two three", "word " * 9000], "user": "u"})
    assert reply.json()["usage"] == {"prompt_tokens": 3 + 8192, "total_tokens": 3 + 8192}
    assert reply.headers["x-drawbridge-ignored"] == "user, input[1] (after 8,192 tokens)"


async def test_many_texts_keep_their_order() -> None:
    texts = [f"number {number}" for number in range(200)]
    reply = await posted("/v1/embeddings", {"input": texts})
    rows = reply.json()["data"]
    assert [row["index"] for row in rows] == list(range(200))
    alone = (await posted("/v1/embeddings", {"input": texts[150]})).json()["data"][0]["embedding"]
    assert closeness(rows[150]["embedding"], alone) > 0.9999


async def test_a_long_body_of_tokens_gets_the_clients_option() -> None:
    reply = await posted("/v1/embeddings", {"input": [[7] * 300] * 1000})
    assert reply.status_code == 400
    assert "check_embedding_ctx_length=False" in reply.json()["error"]["message"]


async def test_ollamas_endpoints_reply_and_refuse_in_its_form() -> None:
    texts = {"model": "nomic-embed-text", "input": ["hi", "there"]}
    reply = (await posted("/api/embed", texts)).json()
    assert (reply["model"], len(reply["embeddings"]), reply["prompt_eval_count"]) == ("nomic-embed-text", 2, 2)
    old = (await posted("/api/embeddings", {"model": "x", "prompt": "hi"})).json()
    # Beside another text the last digits differ.
    assert closeness(old["embedding"], reply["embeddings"][0]) > 0.9999
    refused = await posted("/api/embed", {"model": "x", "input": "word " * 9000, "truncate": False})
    assert refused.status_code == 400
    assert refused.json() == {"error": "input is longer than 8,192 tokens, the limit of the local model."}
    locked = await posted("/api/embed", texts, config=Config(api_key="secret"))
    assert locked.status_code == 401
    assert isinstance(locked.json()["error"], str)


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed", "/openai/deployments/ada/embeddings"])
async def test_a_body_that_is_not_declared_as_json_is_refused(path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.post(path, content=b'{"input": "hi"}', headers={"content-type": "text/plain"})
        assert reply.status_code == 415
        assert (await c.get(path)).status_code == 405


async def test_without_the_package_the_error_has_the_exact_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "_MODULE", "no_such_package")
    engine = FakeEngine()
    async with client(served(engine)) as c:
        reply = await c.post("/v1/embeddings", json={"input": "hi"})
        listed = [row["id"] for row in (await c.get("/v1/models")).json()["data"]]
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "embeddings_not_installed")
    assert "'uv run --no-dev --extra embeddings drawbridge'" in reply.json()["error"]["message"]
    assert reply.headers["x-should-retry"] == "false"
    assert "use-multilingual-v3" not in listed


async def test_the_model_is_listed_and_described() -> None:
    async with client(served(FakeEngine())) as c:
        row = (await c.get("/v1/models")).json()["data"][-1]
        assert (row["id"], row["owned_by"]) == ("use-multilingual-v3", "google")
        assert "capabilities" not in row
        assert (await c.get("/v1/models/use-multilingual-v3")).json() == row
        named = (await c.get("/v1/models/text-embedding-3-small")).json()
        assert (named["id"], named["name"]) == ("text-embedding-3-small", row["name"])


async def test_another_endpoint_of_the_settings_gets_the_request_as_it_is(other: OtherServer) -> None:
    config = Config(embeddings_url=other.url)
    body = {"input": [[1, 2]], "dimensions": 3072, "anything": True, "model": "big"}
    reply = await posted("/v1/embeddings", body, config=config)
    assert (reply.status_code, reply.json(), other.bodies) == (200, ONE, [body])
    assert reply.headers["x-drawbridge-way"] == "endpoint"
    other.answers({"error": {"message": "no such model"}}, 404)
    refused = await posted("/v1/embeddings", body, config=config)
    assert (refused.status_code, refused.json()) == (404, {"error": {"message": "no such model"}})


@pytest.mark.parametrize("path", ["/v1/embeddings", "/api/embed"])
@pytest.mark.parametrize("is_first", [False, True])
async def test_the_tokens_that_another_endpoint_counts_are_noted(other: OtherServer, path: str, is_first: bool) -> None:
    usage = {"usage": {"prompt_tokens": 37, "total_tokens": 37}}
    vectors = {"data": [{"index": 0, "embedding": [0.123456] * 3000}], "model": "m"}
    other.answers({**usage, **vectors} if is_first else {**vectors, **usage}, 200)
    engine, noted = FakeEngine(config=Config(embeddings_url=other.url)), []
    app = create_app(engine.config, engine)
    middleware = AccessMiddleware(app, AccessPolicy(), on_end=lambda entry, _: noted.append(entry.usage.prompt))
    async with client(middleware) as c:
        assert (await c.post(path, json={"input": "hi", "model": "m"})).status_code == 200
    assert noted == [37]


async def test_the_settings_or_the_path_name_the_endpoints_model(other: OtherServer) -> None:
    config = Config(embeddings_url=other.url, embeddings_model="bge-m3")
    await posted("/v1/embeddings", {"input": "hi", "model": "big"}, config=config)
    await posted("/openai/deployments/ada/embeddings", {"input": "hi"}, config=Config(embeddings_url=other.url))
    assert [body["model"] for body in other.bodies] == ["bge-m3", "ada"]
    async with client(served(FakeEngine(config=config))) as c:
        listed = [row["id"] for row in (await c.get("/v1/models")).json()["data"]]
    assert "bge-m3" in listed
    assert "use-multilingual-v3" not in listed


async def test_ollamas_form_is_translated_for_the_endpoint(other: OtherServer) -> None:
    config = Config(embeddings_url=other.url)
    reply = await posted("/api/embed", {"model": "m", "input": "hi"}, config=config)
    assert reply.json()["embeddings"] == [[0.5, 0.5]]
    assert reply.headers["x-drawbridge-model"] == "real-model"
    assert other.bodies == [{"model": "m", "input": ["hi"], "encoding_format": "float"}]
    other.answers({"error": {"message": "no such model"}}, 404)
    refused = await posted("/api/embed", {"model": "m", "input": "hi"}, config=config)
    assert (refused.status_code, refused.json()) == (404, {"error": "no such model"})
    other.answers({"detail": "odd"}, 422)
    refused = await posted("/api/embeddings", {"model": "m", "prompt": "hi"}, config=config)
    assert (refused.status_code, refused.json()) == (422, {"error": "odd"})


async def test_a_drawbridge_as_its_own_endpoint_is_refused_instead_of_going_around() -> None:
    engine = FakeEngine()
    async with listening(served(engine)) as port:
        engine.change(embeddings_url=f"http://127.0.0.1:{port}/v1")
        async with client(served(engine)) as c:
            reply = await c.post("/v1/embeddings", json={"input": "hi"})
    assert reply.status_code == 400
    assert "leads to Drawbridge itself" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("path", "body"),
    [("/v1/embeddings", {"input": "hi"}), ("/api/embed", {"input": "hi"}), ("/api/embeddings", {"prompt": "hi"})],
)
async def test_what_another_drawbridge_has_passed_on_is_not_passed_on_again(
    other: OtherServer, path: str, body: dict[str, object]
) -> None:
    engine = FakeEngine(config=Config(embeddings_url=other.url))
    async with client(served(engine)) as c:
        reply = await c.post(path, json={"model": "m", **body}, headers={"x-drawbridge-passed-on": "1"})
    assert (reply.status_code, other.bodies) == (400, [])
    assert "leads to Drawbridge itself" in reply.text


async def test_a_client_that_disconnects_ends_the_request_to_the_endpoint(other: OtherServer) -> None:
    other.reply = None
    engine = FakeEngine(config=Config(embeddings_url=other.url))
    async with listening(served(engine)) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({"input": "hi"}).encode()
        head = f"POST /v1/embeddings HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n"
        writer.write(f"{head}content-type: application/json\r\n\r\n".encode() + body)
        await asyncio.wait_for(other.received.wait(), 30)
        writer.close()
        await asyncio.wait_for(other.closed.wait(), 30)
