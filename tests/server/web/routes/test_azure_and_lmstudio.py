"""Azure's paths and LM Studio's: OpenAI's API under other prefixes, and LM Studio's own lists of models."""

from typing import Any

import pytest
from openai.types import Model

from server.config import Config
from server.web.access.policy import AccessPolicy
from tests.server.web.scene import ASK, FakeEngine, client, served


@pytest.mark.parametrize("model", ["opus", "my-deployment", "anthropic%2Fopus"])
async def test_a_deployment_is_the_model_whatever_the_body_names(model: str) -> None:
    engine = FakeEngine()
    path = f"/openai/deployments/{model}/chat/completions?api-version=2024-10-21"
    async with client(served(engine, policy=AccessPolicy(key="gate-key")), **{"api-key": "gate-key"}) as c:
        reply = await c.post(path, json=ASK)
        without = await c.post(path, json={"messages": ASK["messages"]})
    name = model.replace("%2F", "/")
    assert [answer.json()["model"] for answer in (reply, without)] == [name, name]
    assert [request.model for request in engine.requests] == [name, name]


async def test_azures_completions_and_errors_are_openais() -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.post("/openai/deployments/opus/completions?api-version=x", json={"prompt": "Hi"})
        wrong = await c.post("/openai/deployments/opus/chat/completions", json={"messages": "Hi"})
        models = await c.get("/openai/models?api-version=2024-10-21")
        v1 = await c.post("/openai/v1/chat/completions?api-version=preview", json=ASK)
    assert (reply.json()["object"], reply.json()["model"]) == ("text_completion", "opus")
    assert (wrong.status_code, wrong.json()["error"]["param"]) == (400, "messages")
    assert models.json()["object"] == "list"
    assert v1.json()["model"] == "sonnet"


async def test_lm_studios_first_api() -> None:
    async with client(served(FakeEngine())) as c:
        rows = (await c.get("/api/v0/models")).json()["data"]
        row = (await c.get("/api/v0/models/opus")).json()
        chat = await c.post("/api/v0/chat/completions", json=ASK)
        completion = await c.post("/api/v0/completions", json={"prompt": "Hi"})
    assert [row["id"] for row in rows] == ["sonnet", "anthropic/opus", "use-multilingual-v3"]
    for each in (*rows[:2], row):
        assert (each["object"], each["type"], each["state"]) == ("model", "vlm", "loaded")
        assert each["max_context_length"] == each["loaded_context_length"] == 200_000
    assert row["id"] == "opus"
    assert chat.json()["object"] == "chat.completion"
    assert completion.json()["choices"][0]["text"] == "Bonjour"


async def test_one_list_of_models_is_read_by_clients_of_openai_and_of_lm_studio() -> None:
    async with client(served(FakeEngine())) as c:
        shared: dict[str, Any] = (await c.get("/api/v1/models")).json()
        own: dict[str, Any] = (await c.get("/v1/models")).json()
    assert shared["data"] == own["data"]
    assert set(own) == {"object", "data"}
    for row in shared["data"]:
        Model.model_validate(row, strict=True)
    assert [row["key"] for row in shared["models"]] == ["sonnet", "anthropic/opus", "use-multilingual-v3"]
    for row in shared["models"][:2]:
        assert (row["type"], row["publisher"]) == ("llm", "anthropic")
        assert row["capabilities"] == {"vision": True, "trained_for_tool_use": True}
        assert row["loaded_instances"][0]["id"] == row["key"]
        assert row["max_context_length"] == 200_000


async def test_lm_studio_loads_a_model_that_is_known() -> None:
    async with client(served(FakeEngine(config=Config(strict_models=True)))) as c:
        loaded = await c.post("/api/v1/models/load", json={"model": "opus"})
        unloaded = await c.post("/api/v1/models/unload", json={"instance_id": "opus"})
        unknown = await c.post("/api/v1/models/load", json={"model": "llama-4"})
        nothing = await c.post("/api/v1/models/load", json={})
        chat = await c.post("/api/v1/chat", json={"input": "Hi"})
    assert (loaded.json()["instance_id"], loaded.json()["status"]) == ("opus", "loaded")
    assert unloaded.json() == {"instance_id": "opus"}
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "model_not_found")
    assert nothing.status_code == 400
    assert chat.status_code == 404
    assert "/v1/chat/completions" in chat.json()["error"]["message"]


async def test_a_row_names_the_apis_that_cursor_may_use() -> None:
    async with client(served(FakeEngine())) as c:
        rows = (await c.get("/v1/models")).json()["data"]
    # The row of the model for embeddings names none.
    assert {row["api_types"][0] for row in rows if "api_types" in row} == {"chat_completions"}
