import pytest

from server.config import Config
from tests.server.web.scene import NOW, FakeEngine, client, served


@pytest.mark.parametrize(
    "path", ["/v1/models", "/v1/models/", "/models", "/api/v1/models", "/v1//models", "/v1/v1/models"]
)
async def test_the_models_are_listed(path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(path)
    page = reply.json()
    assert page["object"] == "list"
    assert [row["id"] for row in page["data"]][:2] == ["sonnet", "anthropic/opus"]
    assert {row["created"] for row in page["data"]} == {int(NOW)}
    assert page["data"][0]["context_length"] == 200_000


@pytest.mark.parametrize("name", ["sonnet", "anthropic/opus", "anthropic%2Fopus", "claude-opus-5", "cc:sonnet"])
async def test_a_model_is_found_by_its_name_even_with_a_slash(name: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(f"/v1/models/{name}")
    assert reply.status_code == 200
    assert reply.json()["id"] == name.replace("%2F", "/")


@pytest.mark.parametrize("name", ["gpt-9", "openrouter%2Fanthropic%2Fclaude-sonnet-4.5", "models/opus", "cc:haiku"])
async def test_every_name_that_chat_answers_is_found(name: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(f"/v1/models/{name}")
    assert (reply.status_code, reply.json()["id"]) == (200, name.replace("%2F", "/"))


async def test_an_unknown_model_is_a_404_with_openais_code_where_names_are_strict() -> None:
    engine = FakeEngine(config=Config(strict_models=True))
    async with client(served(engine)) as c:
        assert (await c.get("/v1/models/openai/opus")).status_code == 200
        reply = await c.get("/v1/models/gpt-9")
    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "model_not_found")
