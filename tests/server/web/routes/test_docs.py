import re
from pathlib import Path

import pytest

from server.web.routes import docs
from tests.server.web.scene import FakeControl, FakeEngine, client, served


async def test_the_documentation_loads_only_from_this_server() -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get("/docs")
        names = re.findall(r'(?:src|href)="([^"]+)"', reply.text)
        assert "/assets/swagger-ui-bundle.js" in names
        for name in [*names, "/favicon.ico"]:
            assert name.startswith("/")
            assert (await c.get(name)).status_code == 200, name
    assert "default-src 'self'" in reply.headers["content-security-policy"]
    assert not re.search(r"<style|<script(?![^>]*src=)|\son\w+=|style=", reply.text)


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page.css", "text/css"), ("page.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_each_file_has_its_content_type(name: str, kind: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(f"/assets/{name}")
    assert reply.headers["content-type"].split(";")[0] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_missing_asset_does_not_prevent_the_start(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nowhere(name: str) -> Path:
        raise FileNotFoundError(f"the asset {name!r} is missing")

    monkeypatch.setattr(docs, "asset", nowhere)
    async with client(served(FakeEngine())) as c:
        assert (await c.get("/assets/page.css")).status_code == 404
        assert (await c.get("/health")).status_code == 200
    assert "page.css" in caplog.text


async def test_the_document_has_an_example_for_every_endpoint_and_error() -> None:
    async with client(served(FakeEngine(), control=FakeControl())) as c:
        document = (await c.get("/openapi.json")).json()
    assert set(document["paths"]) == {
        "/v1/chat/completions",
        "/v1/models",
        "/v1/models/{model}",
        "/health",
        "/v1/auth/status",
        "/version",
        "/",
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], (method, path)
            assert "422" not in operation["responses"], "we answer 400"
            for status, reply in operation["responses"].items():
                content = reply.get("content", {}).get("application/json", {})
                assert content.get("example") or content.get("examples"), (method, path, status)
    chat = document["paths"]["/v1/chat/completions"]["post"]
    assert len(chat["requestBody"]["content"]["application/json"]["examples"]) >= 3
    assert {"400", "401", "403", "404", "413", "415", "429", "500", "503", "504"} <= set(chat["responses"])
    assert "[DONE]" in chat["responses"]["200"]["content"]["text/event-stream"]["example"]


async def test_the_request_examples_are_answered() -> None:
    async with client(served(FakeEngine())) as c:
        document = (await c.get("/openapi.json")).json()
        body = document["paths"]["/v1/chat/completions"]["post"]["requestBody"]
        for name, example in body["content"]["application/json"]["examples"].items():
            reply = await c.post("/v1/chat/completions", json=example["value"])
            assert reply.status_code == 200, name
            assert "x-drawbridge-ignored" not in reply.headers, name


async def test_the_document_names_the_three_forms_of_the_key_only_if_there_is_one() -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        for key in (None, "k", None):
            engine.change(api_key=key)
            document = (await c.get("/openapi.json")).json()
            forms = {"bearer", "x-api-key", "api-key"} if key else set()
            assert set(document["components"].get("securitySchemes", ())) == forms
            assert {name for needs in document.get("security", ()) for name in needs} == forms
            assert "Error" in document["components"]["schemas"]


async def test_the_title_of_an_operation_is_not_the_name_of_its_function() -> None:
    async with client(served(FakeEngine())) as c:
        document = (await c.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            # FastAPI makes both of the function's name, unless a route has a summary.
            name = operation["summary"].lower().replace(" ", "_")
            assert not operation["operationId"].startswith(name), path
