"""The model for embeddings in the lists of models of each API."""

from typing import Any

import pytest
from openai.types import Model

from server.config import Config
from server.embeddings import install
from tests.server.web.scene import FakeEngine, client, served

OWN = "use-multilingual-v3"
ELSEWHERE = Config(embeddings_url="http://127.0.0.1:9/v1", embeddings_model="text-embedding-3-small")


async def lists(config: Config | None = None) -> dict[str, list[dict[str, Any]]]:
    """The rows of each API's list."""
    async with client(served(FakeEngine(config=config or Config()))) as c:
        both = (await c.get("/api/v1/models")).json()
        return {
            "openai": both["data"],
            "ollama": (await c.get("/api/tags")).json()["models"],
            "lmstudio v0": (await c.get("/api/v0/models")).json()["data"],
            "lmstudio v1": both["models"],
        }


def name_in(row: dict[str, Any]) -> str:
    return str(row.get("id") or row.get("key") or row.get("name"))


async def test_it_is_the_last_one_in_each_list() -> None:
    found = await lists()
    assert {api: [name_in(row) for row in rows].index(OWN) - len(rows) for api, rows in found.items()} == (
        dict.fromkeys(found, -1)
    )
    Model.model_validate(found["openai"][-1], strict=True)
    tag = found["ollama"][-1]
    assert (tag["model"], tag["capabilities"], len(tag["digest"])) == (OWN, ["embedding"], 64)
    assert set(tag) == set(found["ollama"][0])
    assert set(tag["details"]) == set(found["ollama"][0]["details"])
    v0, v1 = found["lmstudio v0"][-1], found["lmstudio v1"][-1]
    assert (v0["type"], v0["state"], v0["max_context_length"]) == ("embeddings", "loaded", 8192)
    assert (v1["type"], v1["loaded_instances"][0]["id"], v1["max_context_length"]) == ("embedding", OWN, 8192)
    assert "capabilities" not in v1


@pytest.mark.parametrize("name", [OWN, f"{OWN}:latest", "text-embedding-3-small"])
async def test_ollama_shows_what_it_can(name: str) -> None:
    async with client(served(FakeEngine())) as c:
        shown = (await c.post("/api/show", json={"model": name})).json()
        pulled = await c.post("/api/pull", json={"model": name, "stream": False})
    info = shown["model_info"]
    family = info["general.architecture"]
    assert shown["capabilities"] == ["embedding"]
    assert (info[f"{family}.context_length"], info[f"{family}.embedding_length"]) == (8192, 512)
    # By this LiteLLM would offer tools.
    assert "tools" not in shown["template"].lower()
    assert pulled.json() == {"status": "success"}


async def test_lm_studio_describes_and_loads_it() -> None:
    async with client(served(FakeEngine(config=Config(strict_models=True)))) as c:
        row = (await c.get(f"/api/v0/models/{OWN}")).json()
        loaded = (await c.post("/api/v1/models/load", json={"model": OWN})).json()
        unloaded = (await c.post("/api/v1/models/unload", json={"instance_id": OWN})).json()
    assert (row["id"], row["type"]) == (OWN, "embeddings")
    assert (loaded["type"], loaded["status"]) == ("embedding", "loaded")
    assert unloaded == {"instance_id": OWN}


async def test_of_another_endpoints_model_only_the_name_is_known() -> None:
    found = await lists(ELSEWHERE)
    assert {name_in(rows[-1]) for rows in found.values()} == {"text-embedding-3-small"}
    assert found["openai"][-1]["owned_by"] == "embeddings_url"
    assert "max_context_length" not in found["lmstudio v0"][-1]
    async with client(served(FakeEngine(config=ELSEWHERE))) as c:
        shown = (await c.post("/api/show", json={"model": "text-embedding-3-small"})).json()
        local = await c.post("/api/show", json={"model": OWN})
    assert set(shown["model_info"]) == {"general.architecture", "general.basename"}
    assert local.status_code == 404


@pytest.mark.parametrize("is_elsewhere", [True, False])
async def test_without_a_known_model_there_is_none_in_the_lists(
    is_elsewhere: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(install, "_MODULE", "no_such_package")
    config = Config(embeddings_url="http://127.0.0.1:9/v1") if is_elsewhere else Config()
    assert all(OWN not in map(name_in, rows) for rows in (await lists(config)).values())
    async with client(served(FakeEngine(config=config))) as c:
        assert (await c.post("/api/show", json={"model": OWN})).status_code == 404
