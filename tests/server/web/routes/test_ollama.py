"""Ollama's endpoints beside its chat, and requests that only load a model."""

import json
from dataclasses import replace

import pytest

from server.config import Config
from server.dialects.framing import NDJSON_TYPE
from server.web.access.policy import AccessPolicy, policy_for
from tests.server.web.scene import ASK, FakeEngine, client, served

CAPABILITIES = ["completion", "tools", "vision", "thinking"]


async def test_the_version_is_new_enough_for_codex_and_vs_code() -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.get("/api/version")
        head = await c.head("/api/version")
    assert tuple(map(int, reply.json()["version"].split("."))) >= (0, 13, 4)
    assert head.status_code == 200


async def test_each_model_is_listed_once_by_its_plain_name_with_all_that_strict_clients_read() -> None:
    async with client(served(FakeEngine())) as c:
        rows = (await c.get("/api/tags")).json()["models"]
        running = (await c.get("/api/ps")).json()["models"]
    assert [row["name"] for row in rows] == ["sonnet", "anthropic/opus", "use-multilingual-v3"]
    for row in rows:
        assert row["model"] == row["name"]
        assert row["modified_at"].endswith("Z")
        assert row["size"] > 0
        assert len(row["digest"]) == 64
        assert set(row["details"]) >= {"format", "family", "parameter_size", "quantization_level"}
    assert [row["capabilities"] for row in rows] == [CAPABILITIES, CAPABILITIES, ["embedding"]]
    assert [row["context_length"] for row in running] == [200_000, 200_000]
    assert all(row["expires_at"] > row["modified_at"] and row["size_vram"] == 0 for row in running)


@pytest.mark.parametrize("body", [{"model": "sonnet"}, {"name": "sonnet:latest"}, {"model": "claude-sonnet-5"}])
async def test_a_model_is_described_with_its_context_length_and_capabilities(body: object) -> None:
    async with client(served(FakeEngine())) as c:
        shown = (await c.post("/api/show", json=body)).json()
    assert shown["capabilities"] == CAPABILITIES
    architecture = shown["model_info"]["general.architecture"]
    assert shown["model_info"][f"{architecture}.context_length"] == 200_000
    assert shown["model_info"]["general.basename"] == "Claude Sonnet"
    assert {"modelfile", "parameters", "template", "details", "modified_at"} <= set(shown)
    # By this LiteLLM decides whether a model takes tools.
    assert "tools" in shown["template"].lower()


@pytest.mark.parametrize("path", ["/api/show", "/api/pull"])
async def test_an_unknown_model_is_a_404_in_ollamas_form(path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.post(path, json={"model": "gpt-oss:20b"})
        missing = await c.post(path, json={})
    assert (reply.status_code, reply.json()) == (404, {"error": "model 'gpt-oss:20b' not found"})
    assert (missing.status_code, missing.json()) == (400, {"error": "model is required."})


async def test_a_known_model_is_pulled_at_once() -> None:
    async with client(served(FakeEngine())) as c:
        streamed = await c.post("/api/pull", json={"model": "sonnet:latest"})
        whole = await c.post("/api/pull", json={"model": "sonnet", "stream": False})
    assert streamed.headers["content-type"] == NDJSON_TYPE
    assert [json.loads(line)["status"] for line in streamed.text.splitlines()] == ["pulling manifest", "success"]
    assert streamed.text.endswith("\n")
    assert whole.json() == {"status": "success"}


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("POST", "/api/push"),
        ("DELETE", "/api/delete"),
        ("HEAD", "/api/blobs/sha256:12"),
        ("POST", "/api/blobs/sha256:12"),
        ("POST", "/api/me"),
    ],
)
async def test_what_needs_models_on_this_computer_is_refused(method: str, path: str) -> None:
    async with client(served(FakeEngine())) as c:
        reply = await c.request(method, path, json={"model": "x"})
    assert reply.status_code == 501
    if method != "HEAD":
        assert "models are not kept here" in reply.json()["error"]


async def test_other_paths_and_a_missing_key_are_errors_in_ollamas_form() -> None:
    async with client(served(FakeEngine(), policy=AccessPolicy(key="gate-key"))) as c:
        refused = await c.get("/api/tags")
        unknown = await c.get("/api/nothing", headers={"authorization": "Bearer gate-key"})
    assert (refused.status_code, unknown.status_code) == (401, 404)
    assert all(isinstance(reply.json()["error"], str) for reply in (refused, unknown))


@pytest.mark.parametrize(
    ("path", "body", "reason"),
    [
        ("/api/chat", {"model": "sonnet", "messages": []}, "load"),
        ("/api/chat", {"model": "sonnet"}, "load"),
        ("/api/generate", {"model": "sonnet", "keep_alive": "5m"}, "load"),
        ("/api/generate", {"model": "sonnet", "prompt": "", "keep_alive": 0}, "unload"),
        ("/api/chat", {"model": "sonnet", "keep_alive": "0s", "stream": False}, "unload"),
    ],
)
async def test_a_request_without_a_question_loads_the_model_without_claude(
    path: str, body: dict[str, object], reason: str
) -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        reply = await c.post(path, json=body)
    (line,) = reply.text.splitlines()
    answer = json.loads(line)
    assert (answer["done"], answer["done_reason"], answer["model"]) == (True, reason, "sonnet")
    assert reply.headers["x-drawbridge-way"] == "local"
    assert engine.requests == []


async def test_curl_may_send_json_to_ollamas_paths_without_saying_so() -> None:
    body = json.dumps({**ASK, "stream": False})
    form = {"content-type": "application/x-www-form-urlencoded", "user-agent": "curl/8.5.0"}
    async with client(served(FakeEngine())) as c:
        sent = await c.post("/api/chat", content=body, headers=form)
        assert sent.json()["message"]["content"] == "Bonjour"
        for path, changed in (
            ("/api/chat", {"user-agent": "Mozilla/5.0 (X11)"}),
            ("/api/chat", {"origin": "http://localhost:3000"}),
            ("/api/chat", {"content-type": "text/plain"}),
            ("/v1/chat/completions", {}),
        ):
            assert (await c.post(path, content=body, headers={**form, **changed})).status_code == 415


async def test_the_ollama_listener_says_that_ollama_is_running() -> None:
    engine = FakeEngine()
    async with client(served(engine, policy=policy_for(engine.config, "ollama"))) as c:
        reply, head = await c.get("/"), await c.head("/")
        page = await c.get("/", headers={"accept": "text/html"})
    assert (reply.status_code, reply.text) == (200, "Ollama is running")
    assert head.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    async with client(served(engine)) as c:
        assert (await c.get("/")).json()["name"] == "Drawbridge"


def test_the_ollama_listener_has_the_rules_of_the_local_one() -> None:
    config = Config(api_key="k", allowed_hosts=("a.example",), allowed_origins=("https://a.example",))
    assert replace(policy_for(config, "ollama"), is_ollamas=False) == policy_for(config)


@pytest.mark.parametrize("name", ["sonnet:latest", "sonnet"])
async def test_a_chat_is_answered_under_the_name_that_the_client_wrote(name: str) -> None:
    engine = FakeEngine()
    async with client(served(engine)) as c:
        reply = await c.post("/api/chat", json={**ASK, "model": name})
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert {line["model"] for line in lines} == {name}
    assert "".join(line["message"]["content"] for line in lines) == "Bonjour"
    assert engine.requests[0].model == "sonnet"
