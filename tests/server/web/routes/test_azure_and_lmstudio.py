"""Azure's paths and LM Studio's: OpenAI's API under other prefixes, and LM Studio's own lists of models."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from openai.types import Model

from server.config import Config
from server.conversation.events import (
    Event,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    StopReason,
    Timings,
    Usage,
)
from server.conversation.parts import Text
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


async def timed(_: object) -> AsyncGenerator[Event, None]:
    """An answer of 60 tokens, half a second after the request, in two seconds."""
    yield Started("claude-sonnet-5")
    yield PartStarted(0, Text(""))
    yield PartDelta(0, "Bonjour")
    yield PartEnded(0)
    yield Finished(StopReason.LENGTH, usage=Usage(output=60), timings=Timings(10, 500, 2500))


STATS = {
    "tokens_per_second": 30.0,
    "time_to_first_token": 0.5,
    "generation_time": 2.0,
    "stop_reason": "maxPredictedTokensReached",
}
INFO = {"arch": "claude", "quant": "", "format": "remote", "context_length": 200_000}


@pytest.mark.parametrize(("path", "asked"), [("chat/completions", ASK), ("completions", {"prompt": "Hi"})])
async def test_replies_of_lm_studios_first_api_have_its_fields(path: str, asked: dict[str, Any]) -> None:
    engine = FakeEngine(answer=timed)
    async with client(served(engine)) as c:
        whole = (await c.post(f"/api/v0/{path}", json=asked)).json()
        streamed = (await c.post(f"/api/v0/{path}", json={**asked, "stream": True})).text
        openais = (await c.post(f"/v1/{path}", json=asked)).json()
    chunks = [json.loads(line[6:]) for line in streamed.split("\n\n") if line.startswith("data: {")]
    assert streamed.endswith("data: [DONE]\n\n")
    assert chunks[-1]["choices"][0]["finish_reason"] == "length"
    for reply in (whole, chunks[-1]):
        assert (reply["stats"], reply["model_info"]) == (STATS, INFO)
        assert reply["runtime"]["name"] == "drawbridge"
    assert all("stats" not in chunk for chunk in chunks[:-1])
    added = {"stats", "model_info", "runtime"}
    assert set(whole) - added == set(openais)
    assert not added & set(openais)


async def test_without_times_and_a_known_model_no_figure_is_made_up() -> None:
    async def odd(_: object) -> AsyncGenerator[Event, None]:
        yield Started("claude-of-tomorrow")
        yield Finished(StopReason.END, usage=Usage(output=60))

    async with client(served(FakeEngine(answer=odd))) as c:
        reply = (await c.post("/api/v0/chat/completions", json=ASK)).json()
    assert "tokens_per_second" not in reply["stats"]
    assert "context_length" not in reply["model_info"]


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
