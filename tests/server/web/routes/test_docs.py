import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from server.config import Config
from server.machine.files.assets import asset
from server.web.access.middleware import AccessMiddleware, policy_for
from server.web.routes import docs
from tests.server.web.documented import examples_in
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
    [("page.css", "text/css"), ("dashboard/main.js", "text/javascript"), ("icon.svg", "image/svg+xml")],
)
async def test_each_file_has_its_content_type(name: str, kind: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get(f"/assets/{name}")
    assert reply.headers["content-type"].split(";")[0] == kind
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_every_module_of_the_dashboard_imports_only_what_is_served() -> None:
    async with client(served(FakeEngine())) as c:
        seen, waiting = set(), ["/assets/dashboard/main.js"]
        while waiting:
            address = waiting.pop()
            seen.add(address)
            reply = await c.get(address)
            assert (reply.status_code, reply.headers["content-type"]) == (200, "text/javascript; charset=utf-8"), (
                address
            )
            for found in re.findall(r"^(?:import|export)\b[^;]*?from\s*[\"']([^\"']+)[\"']", reply.text, re.MULTILINE):
                target = urljoin(address, found)
                waiting += [] if target in seen else [target]
    assert "/assets/vendor/preact-htm.js" in seen
    folder = asset("web/dashboard/main.js").parent
    dashboard = {f"/assets/dashboard/{file.relative_to(folder).as_posix()}" for file in folder.rglob("*.js")}
    assert dashboard - seen == set()


async def test_the_folders_of_the_dashboard_serve_nothing_else() -> None:
    async with client(served(FakeEngine())) as c:
        for name in (
            "vendor/preact-htm.LICENSE.txt",
            "dashboard",
            "dashboard/",
            "dashboard/../page.html",
            "page.html",
            "dashboard/computer",
        ):
            assert (await c.get(f"/assets/{name}")).status_code == 404, name


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
        "/v1/messages",
        "/v1/messages/count_tokens",
        "/v1/responses",
        "/v1/responses/compact",
        "/v1/responses/input_tokens",
        "/v1/chat/completions/{completion_id}",
        "/v1/chat/completions/{completion_id}/status",
        "/v1/models/capabilities",
        "/v1/tools",
        "/v1/requests",
        "/v1/requests/{request_id}",
        "/v1/projects",
        "/v1/projects/{project_id}",
        "/v1/sessions",
        "/v1/sessions/stats",
        "/v1/sessions/{session_id}",
        "/v1/sessions/{session_id}/fork",
        "/v1/responses/{response_id}",
        "/v1/responses/{response_id}/input_items",
        "/v1/completions",
        "/openai/deployments/{deployment}/chat/completions",
        "/openai/deployments/{deployment}/completions",
        "/openai/deployments/{deployment}/embeddings",
        "/api/v0/chat/completions",
        "/api/v0/completions",
        "/api/v0/embeddings",
        "/api/chat",
        "/api/generate",
        "/api/version",
        "/api/tags",
        "/api/ps",
        "/api/show",
        "/api/pull",
        "/api/v0/models",
        "/api/v0/models/{model}",
        "/v1/embeddings",
        "/api/embed",
        "/api/embeddings",
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


async def test_the_request_examples_are_answered(tmp_path: Path) -> None:
    config = Config(projects_by_api=True, projects_root=tmp_path)
    async with client(served(FakeEngine(config=config))) as c:
        for example in examples_in((await c.get("/openapi.json")).json()):
            if example.body is not None:
                reply = await c.request(example.method, example.path, json=example.body)
                assert reply.status_code == 200, example
                assert "x-drawbridge-ignored" not in reply.headers, example


FORMS = {"bearer", "x-api-key", "api-key"}
PUBLIC = {("/", "get"), ("/health", "get")}


async def locks(app: AccessMiddleware, **headers: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The forms of the key that the document names, and the operations that need it."""
    async with client(app) as c:
        document = (await c.get("/openapi.json", headers=headers)).json()
    locked = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            named = {name for needs in operation.get("security", ()) for name in needs}
            assert named in (set(), FORMS)
            if named:
                locked.add((path, method))
    assert "Error" in document["components"]["schemas"]
    assert "security" not in document
    return set(document["components"].get("securitySchemes", ())), locked


async def test_the_document_names_the_three_forms_of_the_key_only_if_one_is_needed() -> None:
    engine = FakeEngine()
    app = served(engine)
    for key in (None, "k", None):
        engine.change(api_key=key)
        forms, locked = await locks(app)
        assert forms == (FORMS if key else set())
        assert bool(locked) is bool(key)


async def test_operations_that_are_open_to_read_have_no_lock() -> None:
    engine = FakeEngine(config=Config(api_key="k"))
    forms, locked = await locks(served(engine, control=FakeControl()))
    async with client(served(engine)) as c:
        paths = (await c.get("/openapi.json")).json()["paths"]
    every = {(path, method) for path, operations in paths.items() for method in operations}
    assert (forms, locked) == (FORMS, every - PUBLIC)
    assert ("/v1/chat/completions", "post") in locked


async def test_with_the_key_the_document_names_it_too() -> None:
    """A client generator that sends the key must see that it is needed."""
    app = served(FakeEngine(config=Config(api_key="k")))
    assert await locks(app, authorization="Bearer k") == await locks(app)


async def test_while_only_other_devices_need_the_key_only_they_see_locks(monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(api_key="k", reach="lan", sources={"api_key": "default"})
    engine = FakeEngine(config=config)
    assert await locks(served(engine)) == (set(), set())
    lan = served(engine, policy=policy_for(config, "lan"))
    assert (await locks(lan, host="192.168.1.20:8082"))[0] == FORMS
    # Another user of this computer needs the key too.
    monkeypatch.setattr("server.web.access.middleware.is_other_user", lambda *_: True)
    assert (await locks(served(engine)))[0] == FORMS


async def test_the_title_of_an_operation_is_not_the_name_of_its_function() -> None:
    async with client(served(FakeEngine())) as c:
        document = (await c.get("/openapi.json")).json()
    for path, methods in document["paths"].items():
        for operation in methods.values():
            # FastAPI makes both of the function's name, unless a route has a summary.
            name = operation["summary"].lower().replace(" ", "_")
            assert not operation["operationId"].startswith(name), path
